"""The plan: of what the price book offers, the cheapest clip that is good enough, large enough and soon enough."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ..clip import Clip, read_clip
from ..errors import Refused
from ..money import dollars, plain
from ..prices import PriceBook
from .options import Option, frontier, options
from .physics import settled


class Purpose(StrEnum):
    """What a clip is for; each is a floor for what is not said otherwise."""

    PREVIEW = "preview"
    STANDARD = "standard"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that a purpose asks for."""

    quality: Decimal
    resolution: str


FLOORS = {
    Purpose.PREVIEW: Floor(Decimal(8), "1280x720"),
    Purpose.STANDARD: Floor(Decimal("8.7"), "1920x1080"),
    Purpose.PREMIUM: Floor(Decimal("9.4"), "1920x1080"),
}


class NoPlan(Refused):
    """Nothing that the price book offers is what is wanted; the message names what comes nearest."""


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a clip.

    Attributes:
        clip: what it shows; its frame rate, size and strength count only where they were given.
        purpose: the floors for what is not said.
        quality: of 10, at least.
        budget: µ$, at most.
        within: milliseconds in which it has to be ready, 95 times of 100.
        delay: milliseconds of these that pass before it is sent and after it is made.
        scene: fluid, rigid or organic.
    """

    clip: Clip
    purpose: Purpose = Purpose.STANDARD
    quality: Decimal | None = None
    budget: int | None = None
    within: int | None = None
    delay: int = 0
    scene: str | None = None


@dataclass(frozen=True)
class Plan:
    """What to ask for, what else there was, and what it saves.

    Attributes:
        wanted: what was wanted.
        chosen: the option that was chosen.
        options: all that the book offers at this strength, the cheapest first.
        best: of those that are large enough, the ones that no other beats in cost, quality and wait.
        reason: why the physics is as strict as it is; None where the clip named a strength.
        naive: what the clip costs as it is, µ$: with the usual frame rate and size where it names none, and the
            strength that its prompt calls for.
        why: the reasons, a line each.
    """

    wanted: Wanted
    chosen: Option
    options: tuple[Option, ...]
    best: tuple[Option, ...]
    naive: int
    reason: str | None
    why: tuple[str, ...] = field(default=())

    @property
    def clip(self) -> Clip:
        """What to submit."""
        fields = self.wanted.clip.model_dump(exclude_unset=True)
        chosen = self.chosen
        fields |= {"fps": chosen.fps, "resolution": chosen.resolution, "physics_strength": float(chosen.strength)}
        return read_clip(fields if self.reason is None else fields | {"physics_why": self.reason})

    @property
    def saving(self) -> int:
        """µ$ less than the naive choice; negative where more was wanted than that gives."""
        return self.naive - self.chosen.cost

    @property
    def percent(self) -> int:
        """The saving as a part of the naive choice."""
        return round(Decimal(100) * self.saving / self.naive)

    @property
    def compared(self) -> str:
        """The saving in words."""
        if self.saving == 0:
            return f"the same as without a plan, {dollars(self.naive)}"
        return (
            f"{abs(self.percent)} % {'less' if self.saving > 0 else 'more'} than {dollars(self.naive)} without a plan"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return {
            "clip": self.clip.model_dump(mode="json", exclude_unset=True),
            "cost_usd": plain(self.chosen.cost),
            "naive_usd": plain(self.naive),
            "saving_percent": self.percent,
            "quality": str(self.chosen.quality),
            "ready_in_ms": self.chosen.patience + self.wanted.delay,
            "why": list(self.why),
        }


def plan(wanted: Wanted, book: PriceBook, model: str, possible: Callable[[Clip], object] = lambda _: None) -> Plan:
    """Choose frame rate, size and strength: the cheapest that is good enough; for the same money, the better.

    *possible* raises `InvalidClip` for a clip that can not be made as it asks to be delivered: that is no offer.
    What the clip names itself is taken as it is. So the plan is never above the budget, never below the quality, and
    none of the options beats it.

    Raises:
        NoPlan: nothing on offer is what is wanted. UnknownPrice: the book has no table for it.
        InvalidClip: no frame rate could be delivered as the clip asks.
    """
    clip, floor = wanted.clip, FLOORS[wanted.purpose]
    naive = book.quote(settled(clip), model)
    named = clip.model_fields_set
    power = settled(clip, wanted.scene)
    value, reason = Decimal(str(power.physics_strength)), power.physics_why
    reasons = [f"strength {value:.2f}: {reason or 'it was given'}"]
    every = options(book, model, clip, value, possible)
    smallest = 0 if "resolution" in named else _pixels(floor.resolution)
    open_to = [
        one
        for one in every
        if one.pixels >= smallest
        and ("fps" not in named or one.fps == clip.fps)
        and ("resolution" not in named or one.resolution == clip.resolution)
    ]
    best = frontier(open_to)
    least = floor.quality if wanted.quality is None else wanted.quality
    fits = [
        one
        for one in best
        if one.quality >= least
        and (wanted.budget is None or one.cost <= wanted.budget)
        and (wanted.within is None or one.patience + wanted.delay <= wanted.within)
    ]
    if not fits:
        raise NoPlan(_nearest(wanted, open_to, least))
    chosen = min(fits, key=lambda one: (one.cost, -one.quality, one.patience, -one.pixels))
    if wanted.delay:
        whole, rest = (chosen.patience + wanted.delay) / 1000, wanted.delay / 1000
        reasons.append(f"ready in {whole:g} s, {rest:g} s of it for the queue and the way home")
    reasons.append(f"{chosen.name}: the cheapest of {len(open_to)} that are large enough, at quality {least} or better")
    return Plan(wanted, chosen, tuple(every), tuple(best), naive, reason, tuple(reasons))


def _pixels(resolution: str) -> int:
    width, height = resolution.split("x")
    return int(width) * int(height)


def _nearest(wanted: Wanted, every: list[Option], least: Decimal) -> str:
    """Say what can not be had, and what comes nearest to it."""
    asked = [f"quality {least} or better"]
    asked += [f"for at most {dollars(wanted.budget)}"] if wanted.budget is not None else []
    if wanted.within is not None:
        rest = f" ({wanted.delay / 1000:g} s of it for the queue and the way home)" if wanted.delay else ""
        asked.append(f"within {wanted.within / 1000:g} s{rest}")
    good = [one for one in every if one.quality >= least]
    paid = [one for one in every if wanted.budget is None or one.cost <= wanted.budget]
    near = [f"the cheapest that good is {good[0].line()}"] if good else ["nothing is that good"]
    if paid:
        near.append(f"the best for the money is {max(paid, key=lambda one: (one.quality, -one.cost)).line()}")
    return f"nothing in the size and frame rate asked for has {', '.join(asked)}; {'; '.join(near)}"
