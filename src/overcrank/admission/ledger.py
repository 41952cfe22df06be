"""The ledger: what is reserved and what is spent, by budget window. reserve (in the gate) -> settle | release."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

from ..clock import SECOND, iso
from ..errors import UnknownAttempt
from ..job import Job
from ..keys import DAY, SPANS, Keys, Period
from ..money import dollars, plain
from ..scripts import CORRECTED, OBSERVED, Books, Scripts, keep_for
from ..server import Server
from ..settings import Settings
from .alarm import Alarms
from .audit import Audit
from .caps import Caps

logger = logging.getLogger(__name__)

BURN_OVER = 300 * SECOND
"""Over about how long the burn rate is a mean."""


@dataclass(frozen=True, slots=True)
class Window:
    """A budget window's book: start and end in µs, the rest in µ$."""

    start: int
    end: int
    cap: int
    reserved: int
    spent: int

    @property
    def room(self) -> int:
        """What may still be reserved; negative after an overrun."""
        return self.cap - self.reserved - self.spent

    @property
    def used(self) -> float:
        """Percent of the cap that is reserved or spent."""
        return 100 * (self.reserved + self.spent) / self.cap if self.cap else 100.0

    def as_dict(self) -> dict[str, Any]:
        """Return the book as plain data, for JSON."""
        return {
            "start": iso(self.start),
            "end": iso(self.end),
            "cap_usd": plain(self.cap),
            "reserved_usd": plain(self.reserved),
            "spent_usd": plain(self.spent),
            "room_usd": plain(self.room),
        }


