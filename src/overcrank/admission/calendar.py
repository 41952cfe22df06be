"""The calendar: what time it is and which budget windows are open, by the server's clock and what workers have said."""

from ..clock import SECOND
from ..keys import DAY, Keys, Period
from ..server import Server


class Calendar:
    """Budget windows, in UTC."""

    def __init__(self, redis: Server, keys: Keys) -> None:
        self._redis, self._keys = redis, keys

    def now(self) -> int:
        """Return the server's time, µs."""
        seconds, rest = self._redis.time()
        return int(seconds) * SECOND + int(rest)

    def period(self) -> Period | None:
        """Return the windows of now; None where no worker has said how long a window is."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.hget(self._keys.limits, "window")
        (seconds, rest), length = pipe.execute()
        return Period.at(int(seconds) * SECOND + int(rest), int(length)) if length else None

    @staticmethod
    def before(period: Period) -> Period:
        """Return the window and the day before those of a period."""
        return Period(period.start - period.length, period.length, period.day - DAY)

    def oldest_kept(self, kept_s: int) -> int:
        """Return since when (µs) no book has expired of those that are kept so many seconds; earlier ones may have."""
        return self.now() - kept_s * SECOND

    def known(self) -> dict[str, set[str]]:
        """Return the books of now and of the windows before that the lane knows of, and which projects each knows."""
        period = self.period()
        if period is None:
            return {}
        found: dict[str, set[str]] = {}
        for at in (period, self.before(period)):
            for is_day in (False, True):
                key = self._keys.book("lane", at, day=is_day)
                stored = self._redis.hkeys(key)
                if "epoch" in stored:
                    found[key] = {name.removeprefix("project:") for name in stored if name.startswith("project:")}
                    for name in found[key]:
                        found[self._keys.book(f"project:{name}", at, day=is_day)] = set()
        return found


def started(book: str) -> int:
    """Return when the window of a book starts, µs."""
    return int(book.rpartition(":")[2]) * SECOND
