"""The bill ahead: what a batch will cost, and when it can be done by, from prices, budget and rate."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..admission.foresight import Estimate
from ..clip import Clip
from ..errors import Refused
from ..money import MICROS, dollars
from .lines import Line


@dataclass
class Bill:
    """What the lines of a batch come to, in µ$."""

    clips: int = 0
    done: int = 0
    rejected: int = 0
    total: int = 0
    dearest: int = 0
    first: list[Clip] = field(default_factory=list)
    wrong: list[Line] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The bill in one line."""
        said = f"{self.clips} clips for {dollars(self.total)}"
        said += f", {self.done} lines have their result" if self.done else ""
        return said + (f", {self.rejected} lines are wrong" if self.rejected else "")


EXAMINED = 1000
"""Clips that are played through every budget, rate and slot; the rest of a batch counts by rate and budget."""

KEPT = 20
"""Wrong lines that the bill itself names; all of them are in the rejects file."""


def add_up(lines: Iterable[Line], price: Callable[[Clip], int], done: Callable[[Line], bool] = lambda _: False) -> Bill:
    """Return the bill for all lines that are not done, holding none of them."""
    bill = Bill()
    for line in lines:
        why = line.why
        if done(line):
            bill.done += 1
            continue
        if line.clip is not None:
            try:
                quote = price(line.clip)
            except Refused as error:
                why = str(error)
            else:
                if len(bill.first) < EXAMINED:
                    bill.first.append(line.clip)
                bill.clips, bill.total, bill.dearest = bill.clips + 1, bill.total + quote, max(bill.dearest, quote)
                continue
        bill.rejected += 1
        if len(bill.wrong) < KEPT:
            bill.wrong.append(Line(line.number, None, why, line.text))
    return bill


def seconds_needed(bill: Bill, stats: dict[str, Any], window: float) -> float:
    """Return how long a batch takes at least: by the rate, and by the budget's windows of *window* seconds."""
    rate = float(stats["lane"]["rate"] or 0)
    by_rate = bill.clips / rate if rate else 0.0
    room, cap = (int(Decimal(stats[name]) * MICROS) for name in ("room_usd", "cap_usd"))  # room may be below nothing
    if bill.total <= room or not cap:
        return by_rate
    windows = -(-(bill.total - max(0, room)) // cap)
    return max(by_rate, float(stats["next_reset_in"]) + (windows - 1) * window)


def warnings(ahead: Estimate) -> list[str]:
    """Return what will go wrong with single clips, though the batch may be begun."""
    said = []
    if not ahead.fits_budget:
        said.append("some clips cost more than a whole window of one of their budgets holds, and will be refused")
    elif not ahead.meets_deadline:
        said.append(f"some deadlines are over before all has started, in {ahead.all_started_in:.0f} s: {ahead.limit}")
    return said


def trouble(bill: Bill, needed: float, *, budget: int | None, within: float | None) -> str | None:
    """Return why a batch can not be done as it is wanted, or None."""
    if budget is not None and bill.total > budget:
        return f"it costs {dollars(bill.total)} and may cost {dollars(budget)}"
    if within is not None and needed > within:
        by = "by rate, slots, budgets and how long one takes"
        return f"it takes {needed:.0f} s at the least, {by}, and has {within:.0f} s"
    return None
