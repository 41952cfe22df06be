"""What the price book offers: for each frame rate and size the cost, the quality and the wait."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..clip import Clip, Mode, read_clip
from ..errors import InvalidClip, UnknownPrice
from ..money import dollars
from ..prices import PriceBook


@dataclass(frozen=True, slots=True)
class Option:
    """One clip that could be asked for.

    Attributes:
        fps: frames a second.
        resolution: as the provider names it.
        strength: of the physics.
        cost: µ$, by the price book.
        quality: of 10.
        wait: milliseconds to generate it, on average.
        patience: milliseconds in which 95 of 100 are done.
    """

    fps: int
    resolution: str
    strength: Decimal
    cost: int
    quality: Decimal
    wait: int
    patience: int

    @property
    def pixels(self) -> int:
        """Of one picture."""
        width, height = self.resolution.split("x")
        return int(width) * int(height)

    @property
    def name(self) -> str:
        """How people tell it from others."""
        return f"{self.fps} fps, {self.resolution}"

    def beats(self, other: "Option") -> bool:
        """Tell whether it is as cheap, as good and as fast as *other* or more, and one of these more."""
        no_worse = self.cost <= other.cost and self.quality >= other.quality and self.patience <= other.patience
        return no_worse and (self.cost, self.quality, self.patience) != (other.cost, other.quality, other.patience)

    def line(self) -> str:
        """One readable line."""
        return f"{self.name}: {dollars(self.cost)}, quality {self.quality}, {self.patience / 1000:g} s"


def options(
    book: PriceBook, model: str, clip: Clip, strength: Decimal, possible: Callable[[Clip], object] = lambda _: None
) -> list[Option]:
    """Return every clip like *clip* that the book has a price, a quality and a latency for, the cheapest first.

    Those for which *possible* raises `InvalidClip` are left out.

    Raises:
        UnknownPrice: there is none. InvalidClip: there is one, and it is not possible.
    """
    entry = book.models.get(model)
    if entry is None:
        raise UnknownPrice(f"the price book {book.name} has no model {model!r}; it knows {', '.join(book.models)}")
    found, why = [], None
    for fps, quality, (wait, patience) in _rows(entry, clip):
        for resolution in entry["resolutions"]:
            fields = clip.model_dump(exclude_unset=True)
            fields |= {"fps": fps, "resolution": resolution, "physics_strength": float(strength)}
            like = read_clip(fields)
            try:
                cost = book.quote(like, model)
                possible(like)
            except UnknownPrice:
                continue
            except InvalidClip as error:
                why = error
                continue
            found.append(Option(fps, resolution, strength, cost, quality, wait, patience))
    if not found and why is not None:
        raise why
    if not found:
        raise UnknownPrice(f"the price book {book.name} does not say how good and how fast {model} is for {clip.mode}")
    return sorted(found, key=lambda one: (one.cost, -one.quality, one.patience))


def _rows(entry: dict[str, Any], clip: Clip) -> Iterator[tuple[int, Decimal, tuple[int, int]]]:
    """Yield frame rate, quality and latency of each row of the book's table, and of the rate that the clip names.

    Between two rows, the worse of both counts: the quality of the slower one, the latency of the faster one.
    """
    quality, latency, lapse = entry.get("quality", {}), entry.get("latency", {}), entry.get("time_lapse", {})
    known = sorted(int(fps) for fps in set(quality) & set(latency))
    named = {clip.fps} if "fps" in clip.model_fields_set else set()
    for fps in sorted({*known, *named}):
        below, above = [row for row in known if row <= fps], [row for row in known if row >= fps]
        if clip.mode is Mode.TIME_LAPSE and {"quality", "latency"} <= set(lapse):
            yield fps, Decimal(lapse["quality"]), tuple(lapse["latency"])
        elif below and above:
            yield fps, Decimal(quality[str(below[-1])]), tuple(latency[str(above[0])])


def frontier(found: Iterable[Option]) -> list[Option]:
    """Return the options that no other beats: each is the best at something."""
    every = list(found)
    return [one for one in every if not any(other.beats(one) for other in every)]
