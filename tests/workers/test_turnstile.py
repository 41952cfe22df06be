"""Many fetch at once; a suspect fetches alone."""

import threading
from contextlib import ExitStack

import pytest

from workers.turnstile import Turnstile


def entered(turnstile, *, alone, patience=0.01):
    """Tell whether somebody would get in now."""
    with turnstile.enter(alone=alone, patience=patience) as admitted:
        return admitted


def test_many_are_inside_at_once():
    """Without a suspect nobody waits."""
    turnstile = Turnstile()
    with ExitStack() as inside:
        assert [True] * 5 == [inside.enter_context(turnstile.enter(alone=False, patience=0)) for _ in range(5)]


def test_a_suspect_is_alone():
    """It waits until all others are gone, and nobody comes in while it is there."""
    turnstile = Turnstile()
    with turnstile.enter(alone=False, patience=0):
        assert entered(turnstile, alone=True) is False
    with turnstile.enter(alone=True, patience=0) as admitted:
        assert (True, False, False) == (admitted, entered(turnstile, alone=False), entered(turnstile, alone=True))
    assert entered(turnstile, alone=False) is True


def test_a_waiting_suspect_is_not_passed_for_ever():
    """While one waits nobody new comes in, so its turn comes when those inside are done."""
    turnstile = Turnstile()
    told = []
    inside = turnstile.enter(alone=False, patience=0)
    inside.__enter__()
    suspect = threading.Thread(target=lambda: told.append(entered(turnstile, alone=True, patience=10)))
    suspect.start()
    while not turnstile._suspects:
        pass
    assert entered(turnstile, alone=False) is False
    inside.__exit__(None, None, None)
    suspect.join(10)
    assert [True] == told


def test_an_error_inside_leaves_the_way_free():
    """Whoever is inside when something goes wrong is counted out."""
    turnstile = Turnstile()
    with pytest.raises(ZeroDivisionError), turnstile.enter(alone=True, patience=0):
        1 / 0  # noqa: B018  (it goes wrong)
    assert entered(turnstile, alone=True) is True
