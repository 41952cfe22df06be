"""Before the wire: deadlines, refusals, holds, and cancelling."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from bench import QUOTE, Bench

from overcrank.admission.gate import Elsewhere
from overcrank.errors import Cancelled, DeadlineMissed, OverBudget, TooLate, UnknownJob
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Hold
from overcrank.pipeline import flow
from overcrank.pipeline.cancel import cancel


def test_a_job_past_its_deadline_is_not_started(bench: Bench) -> None:
    """It fails before the gate, and nothing is spent."""
    job, outcome = bench.start(deadline=datetime.now(UTC) - timedelta(seconds=1))
    assert Ended() == outcome
    assert (State.FAILED, (0, 0), []) == (job.state, bench.money(), bench.vendor.created)
    assert isinstance(job.exception, DeadlineMissed)


def test_a_deadline_ahead_holds_nobody_up(bench: Bench) -> None:
    """In time is in time."""
    job, _ = bench.start(deadline=datetime.now(UTC) + timedelta(hours=1))
    assert State.GENERATING == job.state


def test_a_clip_dearer_than_a_window_is_refused(make_bench: Callable[..., Bench]) -> None:
    """No waiting would help; the error says what it costs and what a window holds."""
    bench = make_bench(budget={"cap": 2})
    job, outcome = bench.start(quote=2_000_001)
    assert Ended() == outcome
    assert (State.REFUSED, (0, 0), []) == (job.state, bench.money(), bench.vendor.created)
    assert isinstance(job.exception, OverBudget)
    assert "$2.000001" in str(job.exception)
    assert "$2.00" in str(job.exception)


def test_the_first_attempt_is_within_what_a_job_may_cost(make_bench: Callable[..., Bench]) -> None:
    """Dearer than a job may be in all, it is never sent; at the cap it is."""
    bench = make_bench(retry={"spend_cap": 1})
    job, outcome = bench.start(quote=QUOTE + 1)
    assert (Ended(), State.REFUSED, (0, 0), []) == (outcome, job.state, bench.money(), bench.vendor.created)
    assert isinstance(job.exception, OverBudget)
    assert "$1.000001 would be reserved and a job may cost $1.00 in all" in str(job.exception)
    assert State.GENERATING == bench.start(quote=QUOTE)[0].state


def test_what_is_reserved_counts_and_what_was_paid_before(make_bench: Callable[..., Bench]) -> None:
    """Not the bare price; and a job that was charged already does not end as if nothing had been spent."""
    bench = make_bench(retry={"spend_cap": 1.4})
    job = bench.enter()
    bench.redis.hset(bench.keys.job(job.id), "paid", 400_001)
    assert Ended() == flow.start(bench.jobs.get(job.id), bench.tools)
    ended = bench.jobs.get(job.id)
    assert (State.FAILED, 400_001) == (ended.state, ended.cost)
    assert "after $0.400001 for attempts before it" in str(ended.exception)
    for _ in range(30):
        bench.runtime.calibration.note(job.clip, 1_000_000, 1_500_000)
    bench.runtime.calibration._read_at = float("-inf")
    assert State.REFUSED == bench.start()[0].state


def test_a_deadline_that_is_missed_says_what_was_charged_before(bench: Bench) -> None:
    """An attempt before may have been charged and failed."""
    job = bench.enter(deadline=datetime.now(UTC) - timedelta(seconds=1))
    bench.redis.hset(bench.keys.job(job.id), "paid", 500_000)
    flow.start(bench.jobs.get(job.id), bench.tools)
    ended = bench.jobs.get(job.id)
    assert (State.FAILED, 500_000) == (ended.state, ended.cost)
    assert "$0.50 was charged for attempts before" in str(ended.exception)


def test_an_exhausted_budget_holds_until_the_window_ends(make_bench: Callable[..., Bench]) -> None:
    """The hold says which limit, until when, and how long that is; the job is left as it was."""
    bench = make_bench(budget={"cap": 1})
    bench.start(quote=QUOTE)
    job, outcome = bench.start(quote=QUOTE)
    assert isinstance(outcome, Hold)
    assert ("budget", bench.ledger.window().end) == (outcome.limit, outcome.until)
    assert 0 < outcome.wait <= 3600
    assert (State.QUEUED, 1, True) == (job.state, job.version, outcome.same)


def test_a_gate_that_believes_in_another_window_is_set_right(bench: Bench) -> None:
    """Its own clock is a year off; the server's decides, and the job goes through."""
    bench.later(365 * 86_400)
    job, _ = bench.start()
    assert State.GENERATING == job.state
    assert job.books == bench.keys.books_of(job.project, bench.ledger.period())


