"""What a clip costs here: two price lists that disagree, as the published ones do.

Decimal arithmetic inside, integer micro-dollars (1 USD = 1,000,000) outside, rounded half-up once.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

#: The names the vendor takes for a resolution, each with its pixels and its price factor.
RESOLUTIONS: dict[str, tuple[tuple[int, int], Decimal]] = {
    "1280x720": ((1280, 720), Decimal("0.5")),
    "1920x1080": ((1920, 1080), Decimal(1)),
    "3840x2160": ((3840, 2160), Decimal(2)),
    "720p": ((1280, 720), Decimal("0.5")),
    "1080p": ((1920, 1080), Decimal(1)),
    "4K": ((3840, 2160), Decimal(2)),
}

#: USD per second up to and including this many frames per second.
TABLE: tuple[tuple[int, Decimal], ...] = (
    (30, Decimal("0.12")),
    (60, Decimal("0.21")),
    (120, Decimal("0.38")),
    (240, Decimal("0.67")),
)

#: USD per second of a time lapse, at any frame rate; by the formula only where that is not dearer.
TIME_LAPSE = Decimal("0.45")

_MICROS = 1_000_000


def price_micros(
    price_list: str,
    *,
    duration: Decimal,
    fps: int,
    resolution: str,
    strength: Decimal,
    mode: str | None = None,
    factor: Decimal = Decimal(1),
) -> int:
    """The price of one clip in micro-dollars.

    Args:
        price_list: "formula" or "table".
        duration: seconds.
        fps: frames per second, at most 240.
        resolution: a key of `RESOLUTIONS`.
        strength: of the physics, 0..1; 0 where it is off.
        mode: a time lapse has a row of its own.
        factor: how far the real price is from the quoted one.
    """
    dollars = duration * RESOLUTIONS[resolution][1] * factor
    lapse = TIME_LAPSE if mode == "time_lapse" else Decimal(0)
    if price_list == "table":
        dollars *= lapse or next(rate for top, rate in TABLE if fps <= top)
    else:
        dollars = max(dollars * Decimal("0.15") * fps * (1 + Decimal("0.35") * strength) / 30, dollars * lapse)
    return round_micros(dollars * _MICROS)


def round_micros(micros: Decimal) -> int:
    """Whole micro-dollars, half up."""
    return int(micros.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def usd_number(micros: int) -> float:
    """The JSON number of an amount: its shortest form has at most six decimals and parses back to the same micros."""
    return micros / _MICROS


def to_micros(dollars: float | str | Decimal) -> int:
    """Micro-dollars of a configured amount in USD."""
    return round_micros(Decimal(str(dollars)) * _MICROS)
