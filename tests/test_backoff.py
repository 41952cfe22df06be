"""Waits between tries: bounded, jittered, and they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.backoff import Backoff, later

SECONDS = st.floats(0.01, 1000)


@given(SECONDS, SECONDS, st.integers(1, 2000), st.integers(1, 1000))
def test_a_wait_lies_between_nothing_and_its_bound(base: float, cap: float, tried: int, tries: int) -> None:
    """However often it was tried, no wait is negative or longer than the cap, and after the last try there is none."""
    backoff = Backoff(base, cap, tries)
    wait = backoff.wait(tried)
    assert (tried >= tries) == (wait is None)
    assert wait is None or 0 <= wait <= backoff.bound(tried) <= cap


def test_the_bound_doubles_until_the_cap() -> None:
    """One, two, four, eight, and then the cap for ever."""
    assert [1, 2, 4, 8, 10, 10] == [Backoff(1, 10, 9).bound(tried) for tried in range(1, 7)]
    assert 10 == Backoff(1, 10, 9).bound(100_000)


@given(st.integers(1, 20))
def test_the_whole_range_is_drawn_from(tried: int) -> None:
    """Full jitter spreads a herd: of many draws some are low and some are high."""
    backoff = Backoff(1, 60, 100)
    draws = [(backoff.wait(tried) or 0) / backoff.bound(tried) for _ in range(200)]
    assert min(draws) < 0.2
    assert max(draws) > 0.8


@given(SECONDS, st.floats(0, 1))
def test_positive_jitter_never_shortens(seconds: float, spread: float) -> None:
    """Whoever was told to wait waits that long at least, and not much longer."""
    assert seconds <= later(seconds, spread) <= seconds * (1 + spread) * (1 + 1e-9)


@pytest.mark.parametrize("seconds", [0, 1.0])
def test_without_a_spread_nothing_is_added(seconds: float) -> None:
    """Zero spread is exactly the wait."""
    assert seconds == later(seconds, 0)
