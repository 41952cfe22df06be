"""Time enters here. Scripts use the server's clock; this one is for waiting and for what people read."""

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000_000
"""Microseconds in a second: every stored time and span is integer microseconds."""


class Clock(Protocol):
    """What the program asks of a clock."""

    def now(self) -> int:
        """Return the time as integer microseconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the time as integer microseconds since the epoch."""
        return time.time_ns() // 1000

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        time.sleep(seconds)


class ManualClock:
    """A clock that moves when a test says so; sleeping moves it."""

    def __init__(self, now: int = 1_800_000_000 * SECOND) -> None:
        self._now = now

    def now(self) -> int:
        """Return the time as integer microseconds since the epoch."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move the clock on by *seconds*."""
        self._now += round(seconds * SECOND)


def iso(moment: int) -> str:
    """Return epoch microseconds as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
