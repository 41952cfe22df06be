"""Foresight: how fast money goes, what is promised, how long it lasts; what a clip would cost and when it would start.

All of it is arithmetic on what the scripts keep anyway. It is a forecast: nothing is reserved by asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from ..clip import Clip, Priority
from ..clock import SECOND
from ..keys import Keys, Period
from ..lifecycle import State
from ..money import plain
from ..server import Server
from ..store.jobs import BOOST_US
from .calendar import Calendar
from .calibration import Calibration
from .caps import URGENT, Caps, cap_of, is_amount
from .forecast import Asker, Course, House, Purse, Start, play
from .lane import Lane
from .ledger import Ledger

MOST = 10_000
"""Jobs that wait which are looked at one by one."""

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
        fits_budget: whether every clip could be paid at all, by whole windows of each of its budgets.
        meets_deadline: whether every clip with a deadline would be started in time.
        limit: what decides when the last one starts: now, rate, slots, budget, day-budget, urgent-share, project-budget
            or project-day.
        all_done_in: seconds until the last one is made, by how long the latest of its kind took.
    """

    cost: int
    reserved: int
    starts_in: float
    all_started_in: float
    windows: int
    fits_budget: bool
    meets_deadline: bool
    limit: str
    all_done_in: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return {
            "cost_usd": plain(self.cost),
            "reserved_usd": plain(self.reserved),
            "starts_in_seconds": round(self.starts_in, 1),
            "all_started_in_seconds": round(self.all_started_in, 1),
            "all_done_in_seconds": round(self.all_done_in, 1),
            "windows": self.windows,
            "fits_budget": self.fits_budget,
            "meets_deadline": self.meets_deadline,
            "limit": self.limit,
        }


