"""What the tutorial says that its own prices contradict, computed from the price book."""

from dataclasses import dataclass
from decimal import Decimal

from ..clip import Clip
from ..prices import PriceBook
from .options import options

LENGTH = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of the tutorial, and the arithmetic.

    Attributes:
        said: what it says.
        sum: how it comes out, with the numbers.
        percent: what it comes to; above zero is more, below is less.
    """

    said: str
    sum: str
    percent: Decimal


def claims(book: PriceBook, model: str) -> list[Claim]:
    """Return each claim with what the book's formula and its table make of it, for a clip of five seconds at 1080p."""
    rule, table = book.models[model]["formula"], book.models[model]["table"]
    base, per, physics = (Decimal(rule[name]) for name in ("base", "reference_fps", "physics"))

    def formula(fps: int, strength: str) -> tuple[Decimal, str]:
        cost = LENGTH * base * fps / per * (1 + physics * Decimal(strength))
        return cost, f"{LENGTH} × {base} × {fps}/{per} × (1 + {physics} × {strength}) = {_short(cost)}"

    def row(fps: int) -> tuple[Decimal, str]:
        return LENGTH * Decimal(
            table[str(fps)]
        ), f"{LENGTH} × {table[str(fps)]} = {_short(LENGTH * Decimal(table[str(fps)]))}"

    more = "120 frames a second cost “only 18 % more”"
    less = "strength 0.6 instead of 0.85 is “25 % less”"
    return [
        _claim(f"{more} (than 60, by the formula)", formula(120, "0.85"), formula(60, "0.85")),
        _claim(f"{more} (than 60, by the table)", row(120), row(60)),
        _claim(f"{more} (than 30, by the table)", row(120), row(30)),
        _claim(f"{less} (by the formula)", formula(120, "0.6"), formula(120, "0.85")),
        _claim(f"{less} (by the table)", row(120), row(120)),
    ]


def _claim(said: str, new: tuple[Decimal, str], old: tuple[Decimal, str]) -> Claim:
    percent = (new[0] / old[0] - 1) * 100
    return Claim(said, f"{new[1]} against {old[1]}", percent)


def _short(value: Decimal) -> str:
    return format(value.normalize(), "f")


def markdown(book: PriceBook, model: str) -> str:
    """Return the claims as a table for the docs, and the price of every offer."""
    lines = ["| the tutorial says | by the price book, in dollars | comes to |", "|---|---|---|"]
    for claim in claims(book, model):
        word = "more" if claim.percent > 0 else "less"
        what = "no difference" if claim.percent == 0 else f"{abs(claim.percent):.1f} % {word}"
        lines.append(f"| {claim.said} | {claim.sum} | **{what}** |")
    lines += ["", "| offer | cost of 5 s | quality | ready, 95 of 100 |", "|---|---:|---:|---:|"]
    clip = Clip(prompt="anything", duration=LENGTH)
    for one in options(book, model, clip, Decimal("0.85")):
        lines.append(f"| {one.name} | ${Decimal(one.cost) / 1_000_000} | {one.quality} | {one.patience / 1000:g} s |")
    return "\n".join(lines)
