"""The calendar is in the keys: two beats, none, or one with a wrong clock break no cap, and nothing stays stuck."""

import time
from collections.abc import Callable

import pytest

from overcrank.admission.gate import Admitted, Deferred, Gate, Parked
from overcrank.clock import SECOND, ManualClock
from overcrank.job import Job
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]


def until_next(runtime: Runtime) -> None:
    """Wait for the next window."""
    time.sleep(max(0.0, (runtime.ledger.window().end - runtime.jobs.now()) / SECOND) + 0.01)


def test_nobody_ticks(make: Make, admit: Admit, enter: Admit) -> None:
    """A new window has its whole cap at once, and what was held is admitted when it asks."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 1, "window": 2})
    until_next(runtime)
    admit(runtime, 1_000_000)
    late = enter(runtime, 1_000_000)
    assert isinstance(runtime.gate.admit(late), Deferred)
    until_next(runtime)
    assert isinstance(runtime.gate.admit(late), Admitted)
    assert 1_000_000 == runtime.ledger.last_window().reserved


def test_a_tick_after_a_long_silence_lets_all_go_that_there_is_room_for(make: Make, admit: Admit, enter: Admit) -> None:
    """Parked jobs wait for one tick at the most once somebody ticks again, and the cap holds."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 100, "window": 2, "project_cap": 2})
    until_next(runtime)
    admit(runtime, 2_000_000)
    jobs = [enter(runtime, 1_000_000) for _ in range(3)]
    assert [Parked("project-budget")] * 3 == [runtime.gate.admit(job) for job in jobs]
    until_next(runtime)
    until_next(runtime)
    assert {"default": 3} == runtime.parking.counts()
    assert [job.id for job in jobs[:2]] == runtime.parking.release()
    assert [] == runtime.parking.release()
    assert {"default": 1} == runtime.parking.counts()


def test_two_beats_at_once(make: Make, admit: Admit) -> None:
    """One of them opens the window; the second finds everything done."""
    first, second = make(budget={"cap": 1}), make(budget={"cap": 1})
    first.ledger.settle(admit(first, 900_000), 900_000)
    assert [True, False] == [each.ledger.tick()["opened"] for each in (first, second)]
    assert (0, 900_000) == (first.ledger.window().reserved, second.ledger.window().spent)


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_beat_and_a_worker_with_a_wrong_clock(make: Make, enter: Admit, hours: int) -> None:
    """The server says what time it is: in which window money is booked, and when a tick was."""
    runtime = make(budget={"cap": 1})
    clock = ManualClock(runtime.jobs.now() + hours * 3600 * SECOND)
    gate = Gate(runtime.scripts, runtime.settings, clock, "wrong", runtime.calibration)
    assert isinstance(gate.admit(enter(runtime, 600_000)), Admitted)
    assert isinstance(gate.admit(enter(runtime, 600_000)), Deferred)
    assert 600_000 == runtime.ledger.window().reserved
    runtime.clock = clock
    runtime.ledger.tick()
    assert abs(runtime.ledger.books()["ticked"] - runtime.jobs.now()) < 5 * SECOND
