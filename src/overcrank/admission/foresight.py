"""Foresight: how fast money goes, what is promised, how long it lasts; what a clip would cost and when it would start.

All of it is arithmetic on what the scripts keep anyway. It is a forecast: nothing is reserved by asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from ..clip import Clip, Priority
from ..clock import SECOND
from ..keys import Keys
from ..lifecycle import State
from ..money import plain
from ..server import Server
from .calibration import Calibration
from .caps import Caps
from .lane import Lane
from .ledger import Ledger
from .window import Window

UNKNOWN_SECONDS = 60
"""How long a generation takes where none has been seen yet."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the money stands (µ$; *burn* is µ$ an hour, *lasts* seconds, None where it is not used up in sight)."""

    burn: int
    committed: int
    waiting: int
    room: int
    lasts: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return {
            "burn_usd_per_hour": plain(self.burn),
            "committed_usd": plain(self.committed),
            "waiting_usd": plain(self.waiting),
            "room_usd": plain(self.room),
            "lasts_seconds": None if self.lasts is None else round(self.lasts, 1),
        }


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch would cost and when it would start, if it were enqueued now.

    Attributes:
        cost: µ$, by the price book.
        reserved: µ$, what would be reserved: more where the vendor has been charging more.
        starts_in: seconds until the first clip starts.
        all_started_in: seconds until the last one does.
        windows: budget windows its money comes from, counted from the current one.
        fits_budget: whether every clip could be paid by a whole window at all.
        meets_deadline: whether every clip with a deadline would be started in time.
        limit: what decides when the last one starts: now, rate, slots, budget or day-budget.
    """

    cost: int
    reserved: int
    starts_in: float
    all_started_in: float
    windows: int
    fits_budget: bool
    meets_deadline: bool
    limit: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return {
            "cost_usd": plain(self.cost),
            "reserved_usd": plain(self.reserved),
            "starts_in_seconds": round(self.starts_in, 1),
            "all_started_in_seconds": round(self.all_started_in, 1),
            "windows": self.windows,
            "fits_budget": self.fits_budget,
            "meets_deadline": self.meets_deadline,
            "limit": self.limit,
        }


class Foresight:
    """Looks ahead."""

    def __init__(
        self, redis: Server, keys: Keys, lane: Lane, ledger: Ledger, caps: Caps, calibration: Calibration
    ) -> None:
        self._redis, self._keys, self._lane, self._ledger = redis, keys, lane, ledger
        self._caps, self._calibration = caps, calibration

    def outlook(self) -> Outlook:
        """Return how the money stands now."""
        window = self._ledger.window()
        burn = int(self._ledger.books().get("burn") or 0)
        waiting = int(self._redis.hget(self._keys.counters, "waiting_cost") or 0)
        lasts = max(0, window.room) / burn * 3600 if burn > 0 else None
        return Outlook(burn, window.reserved, waiting, window.room, lasts)

    def estimate(self, clips: Sequence[tuple[Clip, int]]) -> Estimate:
        """Return what clips (each with its quote) would cost, and when they would start behind what waits already."""
        reserves = [self._calibration.amount(clip, quote) for clip, quote in clips]
        cost, reserved = sum(quote for _, quote in clips), sum(reserves)
        ahead, ahead_cost = self._ahead(clips)
        first = self._when(clips, ahead + 1, ahead_cost + (reserves[0] if reserves else 0))
        last, limit, windows = self._when(clips, ahead + len(clips), ahead_cost + reserved)
        now = self._now()
        late = [c for c, _ in clips if c.deadline is not None and now + last * SECOND > c.deadline.timestamp() * SECOND]
        return Estimate(cost, reserved, first[0], last, windows, self._fits(clips), not late, limit)

    def would(self, cap: int, most: int = 10_000) -> dict[str, Any]:
        """Return what would be admitted if a window of the lane had another cap: this window, and how many for all.

        The line is strict: a dear job at its head is not passed by cheaper ones behind it.
        """
        pipe = self._redis.pipeline(transaction=False)
        for priority in Priority:
            pipe.zrange(self._keys.state(State.QUEUED, priority), 0, most - 1, withscores=True)
        line = sorted((score, job_id) for found in pipe.execute() for job_id, score in found)[:most]
        for _, job_id in line:
            pipe.hget(self._keys.job(job_id), "quote")
        every = [int(quote or 0) for quote in pipe.execute()] if line else []
        quotes = [quote for quote in every if quote <= cap]
        window = self._ledger.window()
        left, windows, first = cap - window.reserved - window.spent, 1, [0, 0]
        for quote in quotes:
            if quote > left:
                windows, left = windows + 1, cap
            left -= quote
            if windows == 1:
                first = [first[0] + 1, first[1] + quote]
        return {
            "cap_usd": plain(cap),
            "waiting": len(every),
            "admitted": first[0],
            "admitted_usd": plain(first[1]),
            "windows": windows,
            "never": len(every) - len(quotes),
        }

    def _ahead(self, clips: Sequence[tuple[Clip, int]]) -> tuple[int, int]:
        """Return how many jobs wait before these, and what they cost: those of the same or a better priority."""
        lowest = max((list(Priority).index(clip.priority) for clip, _ in clips), default=0)
        pipe = self._redis.pipeline(transaction=False)
        for priority in Priority:
            pipe.zcard(self._keys.state(State.QUEUED, priority))
        pipe.zcard(self._keys.state(State.PARKED, Priority.NORMAL))
        pipe.hget(self._keys.counters, "waiting_cost")
        *counts, parked, cost = pipe.execute()
        waiting, before = sum(counts) + parked, sum(counts[: lowest + 1])
        return before, int(cost or 0) * before // waiting if waiting else 0

    def _when(self, clips: Sequence[tuple[Clip, int]], jobs: int, money: int) -> tuple[float, str, int]:
        """Return seconds until so many jobs of so much money have started, what decides that, and windows needed."""
        lane, now = self._lane.state(), self._now()
        waits: dict[str, float] = {"now": 0.0}
        if lane.rate:
            waits["rate"] = max(0, jobs - (lane.permits or 0)) / (lane.rate * lane.slowed_to)
        if lane.at_most:
            took = max(
                (self._calibration.seconds(clip) or UNKNOWN_SECONDS for clip, _ in clips), default=UNKNOWN_SECONDS
            )
            waits["slots"] = ceil(max(0, lane.in_flight + jobs - lane.at_most) / lane.at_most) * took
        window = self._ledger.window()
        waits["budget"], windows = _opens(window, money, now)
        if self._caps.of("lane/day") is not None:
            waits["day-budget"], _ = _opens(self._ledger.book("lane/day"), money, now)
        limit = max(waits, key=lambda name: waits[name])
        return waits[limit], limit, windows

    def _fits(self, clips: Sequence[tuple[Clip, int]]) -> bool:
        caps = {cap.span: cap.counts for cap in self._caps.all()}
        for clip, quote in clips:
            for kind in ("window", "day"):
                own = caps.get(f"project:{clip.project}/{kind}", caps.get(f"project:*/{kind}"))
                if any(cap is not None and quote > cap for cap in (own, caps.get(f"lane/{kind}"))):
                    return False
        return True

    def _now(self) -> int:
        seconds, rest = self._redis.time()
        return int(seconds) * SECOND + int(rest)


def _opens(window: Window, money: int, now: int) -> tuple[float, int]:
    """Return seconds until a window has room for so much money, and how many windows that takes."""
    if money <= max(0, window.room) or not window.cap:
        return 0.0, 1
    more = ceil((money - max(0, window.room)) / window.cap)
    return (window.end - now + (more - 1) * (window.end - window.start)) / SECOND, more + 1
