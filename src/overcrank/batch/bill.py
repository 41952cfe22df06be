"""The bill ahead: what a batch will cost, and when it can be done by, from prices, budget and rate."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from ..admission.foresight import Estimate
from ..clip import Clip
from ..errors import Refused
from ..money import MICROS, dollars
from ..scripts import ALONE, Sharing
from .backgrounds import Backgrounds, named
from .lines import Line


@dataclass
class Bill:
    """What the lines of a batch that are not done come to, in µ$.

    Attributes:
        clips: lines that are to be submitted.
        rejected: lines that are wrong.
        total: what they will be charged, by the price book.
        dearest: the dearest of them.
        naive: what they would be charged, were each made by itself, with a background of its own.
        served: how many of them have the film of another, in the batch or from before.
        backgrounds: how many clips are behind others, and cost once.
        done: lines whose results are there.
        first: the first of those that are paid for.
        wrong: the first of the wrong lines.
    """

    clips: int = 0
    done: int = 0
    rejected: int = 0
    total: int = 0
    dearest: int = 0
    naive: int = 0
    served: int = 0
    backgrounds: int = 0
    first: list[Clip] = field(default_factory=list)
    wrong: list[Line] = field(default_factory=list)

    @property
    def saved(self) -> int:
        """What is saved by paying for nothing twice."""
        return self.naive - self.total

    @property
    def line(self) -> str:
        """The bill in one line."""
        said = [f"{self.clips} clips for {dollars(self.total)}"]
        if self.saved:
            behind = f" and {self.backgrounds} backgrounds are shared" if self.backgrounds else ""
            said.append(
                f"{dollars(self.naive)} each by itself, so {dollars(self.saved)} is saved: "
                f"{self.served} have the film of another{behind}"
            )
        said += [f"{self.done} lines have their result"] if self.done else []
        said += [f"{self.rejected} lines are wrong"] if self.rejected else []
        return ", ".join(said)


EXAMINED = 1000
"""Clips that are played through every budget, rate and slot; the rest of a batch counts by rate and budget."""

KEPT = 20
"""Wrong lines that the bill itself names; all of them are in the rejects file."""

AT_ONCE = 500
"""Lines for which it is asked in one round trip whether there is a film already."""


@dataclass
class Till:
    """What a bill is made with.

    Attributes:
        price: what a clip is charged, or `Refused`.
        asks: which film a clip asks for, and whose it may have.
        served: tells of requests whether there is a film for each.
        done: tells of a line whether its result is there.
        backgrounds: what is behind the lines' clips.
    """

    price: Callable[[Clip], int]
    asks: Callable[[Clip], Sharing] = lambda _: ALONE
    served: Callable[[Sequence[Sharing]], list[bool]] = lambda asking: [False] * len(asking)
    done: Callable[[Line], bool] = lambda _: False
    backgrounds: Backgrounds = field(default_factory=lambda: Backgrounds(lambda *_: True))


def add_up(lines: Iterable[Line], till: Till) -> Bill:
    """Return the bill for all lines that are not done, holding none of them, but only which films they may share."""
    bill, films, behind = Bill(), set[int](), set[str]()
    source = iter(till.backgrounds.checked(lines))
    while some := list(islice(source, AT_ONCE)):
        priced = list(_priced(some, till, bill))
        asking = [till.asks(clip) for _, clip, _ in priced]
        for (line, clip, quote), one, there in zip(priced, asking, till.served(asking), strict=True):
            bill.clips, bill.naive, bill.dearest = bill.clips + 1, bill.naive + quote, max(bill.dearest, quote)
            if one.key and (there or _short(one.key) in films):
                bill.served += 1
            else:
                bill.total += quote
                if len(bill.first) < EXAMINED:
                    bill.first.append(clip)
            if one.key:
                films |= {_short(film) for film in (one.film, one.alike) if film}
            if line.behind is not None:
                _background(line.behind, till, bill, behind)
    return bill


def _priced(lines: Iterable[Line], till: Till, bill: Bill) -> Iterator[tuple[Line, Clip, int]]:
    """Yield the lines that are to be submitted, with their clips and prices; count the others."""
    for line in lines:
        why, text = line.why, line.text
        if till.done(line):
            bill.done += 1
            continue
        if line.clip is not None:
            try:
                quote = till.price(line.clip)
            except Refused as error:
                why = str(error)
            else:
                why = _refused(_clip_behind(line.behind, till), till)
                if not why:
                    yield line, line.clip, quote
                    continue
        bill.rejected += 1
        if len(bill.wrong) < KEPT:
            bill.wrong.append(Line(line.number, None, why, text))


def _clip_behind(name: Clip | str | None, till: Till) -> Clip | None:
    """Return the clip behind a line's; None where there is none, or it is a job that is there and paid for."""
    line = till.backgrounds.labels.get(name) if isinstance(name, str) else None
    return name if isinstance(name, Clip) else line.clip if line is not None else None


def _refused(behind: Clip | None, till: Till) -> str:
    """Return why a background can not be made; nothing where it can."""
    try:
        if behind is not None:
            till.price(behind)
    except Refused as error:
        return f"background: {error}"
    return ""


def _background(name: Clip | str, till: Till, bill: Bill, known: set[str]) -> None:
    """Count a background once where it is paid for, and each time where each clip had its own."""
    clip = _clip_behind(name, till)
    if clip is None:
        return
    first = named(name) not in known
    known.add(named(name))
    bill.backgrounds += first
    quote = till.price(clip)
    if isinstance(name, Clip) and first:
        bill.total += quote
    bill.naive += 0 if isinstance(name, str) and first else quote  # a line with a label is in the sum already


def _short(film: str) -> int:
    return int(film[:16], 16)


def seconds_needed(bill: Bill, stats: dict[str, Any], window: float) -> float:
    """Return how long a batch takes at least: by the rate, and by the budget's windows of *window* seconds."""
    rate = float(stats["lane"]["rate"] or 0)
    by_rate = (bill.clips - bill.served) / rate if rate else 0.0
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
