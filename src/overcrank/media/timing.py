"""When each delivered frame shows what: arithmetic in fractions, so that no length is off by a rounding."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from .mp4 import Film
from .trouble import Impossible

SLOWEST, FASTEST = 24, 60
"""Frames a second of what is delivered."""

LARGEST_SPEED = 300
SHORTEST = 6
"""Frames that a delivered film has at the least: a clip of 60 s is that at 30 a second, 300 times as fast."""


def slowing(film: Film, fps: int) -> Fraction:
    """Return how many times slower *film* plays at *fps*, every frame of it shown.

    Raises:
        Impossible: it would not be slower.
    """
    _deliverable(fps)
    if film.fps <= fps:
        raise Impossible(
            f"it has {float(film.fps):g} frames a second, so at {fps} it is no slow motion: generate it at 120 or 240"
        )
    return film.fps / fps


def sampled(film: Film, fps: int, speed: int = 1) -> int:
    """Return how many frames a *speed* times faster film has at *fps*.

    Raises:
        Impossible: too little would be left, or frames would have to be invented.
    """
    _deliverable(fps)
    if not 1 <= speed <= LARGEST_SPEED:
        raise Impossible(f"{speed} times as fast is not possible; allowed is 1 to {LARGEST_SPEED}")
    if film.fps * speed < fps:
        raise Impossible(f"it has {float(film.fps):g} frames a second, so {fps} would have to be invented")
    count = ceil(film.duration * fps / speed)
    if count < SHORTEST:
        most = int(film.duration * fps / SHORTEST)
        raise Impossible(
            f"{speed} times as fast leaves {count} frames of {float(film.duration):g} s, and {SHORTEST} are the "
            f"least: " + (f"at most {most} times as fast is possible" if most > 1 else "it is too short to speed up")
        )
    return count


def moments(count: int, fps: int, speed: int = 1) -> Iterator[Fraction]:
    """Yield the moment of the film that each delivered frame shows."""
    return (Fraction(number * speed, fps) for number in range(count))


def spread(film: Film, count: int) -> list[Fraction]:
    """Return *count* moments spread evenly over a film, none at its very ends."""
    return [film.duration * (2 * number + 1) / (2 * count) for number in range(count)]


def _deliverable(fps: int) -> None:
    if not SLOWEST <= fps <= FASTEST:
        raise Impossible(f"{fps} frames a second are not delivered; allowed is {SLOWEST} to {FASTEST}")
