"""Turns: one thread at a time, whoever waits for something lets others, and nobody waits for ever."""

import threading
from collections.abc import Callable

import pytest

from overcrank import turns
from overcrank.turns import aside, taken


def started(action: Callable[[], None]) -> threading.Thread:
    """Run something in a thread of its own."""
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def free() -> bool:
    """Tell whether nobody has a turn."""
    if there := turns._turn.acquire(blocking=False):
        turns._turn.release()
    return there


def test_another_comes_in_while_one_steps_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second gets the turn when the first steps aside, and the first has it again afterwards."""
    monkeypatch.setattr(turns, "PATIENCE", 30.0)
    came, may_go = threading.Event(), threading.Event()

    def second() -> None:
        with taken():
            came.set()
            may_go.wait(30)

    with taken():
        thread = started(second)
        before = came.is_set()
        with aside():
            inside = came.wait(30)
            may_go.set()
        after = turns._mine.held
    thread.join()

    assert (False, True, True, True) == (before, inside, after, free())


def test_who_waited_too_long_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not give its turn away holds nobody up for good; who has none gives none away."""
    monkeypatch.setattr(turns, "PATIENCE", 0.001)
    done = threading.Event()

    def other() -> None:
        with taken(), aside():
            done.set()

    with taken():
        started(other).join(30)
        there = (done.is_set(), turns._mine.held, free())

    assert (True, True, False, True) == (*there, free())


def test_a_turn_inside_a_turn_is_the_same() -> None:
    """The outermost block ends it, and stepping aside without one, or twice, does nothing."""
    seen = []
    with aside():
        seen.append(free())
    with taken():
        with taken():
            seen.append(free())
        seen.append(free())
        with aside(), aside():
            seen.append(free())
        seen.append(free())

    assert [True, False, False, True, False, True] == [*seen, free()]


def test_an_error_gives_the_turn_back() -> None:
    """Whatever a block raises, in a turn or beside it, nobody is left with the turn."""
    with pytest.raises(ZeroDivisionError), taken(), aside():
        raise ZeroDivisionError

    assert free()