class Ledger:
    """The money of one account."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, caps: Caps, audit: Audit, alarms: Alarms, settings: Settings
    ) -> None:
        self._redis, self._keys, self._scripts = redis, keys, scripts
        self._caps, self._audit, self._alarms = caps, audit, alarms
        self._retention, self._budget = settings.retention, settings.budget

    def settle(self, job: Job, cost: int, *, version: int = OBSERVED, free: bool = True) -> None:
        """Book that the job's current attempt cost *cost* µ$ in all, and give up the rest of its reservation."""
        if job.books is not None:
            self._book(job.attempt, job.books, cost, version, free=free)

    def correct(self, attempt_id: str, cost: int) -> bool:
        """Book the late truth about an attempt, once: a refund, or a charge that was thought lost; tell if it is new.

        Raises:
            UnknownAttempt: there is no such attempt, or it ended too long ago.
        """
        books = (self._redis.hget(self._keys.attempt(attempt_id), "books") or "").split()
        if len(books) != len(SPANS):
            raise UnknownAttempt(f"no attempt {attempt_id} is known here")
        return self._book(attempt_id, (books[0], books[1], books[2], books[3]), cost, CORRECTED, free=True) == "settled"

    def _book(self, attempt_id: str, books: Books, cost: int, version: int, *, free: bool) -> str:
        answer = self._scripts.settle(
            attempt_id,
            books,
            state="charged" if cost else "free",
            cost=cost,
            version=version,
            keep=False,
            free=free,
            keep_for=keep_for(self._retention),
        )
        if answer[0] == "settled" and int(answer[2]):
            over = int(answer[2])
            text = f"attempt {attempt_id} cost {dollars(cost)}, {dollars(over)} more than was reserved"
            self._alarms.tell("budget.overrun", text, attempt=attempt_id, over_usd=plain(over), cost_usd=plain(cost))
        return answer[0]

    def period(self) -> Period | None:
        """Return the windows of now, by the server's clock; None where no worker has said how long a window is."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.hget(self._keys.limits, "window")
        (seconds, rest), length = pipe.execute()
        return Period.at(int(seconds) * SECOND + int(rest), int(length)) if length else None

    def window(self) -> Window:
        """Return the lane's book of the current window."""
        return self.book("lane/window")

    def last_window(self) -> Window:
        """Return the lane's book of the window before the current one."""
        return self.book("lane/window", -1)

    def book(self, span: str, offset: int = 0) -> Window:
        """Return a span's book of the current window or day, or of one *offset* before or after it."""
        period, cap = self.period(), self._caps.of(span)
        if period is None:
            return Window(0, 0, 0, 0, 0)
        owner, _, kind = span.partition("/")
        day = kind == "day"
        length = DAY if day else period.length
        start = (period.day if day else period.start) + offset * length
        key = self._keys.book(owner, Period(start, length, start), day=day)
        reserved, spent, own_cap = self._redis.hmget(key, "reserved", "spent", "cap")
        counts = cap if own_cap is None else int(own_cap)
        return Window(start, start + length, counts or 0, int(reserved or 0), int(spent or 0))

    def tick(self) -> dict[str, Any]:
        """Enforce the budget's calendar: notice a new window, let the held go on, warn, and keep a record of it.

        The window is in the key, so spending is right whether or not a tick ever comes; two ticks at once do no harm.
        All times are the server's, so a tick on a machine whose clock is wrong is as good as any.
        """
        current, last, day = self.window(), self.last_window(), self.book("lane/day")
        if not current.cap:
            return {"window": None}
        opened = self._opens(current)
        for span, book in (("window", current), ("day", day)):
            self._warn(span, book)
        record: dict[str, Any] = {
            "ticked": self._now(),
            **self._burning(current, last),
            **{f"window_{name}": value for name, value in asdict(current).items()},
            **{f"last_{name}": value for name, value in asdict(last).items()},
        }
        if opened:
            record |= self._close(last)
        self._redis.hset(self._keys.books, mapping=record)
        self._audit.trim(min(day.start, last.start, self._oldest_open()))
        return {"window": current.as_dict(), "last": last.as_dict(), "opened": opened}

    def _opens(self, window: Window) -> bool:
        """Tell whether this is the first tick of a window; then everybody who waits for money may ask again."""
        key = self._keys.window(window.start, window.end - window.start)
        opened = bool(self._redis.hsetnx(key, "opened", window.start))
        self._redis.expire(key, keep_for(self._retention).window_s)
        if opened:
            logger.info("budget window opened: %s, cap %s", iso(window.start), dollars(window.cap))
            self._redis.publish(self._keys.wake, "budget")
        return opened

    def _warn(self, span: str, book: Window) -> None:
        """Tell of each threshold that a book has passed, once."""
        if not book.cap:
            return
        length = book.end - book.start
        key = self._keys.book("lane", Period(book.start, length, book.start), day=span == "day")
        for percent in self._budget.warn_at:
            if book.used >= percent and self._redis.hsetnx(key, f"warned_{percent}", self._now()):
                self._redis.expire(key, keep_for(self._retention).window_s)
                self._alarms.tell(
                    "budget.threshold",
                    f"budget {span} {iso(book.start)}: {percent} % of {dollars(book.cap)} used "
                    f"(spent {dollars(book.spent)}, reserved {dollars(book.reserved)})",
                    percent=percent, span=f"lane/{span}", **book.as_dict(),
                )  # fmt: skip

    def _burning(self, current: Window, last: Window) -> dict[str, int]:
        """Return the burn rate (µ$ an hour), as the mean of the last minutes, and what it was computed from."""
        before, now = self.books(), self._now()
        since, seen, start = (int(before.get(name) or 0) for name in ("burn_at", "burn_spent", "burn_window"))
        kept = {"burn": int(before.get("burn") or 0), "burn_at": since, "burn_spent": seen, "burn_window": start}
        if since and now - since < SECOND:
            return kept
        if start == current.start:
            spent = current.spent - seen
        else:
            spent = current.spent + (last.spent - seen if start == last.start else 0)
        fresh = {"burn_at": now, "burn_spent": current.spent, "burn_window": current.start}
        if not since:
            return {"burn": 0, **fresh}
        span = now - since
        weight = min(1.0, span / BURN_OVER)
        rate = spent * 3600 * SECOND / span
        return {"burn": round(kept["burn"] * (1 - weight) + max(0.0, rate) * weight), **fresh}

    def _close(self, last: Window) -> dict[str, Any]:
        """Compare the books of the window that is over with the journal, and say what came of it."""
        verdict = self._audit.check(since=last.start)
        if not verdict.ok:
            self._alarms.tell(
                "budget.books",
                f"{len(verdict.differences)} differences between books and journal: see `overcrank budget audit`",
            )
        return {"closed": last.start, "closed_spent": last.spent, "closed_differences": len(verdict.differences)}

    def _oldest_open(self) -> int:
        """Return since when (µs) the longest open attempt has been open; now where there is none."""
        first = self._redis.zrange(self._keys.open, 0, 0, withscores=True)
        return int(first[0][1]) if first else self._now()

    def books(self) -> dict[str, int]:
        """Return what the last tick saw: `ticked` in µs, the two windows, the burn rate, the last audit."""
        return {name: int(value) for name, value in self._redis.hgetall(self._keys.books).items()}

    def _now(self) -> int:
        seconds, rest = self._redis.time()
        return int(seconds) * SECOND + int(rest)
