"""A hyperlapse: every n-th frame, with the camera held still between them."""

from pathlib import Path

from .encode import encode
from .frames import frames_at
from .mp4 import Film, probe
from .pyav import checked
from .stabilise import steady
from .timing import moments, sampled


def hyperlapse(film: Path, to: Path, fps: int, speed: int) -> Film:
    """Write *film* at *fps* frames a second, *speed* times as fast, stabilised; its edges are cut off for that.

    Raises:
        NotAFilm: it can not be decoded. Impossible: too little would be left of it.
    """
    count = sampled(checked(film), fps, speed)
    encode(steady(frames_at(film, moments(count, fps, speed))), to, fps, film)
    return probe(to)
