"""Time: one form for people, and a clock that a test moves."""

import time

from overcrank.clock import SECOND, ManualClock, SystemClock, iso


def test_moments_are_shown_in_utc_to_the_millisecond() -> None:
    """The same moment looks the same everywhere."""
    assert "2027-01-15T08:00:00.123Z" == iso(1_800_000_000 * SECOND + 123_456)


def test_the_machines_clock_counts_microseconds_since_the_epoch() -> None:
    """It agrees with the operating system."""
    before, now = time.time(), SystemClock().now()
    assert before - 1 < now / SECOND < before + 10
    SystemClock().sleep(0)


def test_a_manual_clock_moves_only_when_told() -> None:
    """Sleeping moves it by exactly what was slept."""
    clock = ManualClock()
    start = clock.now()
    assert start == clock.now()
    clock.sleep(1.5)
    assert start + 1_500_000 == clock.now()