class Foresight:
    """Looks ahead."""

    def __init__(
        self, redis: Server, keys: Keys, calendar: Calendar, lane: Lane, ledger: Ledger, caps: Caps,
        calibration: Calibration,
    ) -> None:  # fmt: skip
        self._redis, self._keys, self._calendar, self._lane, self._ledger = redis, keys, calendar, lane, ledger
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
        now, waiting = self._calendar.now(), self._line(MOST)
        mine = [
            Asker(
                now - BOOST_US[clip.priority], clip.project, clip.priority is Priority.URGENT, quote,
                self._calibration.amount(clip, quote), mine=True,
            )
            for clip, quote in clips
        ]  # fmt: skip
        line = sorted([*waiting, *mine], key=lambda asker: asker.score)
        places = [place for place, asker in enumerate(line, 1) if asker.mine]
        cost, reserved = sum(asker.quote for asker in mine), sum(asker.amount for asker in mine)
        period = self._calendar.period()
        if period is None or not mine:
            return Estimate(cost, reserved, 0.0, 0.0, 1, fits_budget=True, meets_deadline=True, limit="now")
        course = play(line, self._house(period, line), period)
        starts = [start for start in course.starts if start.asker.mine]
        first, last = starts[0] if starts else None, starts[-1] if starts else None
        starts_in, _ = self._when(clips, places[0], first, period, now)
        all_started_in, limit = self._when(clips, places[-1], last, period, now)
        end = now + all_started_in * SECOND
        late = [clip for clip, _ in clips if clip.deadline is not None and end > clip.deadline.timestamp() * SECOND]
        fits = len(starts) == len(mine)
        shapes = {self._calibration.shape(clip): clip for clip, _ in clips}
        takes = max(self._calibration.seconds(clip) or 0.0 for clip in shapes.values())
        return Estimate(
            cost, reserved, starts_in, all_started_in, last.window + 1 if last else 1, fits_budget=fits,
            meets_deadline=fits and not late, limit=limit, all_done_in=all_started_in + takes,
        )  # fmt: skip

    def would(self, cap: int, most: int = MOST) -> dict[str, Any]:
        """Return what would be admitted if a window of the lane had another cap: this window, and how many for all.

        What counts is what would be reserved, in every budget; rate and slots do not. The line is strict: a dear job at
        its head is not passed by cheaper ones behind it.
        """
        line, period = self._line(most), self._calendar.period()
        course = Course([], list(line))
        if period is not None:
            house = self._house(period, line)
            house.lane[0].cap, house.lane[0].own = cap, None
            course = play(line, house, period)
        first = [start.asker.amount for start in course.starts if start.window == 0]
        return {
            "cap_usd": plain(cap),
            "waiting": len(line),
            "admitted": len(first),
            "admitted_usd": plain(sum(first)),
            "windows": 1 + max((start.window for start in course.starts), default=0),
            "never": len(course.never),
        }

    def _line(self, most: int) -> list[Asker]:
        """Return who waits, queued or parked, best place first; beyond so many each counts like the mean of those."""
        keys, pipe = self._keys, self._redis.pipeline(transaction=False)
        lines = [keys.state(State.QUEUED, priority) for priority in Priority]
        lines += [keys.parked(project) for project in sorted(self._redis.smembers(keys.parks))]
        for key in lines:
            pipe.zrange(key, 0, most - 1, withscores=True)
            pipe.zcard(key)
        found = pipe.execute()
        places = sorted((int(score), job_id) for some in found[::2] for job_id, score in some)[:most]
        for _, job_id in places:
            pipe.hmget(keys.job(job_id), "project", "priority", "quote", "request")
        calibrated = bool(self._calibration.factors())
        line = []
        for (score, _), (project, priority, quote, request) in zip(
            places, pipe.execute() if places else [], strict=True
        ):
            if quote is None:
                continue  # its record has gone since
            amount = (
                self._calibration.amount(Clip.model_validate_json(request), int(quote)) if calibrated else int(quote)
            )
            line.append(Asker(score, project, priority == Priority.URGENT, int(quote), amount))
        if line and (rest := sum(found[1::2]) - len(places)) > 0:
            quote, amount = (sum(getattr(each, name) for each in line) // len(line) for name in ("quote", "amount"))
            line += [Asker(line[-1].score, "", urgent=False, quote=quote, amount=amount)] * rest
        return line

    def _house(self, period: Period, line: Sequence[Asker]) -> House:
        """Return the budgets as they stand."""
        caps, owners = self._caps.counting(), ["lane", *sorted({f"project:{asker.project}" for asker in line})]
        pipe, days = self._redis.pipeline(transaction=False), (False, True)
        for owner in owners:
            for day in days:
                pipe.hmget(self._keys.book(owner, period, day=day), "cap", "reserved", "spent", "urgent")
        found = iter(pipe.execute())
        purses = {}
        for owner in owners:
            pair = []
            for kind in ("window", "day"):
                own, *used, urgent = (int(text) if is_amount(text) else None for text in next(found))
                cap = cap_of(f"{owner}/{kind}", caps)
                pair.append(Purse(cap, own, sum(amount or 0 for amount in used), urgent or 0))
            purses[owner] = (pair[0], pair[1])
        lane = purses.pop("lane")
        return House(
            lane, {owner.removeprefix("project:"): pair for owner, pair in purses.items()}, caps.get(URGENT, 0)
        )

    def _when(
        self, clips: Sequence[tuple[Clip, int]], place: int, start: Start | None, period: Period, now: int
    ) -> tuple[float, str]:
        """Return seconds until the one at a place in line has started, and what decides that."""
        lane = self._lane.state()
        waits: dict[str, float] = {"now": 0.0}
        if lane.rate:
            waits["rate"] = max(0, place - (lane.permits or 0)) / (lane.rate * lane.slowed_to)
        if lane.at_most:
            took = max(
                (self._calibration.seconds(clip) or UNKNOWN_SECONDS for clip, _ in clips), default=UNKNOWN_SECONDS
            )
            waits["slots"] = ceil(max(0, lane.in_flight + place - lane.at_most) / lane.at_most) * took
        if start and start.window:
            waits[start.limit] = (period.start + start.window * period.length - now) / SECOND
        limit = max(waits, key=lambda name: waits[name])
        return waits[limit], limit