def test_the_gate_opens_for_nobody_without_limits(bench: Bench) -> None:
    """Somebody flushed the server: nothing is admitted until the limits are written again."""
    bench.redis.delete(bench.keys.limits)
    _, outcome = bench.start()
    assert isinstance(outcome, Hold)
    assert "no-limits" == outcome.limit


def test_a_message_of_a_job_in_flight_does_nothing(bench: Bench) -> None:
    """A doubled message finds the job elsewhere."""
    job, _ = bench.start()
    stale = bench.jobs.get(job.id)
    assert Done("the job is generating") == flow.admit(stale, bench.tools)


def test_a_queued_job_can_be_cancelled(bench: Bench) -> None:
    """It ends at once, costs nothing, and a second cancel finds it so."""
    job = bench.enter()
    cancelled = cancel(job.id, bench.jobs, bench.tools.gate)
    assert (State.CANCELLED, 0) == (cancelled.state, cancelled.cost)
    assert isinstance(cancelled.exception, Cancelled)
    assert State.CANCELLED == cancel(job.id, bench.jobs, bench.tools.gate).state
    assert Done("the job is cancelled") == flow.start(job, bench.tools)


@pytest.mark.parametrize("state", [State.SUBMITTING, State.IN_DOUBT, State.GENERATING, State.UNDELIVERED])
def test_a_job_that_may_be_paid_for_can_not_be_cancelled(bench: Bench, state: State) -> None:
    """It will be delivered; the error says where it is."""
    job = bench.at(state)
    with pytest.raises(TooLate, match=str(state)):
        cancel(job.id, bench.jobs, bench.tools.gate)
    assert state == bench.jobs.get(job.id).state


def test_an_ended_or_unknown_job_can_not_be_cancelled(bench: Bench) -> None:
    """Each says why."""
    job = bench.finish(bench.enter().id)
    with pytest.raises(TooLate, match="succeeded already"):
        cancel(job.id, bench.jobs, bench.tools.gate)
    with pytest.raises(UnknownJob):
        cancel("nobody", bench.jobs, bench.tools.gate)


class Racing:
    """Lets something happen between the look at a job and the move."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)

    def leave(self, _: object) -> None:
        """Do the next step."""
        if self._steps:
            self._steps.pop(0)()


def test_a_job_that_was_let_through_can_still_be_cancelled(bench: Bench) -> None:
    """The gate was faster than the cancel, and nothing is sent yet: its money and its slot are given back."""
    job = bench.enter()
    cancelled = cancel(job.id, bench.jobs, Racing(lambda: bench.tools.gate.admit(job)))  # type: ignore[arg-type]
    assert (State.CANCELLED, (0, 0), []) == (cancelled.state, bench.money(), bench.slots())
    assert Elsewhere("cancelled") == bench.tools.gate.claim(job)


def test_a_cancel_that_races_with_its_sender_loses(bench: Bench) -> None:
    """The sender had its word first: the job may be paid for, and the cancel says so and gives nothing back."""
    job = bench.at(State.ADMITTED)
    with pytest.raises(TooLate, match="submitting"):
        cancel(job.id, bench.jobs, Racing(lambda: bench.tools.gate.claim(job)))  # type: ignore[arg-type]
    assert (QUOTE, 0) == bench.money()
