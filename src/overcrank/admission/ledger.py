"""The ledger: what is reserved and what is spent, by budget window. reserve (in the gate) -> settle | release."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from redis.exceptions import WatchError

from ..clock import SECOND, iso
from ..errors import BooksLost, StillOpen, UnknownAttempt
from ..job import Job
from ..keys import DAY, SPANS, Keys, Period
from ..money import dollars, plain
from ..scripts import CORRECTED, OBSERVED, Books, Scripts, keep_for, orphaned
from ..server import Server
from ..settings import Settings
from .alarm import Alarms
from .audit import Audit
from .calendar import Calendar
from .caps import LOST, Caps, cap_of, is_amount
from .journal import Journal
from .watch import Watch
from .window import Window

logger = logging.getLogger(__name__)

BURN_OVER = 300 * SECOND
"""Over about how long the burn rate is a mean."""

MOST_CLOSED = 1000
"""Windows, and days, whose thresholds are told after nobody has ticked for long; their books are all compared."""


class Ledger:
    """The money of one account."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, calendar: Calendar, caps: Caps, journal: Journal,
        audit: Audit, alarms: Alarms, settings: Settings,
    ) -> None:  # fmt: skip
        self._redis, self._keys, self._scripts, self._calendar = redis, keys, scripts, calendar
        self._caps, self._journal, self._audit, self._alarms = caps, journal, audit, alarms
        self._keep_for = keep_for(settings.retention)
        self._watch = Watch(redis, keys, scripts, alarms, settings.budget, self._keep_for.window_s)

    def settle(self, job: Job, cost: int, *, version: int = OBSERVED, free: bool = True) -> bool:
        """Book that the job's current attempt cost *cost* µ$ in all, and give up the rest of its reservation.

        Tell whether the job is as the caller thinks; where its attempt is booked in others by now, nothing is booked.
        """
        return job.books is None or self._book(job.attempt, job.books, cost, version, free=free) != "unknown"

    def correct(self, attempt_id: str, cost: int) -> bool:
        """Book the late truth about an attempt, once: a refund, or a charge that was thought lost; tell if it is new.

        Raises:
            StillOpen: it is not settled yet, so that its own bill is still to come.
            UnknownAttempt: there is no such attempt, or it ended too long ago.
        """
        books, held = self._record(attempt_id)
        if len(books) != len(SPANS):
            self._recall(attempt_id)
            books, held = self._record(attempt_id)
        if len(books) != len(SPANS):
            raise UnknownAttempt(f"no attempt {attempt_id} is known here")
        if held:
            raise StillOpen(
                f"{attempt_id} is not settled: its bill is still to come and will be booked by itself. If its answer "
                "was lost, `overcrank jobs doubt` decides about the job"
            )
        return (
            self._book(attempt_id, (books[0], books[1], books[2], books[3]), cost, CORRECTED, free=False) == "settled"
        )

    def _record(self, attempt_id: str) -> tuple[list[str], bool]:
        """Return an attempt's books, and whether it has anything reserved."""
        books, held = self._redis.hmget(self._keys.attempt(attempt_id), "books", "open")
        return (books or "").split(), is_amount(held) and int(held) > 0

    def _recall(self, attempt_id: str) -> None:
        """Write the record of an attempt that is over again, from the journal, unless somebody has just done so."""
        said = self._journal.attempt(attempt_id)
        if said is None or "admitted" not in said.reserved:
            return
        if said.open:
            raise BooksLost(LOST)
        key = self._keys.attempt(attempt_id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            if pipe.exists(key):
                return
            pipe.multi()
            pipe.hset(key, mapping=said.record())
            pipe.expire(key, self._keep_for.attempt_s)
            try:
                pipe.execute()
            except WatchError:  # it is there now, and perhaps corrected already
                return

    def _book(self, attempt_id: str, books: Books, cost: int, version: int, *, free: bool) -> str:
        answer = self._scripts.settle(
            attempt_id,
            books,
            state="charged" if cost else "free",
            cost=cost,
            version=version,
            keep=False,
            free=free,
            keep_for=self._keep_for,
        )
        if answer[0] == "orphan":
            text = orphaned(attempt_id, cost)
            self._alarms.tell("budget.orphan", text, attempt=attempt_id, cost_usd=plain(cost))
        if answer[0] == "settled" and int(answer[2]):
            self.overrun(attempt_id, cost, int(answer[2]))
        return answer[0]

    def overrun(self, attempt_id: str, cost: int, over: int) -> None:
        """Tell people that an attempt was charged more than was reserved for it."""
        text = f"attempt {attempt_id} cost {dollars(cost)}, {dollars(over)} more than was reserved"
        self._alarms.tell("budget.overrun", text, attempt=attempt_id, over_usd=plain(over), cost_usd=plain(cost))

    def charged(self, job: Job) -> int:
        """Return what is booked, and not only assumed, as charged for the job's current attempt (µ$)."""
        cost, version = self._redis.hmget(self._keys.attempt(job.attempt), "cost", "version")
        return int(cost or 0) if int(version or 0) >= OBSERVED else 0

    def period(self) -> Period | None:
        """Return the windows of now, by the server's clock; None where no worker has said how long a window is."""
        return self._calendar.period()

    def window(self) -> Window:
        """Return the lane's book of the current window."""
        return self.book("lane/window")

    def last_window(self) -> Window:
        """Return the lane's book of the window before the current one."""
        return self.book("lane/window", -1)

    def book(self, span: str, offset: int = 0) -> Window:
        """Return a span's book of the current window or day, or of one *offset* before or after it."""
        period = self.period()
        if period is None:
            return Window(0, 0, 0, 0, 0)
        start, length, day = period
        at = Period(start + offset * length, length, day + offset * DAY)
        cap = self._caps.of(span)
        return self._read(span, at, {} if cap is None else {span: cap})

    def _read(self, span: str, period: Period, caps: Mapping[str, int]) -> Window:
        owner, _, kind = span.partition("/")
        day, names = kind == "day", ("reserved", "spent", "cap")
        stored = self._redis.hmget(self._keys.book(owner, period, day=day), *names)
        return Window.read(period, dict(zip(names, stored, strict=True)), cap_of(span, caps), day=day)

    def tick(self) -> dict[str, Any]:
        """Enforce the budget's calendar: notice a new window, let the held go on, warn, and keep a record of it.

        The window is in the key, so spending is right whether or not a tick ever comes; two ticks at once do no harm.
        All times are the server's, so a tick on a machine whose clock is wrong is as good as any.
        """
        period = self.period()
        if period is None:
            return {"window": None}
        before = self._calendar.before(period)
        caps, told = self._caps.counting(), self.books()
        current, last = (self._read("lane/window", at, caps) for at in (period, before))
        opened = told.get("window_start") != current.start
        record: dict[str, Any] = {
            "ticked": self._calendar.now(),
            **self._burning(told, current, last),
            **{f"window_{name}": value for name, value in asdict(current).items()},
            **{f"last_{name}": value for name, value in asdict(last).items()},
        }
        self._redis.hset(self._keys.books, mapping=record)
        if opened:  # everybody who waits for money may ask again
            logger.info("budget window opened: %s, cap %s", iso(current.start), dollars(current.cap))
            self._redis.publish(self._keys.wake, "budget")
        wrong = sum(self._watch.look(period, caps, day=day) for day in (False, True))
        wrong += self._watch.sums(
            [self._keys.book("lane", at, day=day) for at in (period, before) for day in (False, True)]
        )
        self._redis.hset(self._keys.books, "wrong", wrong)
        self._close(period, told.get("closed_through", before.day), caps)
        if not wrong:  # else the journal is what they are put back from
            self._journal.trim(min(period.day, before.start, self._oldest_open()))
        return {"window": current.as_dict(), "last": last.as_dict(), "opened": opened}

    def _close(self, period: Period, through: int, caps: Mapping[str, int]) -> None:
        """Compare the books of all windows and days that are over since *through* (µs) with the journal.

        What came of it is written down last, so that a run that fails is made good by the next, however many windows
        have gone by meanwhile.
        """
        if through >= period.start:
            return
        length, since = period.length, through - through % DAY
        first = max(through - through % length, period.start - MOST_CLOSED * length)
        for start in range(first, period.start, length):
            self._watch.look(Period(start, length, start - start % DAY), caps, day=False)
        for day in range(max(since, period.day - MOST_CLOSED * DAY), period.day, DAY):
            self._watch.look(Period(day, length, day), caps, day=True)
        if since == period.day:  # no day is over
            since = first
        verdict = self._audit.check(since)
        if not verdict.ok:
            self._alarms.tell(
                "budget.books",
                f"{len(verdict.differences)} differences between books and journal: see `overcrank budget audit`",
            )
        last = self._read("lane/window", Period(period.start - length, length, period.day), caps)
        self._redis.hset(
            self._keys.books,
            mapping={
                "closed": last.start, "closed_spent": last.spent, "closed_differences": len(verdict.differences),
                "closed_through": period.start,
            },
        )  # fmt: skip

    def _burning(self, told: Mapping[str, int], current: Window, last: Window) -> dict[str, int]:
        """Return the burn rate (µ$ an hour), as the mean of the last minutes, and what it was computed from."""
        now = self._calendar.now()
        since, seen, start = (told.get(name, 0) for name in ("burn_at", "burn_spent", "burn_window"))
        kept = {"burn": told.get("burn", 0), "burn_at": since, "burn_spent": seen, "burn_window": start}
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

    def _oldest_open(self) -> int:
        """Return since when (µs) the longest open attempt has been open; now where there is none."""
        first = self._redis.zrange(self._keys.open, 0, 0, withscores=True)
        return int(first[0][1]) if first else self._calendar.now()

    def books(self) -> dict[str, int]:
        """Return what the last tick saw: `ticked` in µs, the two windows, the burn rate, the last audit.

        `wrong` is how many books said what can not be; `closed_through` until when (µs) all that is over was audited.
        """
        stored = self._redis.hgetall(self._keys.books)
        return {name: int(value) for name, value in stored.items() if value.removeprefix("-").isdecimal()}
