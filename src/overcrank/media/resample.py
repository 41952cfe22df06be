"""Fewer frames of the same film: downsampled at its own speed, or sped up to a time lapse."""

from pathlib import Path

from .encode import encode
from .frames import frames_at
from .mp4 import Film, probe
from .pyav import checked
from .timing import moments, sampled


def resample(film: Path, to: Path, fps: int, speed: int = 1) -> Film:
    """Write *film* at *fps* frames a second, *speed* times as fast.

    Raises:
        NotAFilm: it can not be decoded. Impossible: too little would be left of it.
    """
    count = sampled(checked(film), fps, speed)
    encode(frames_at(film, moments(count, fps, speed)), to, fps, film)
    return probe(to)
