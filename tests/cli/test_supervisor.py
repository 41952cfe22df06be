"""The supervisor: what ends is started again, what is asked to stop stops, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from overcrank.cli import supervisor as module
from overcrank.cli.supervisor import GAVE_UP, Child, Spec, Supervisor

from .conftest import alive, children, until

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
STUBBORN = [
    sys.executable, "-S", "-c",
    "import signal, time; signal.signal(15, lambda *_: None); print('up', flush=True); time.sleep(300)",
]  # fmt: skip


@pytest.fixture
def said() -> list[str]:
    """What a supervisor says."""
    return []


@pytest.fixture
def keeper(said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor that hardly waits before it starts something again; it stops all it started."""
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    made = Supervisor(said.append)
    yield made
    for child in made.children:
        child.kill()
        child.reap()


def steps(keeper: Supervisor, done: Callable[[], bool]) -> None:
    """Let a supervisor work until *done*."""

    def look() -> bool:
        keeper.step(0.02)
        return done()

    until(look)


def test_a_killed_child_is_started_again(keeper: Supervisor, said: list[str]):
    """A child that was killed comes back as a new process, and that is said."""
    child = keeper.add(Spec("sleeper", SLEEPER))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    steps(keeper, lambda: child.pid not in {None, first})
    assert (1, False) == (child.restarts, alive(first))
    assert said[0].startswith("sleeper was ended by SIGKILL after")


def test_a_child_that_ends_by_itself_is_started_again(keeper: Supervisor):
    """A child that ends with code 0 was not asked to, so it comes back too."""
    child = keeper.add(Spec("brief", [sys.executable, "-S", "-c", "pass"]))
    steps(keeper, lambda: child.restarts >= 2)
    assert not child.gave_up


def test_a_child_that_keeps_crashing_is_given_up(keeper: Supervisor, said: list[str]):
    """After so many crashes in a row a child is given up, and with an essential one everything."""
    child = keeper.add(Spec("broken", [sys.executable, "-S", "-c", "raise SystemExit(3)"], crashes=3))
    steps(keeper, lambda: child.gave_up)
    assert (child, 2, 3) == (keeper.failed, child.restarts, len(said))
    assert "broken ended with code 3" in said[-1]
    assert "it is given up" in said[-1]


def test_a_child_that_is_not_needed_is_given_up_alone(keeper: Supervisor):
    """What is not essential may stay away."""
    child = keeper.add(Spec("broken", [sys.executable, "-S", "-c", "raise SystemExit(3)"], crashes=1, essential=False))
    steps(keeper, lambda: child.gave_up)
    assert keeper.failed is None


def test_waits_grow_and_are_bounded(keeper: Supervisor, monkeypatch: pytest.MonkeyPatch):
    """Each crash at once doubles the wait, up to a limit; jitter only shortens it."""
    monkeypatch.setattr(module, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(module.random, "uniform", lambda _low, high: high)
    child, waits = Child(Spec("x", SLEEPER, crashes=9)), []
    for _ in range(7):
        child.begun = time.monotonic()
        keeper._ended(child, 1)
        assert child.again_at is not None
        waits.append(round(child.again_at - time.monotonic()))
    assert [2, 4, 8, 16, 30, 30, 30] == waits


def test_a_child_that_ran_for_a_while_starts_afresh(keeper: Supervisor):
    """A crash after a steady run does not count with those before it."""
    child = Child(Spec("x", SLEEPER))
    child.fast, child.begun = 4, time.monotonic() - module.STEADY - 1
    keeper._ended(child, 1)
    assert (0, False) == (child.fast, child.gave_up)


def test_stopping_goes_by_rank(keeper: Supervisor):
    """Those that others need stop last."""
    ended: list[str] = []
    for name, rank in (("server", 2), ("worker", 0), ("vendor", 1)):
        child = keeper.add(Spec(name, SLEEPER, rank=rank))
        reap = child.reap
        child.reap = lambda name=name, reap=reap: ended.append(name) if (code := reap()) is not None else None or code
    keeper.stop()
    assert ["worker", "vendor", "server"] == ended


def test_a_stubborn_child_is_killed_when_its_grace_is_over(said: list[str]):
    """What does not stop is killed, and that is said."""
    lines: list[str] = []
    keeper = Supervisor(said.append, lambda _child, output: lines.append(output.readline()))
    child = keeper.add(Spec("stubborn", STUBBORN, grace=0.3))
    pid = child.pid
    keeper.stop()
    assert (["up\n"], ["stubborn did not stop in 0.3 s and is killed"], False) == (lines, said, alive(pid or 0))


def test_what_a_child_leaves_behind_goes_with_it(keeper: Supervisor):
    """A grandchild that outlives the child is ended with the child's process group."""
    code = f"import subprocess; subprocess.Popen({SLEEPER!r}); import time; time.sleep(300)"
    child = keeper.add(Spec("parent", [sys.executable, "-c", code]))
    grandchild = until(lambda: children(child.pid or 0))[0]
    os.kill(child.pid or 0, signal.SIGKILL)
    steps(keeper, lambda: child.restarts == 1)
    until(lambda: not alive(grandchild))


PROGRAM = """
import json, sys
from overcrank.cli.supervisor import Spec, Supervisor, stamp
keeper = Supervisor(stamp)
with keeper.signals():
    child = keeper.add(Spec("child", json.loads(sys.argv[1]), grace=float(sys.argv[2])))
    print(child.pid, flush=True)
    sys.exit(keeper.run())
"""


@pytest.fixture
def house() -> Iterator[Callable[..., tuple["subprocess.Popen[str]", int]]]:
    """Starts a supervisor as a process of its own; returns it and the process id of its child."""
    running: list[subprocess.Popen[str]] = []

    def begin(command: list[str], grace: float = 20.0) -> tuple["subprocess.Popen[str]", int]:
        import json

        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(command), str(grace)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_both_with_0(house, number: signal.Signals):
    """SIGTERM, Ctrl-C and a closed terminal stop the child and end the supervisor with 0."""
    process, child = house(SLEEPER)
    process.send_signal(number)
    assert (0, False) == (process.wait(10), alive(child))


def test_a_second_signal_makes_it_short(house):
    """A child that takes its time gets SIGQUIT when somebody asks again."""
    process, child = house(STUBBORN)
    assert process.stdout is not None
    assert "up\n" == process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert (0, False) == (process.wait(10), alive(child))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_a_killed_supervisor_takes_its_child_along(house):
    """When the supervisor is killed outright, the kernel kills the child."""
    process, child = house(SLEEPER)
    process.kill()
    process.wait(10)
    until(lambda: not alive(child))


def test_giving_up_is_the_exit_code(house, monkeypatch: pytest.MonkeyPatch):
    """A supervisor whose child keeps crashing ends with 8."""
    process, _ = house([sys.executable, "-S", "-c", "raise SystemExit(3)"])
    _, said = process.communicate(timeout=60)
    assert GAVE_UP == process.returncode
    assert "for the 5th time in a row: it is given up" in said


def test_a_supervisor_is_light():
    """It imports nothing but the standard library and itself."""
    look = (
        "import sys; import overcrank.cli.supervisor; "
        "print(sorted(m for m in sys.modules if m.startswith(('overcrank', 'celery', 'redis', 'click', 'pydantic'))))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert "['overcrank', 'overcrank.cli', 'overcrank.cli.supervisor']\n" == done.stdout
