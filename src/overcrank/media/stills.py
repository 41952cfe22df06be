"""Pictures of a film, at a glance: a poster, a sheet of contacts, and a preview that moves."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from .frames import frames_at
from .mp4 import Film
from .pyav import Image, checked, new
from .timing import spread

POSTER_WIDTH, PREVIEW_WIDTH, CONTACT_WIDTH = 1280, 320, 320
CONTACTS, COLUMNS = 12, 4
PREVIEW_FPS, PREVIEW_FRAMES = 12, 36
QUALITY = 82


def poster(film: Path, to: Path) -> tuple[int, int]:
    """Write the picture from the middle of a film as a JPEG, and return its size."""
    [picture] = _pictures(film, spread(checked(film), 1), POSTER_WIDTH)
    with new(to) as near:
        picture.save(near, "JPEG", quality=QUALITY)
    return picture.size


def sheet(film: Path, to: Path) -> tuple[int, int]:
    """Write a sheet of pictures, spread evenly over a film, as a JPEG, and return its size."""
    made: Image.Image | None = None
    for number, picture in enumerate(_pictures(film, spread(checked(film), CONTACTS), CONTACT_WIDTH)):
        wide, high = picture.size
        if made is None:
            made = Image.new("RGB", (COLUMNS * wide, -(-CONTACTS // COLUMNS) * high))
        made.paste(picture, (number % COLUMNS * wide, number // COLUMNS * high))
    if made is None:
        raise AssertionError("a film that can be decoded has pictures")
    with new(to) as near:
        made.save(near, "JPEG", quality=QUALITY)
    return made.size


def preview(film: Path, to: Path) -> tuple[int, int]:
    """Write some seconds of a film as an animated WebP, small enough for a page of fifty, and return its size."""
    first, *rest = _pictures(film, _glimpses(checked(film)), PREVIEW_WIDTH)
    with new(to) as near:
        first.save(
            near, "WEBP", save_all=True, append_images=rest, duration=1000 // PREVIEW_FPS, loop=0, quality=60, method=2
        )
    return first.size


def _glimpses(film: Film) -> list[Fraction]:
    """Return the moments of a preview: the first seconds at the film's own speed, or all of a short one."""
    count = max(1, min(PREVIEW_FRAMES, int(film.duration * PREVIEW_FPS)))
    return [Fraction(number, PREVIEW_FPS) for number in range(count)]


def _pictures(film: Path, moments: Sequence[Fraction], width: int) -> Iterator[Image.Image]:
    """Yield the pictures at the moments, no wider than *width*."""
    for frame in frames_at(film, moments):
        wide = min(width, frame.width)
        high = max(1, round(frame.height * wide / frame.width))
        yield Image.fromarray(frame.reformat(wide, high, "rgb24").to_ndarray())
