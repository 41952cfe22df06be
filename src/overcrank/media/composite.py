"""A background behind a clip: what has the key's colour, or is transparent in the clip, is seen through.

The planes of the film are mixed as they are, without a way through RGB, so that colours keep their matrix; one frame of
each film is held at a time.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any

from ..clip import ALPHA
from .encode import encode
from .frames import frames_at
from .mp4 import Film, probe
from .pyav import VideoFrame, checked, np, reading
from .trouble import Impossible

BT709, FULL_RANGE = 1, 2
"""What a film says of itself: that its colours are those of HD, and that its levels go from 0 to 255."""

LUMA = {True: (0.2126, 0.0722), False: (0.299, 0.114)}
"""How much red and blue count for brightness, by whether the colours are those of HD."""

GREY = 16
"""A key whose colour is no further than this from grey is told by its brightness too."""

Planes = list[Any]


def composite(
    film: Path, to: Path, background: str, key: str, tolerance: float, softness: float, *, loop: bool
) -> Film:
    """Write *film* with *background* behind it, with the size, the frames and the length of *film*.

    The background is scaled to cover the picture; what is too much of it is cut off. Where it is shorter it begins
    anew, or stands still at its end without *loop*.

    Raises:
        NotAFilm: one of them can not be decoded. Impossible: it has nothing to see through.
    """
    fps = checked(film).fps
    encode(_mixed(film, Path(background), key, (tolerance, softness), fps, loop=loop), to, fps, film)
    return probe(to)


def _mixed(
    film: Path, background: Path, key: str, edge: tuple[float, float], fps: Fraction, *, loop: bool
) -> Iterator[VideoFrame]:
    behind = _behind(background, fps, loop=loop)
    last, scaled = None, []
    with reading(film) as (container, video):
        for frame in container.decode(video):
            front, opaque = _through(frame, key, *edge)
            height, width = front[0].shape
            there = next(behind)
            if there is not last:
                last, scaled = there, _covering(there, frame, width, height)
            yield _frame([_mix(*planes) for planes in zip(front, scaled, opaque, strict=True)], frame)


def _behind(film: Path, fps: Fraction, *, loop: bool) -> Iterator[VideoFrame]:
    """Yield what the background shows at each frame of the clip, for ever."""
    times = (Fraction(number) / fps for number in count())
    if not loop:
        yield from frames_at(film, times)
    length = checked(film).duration
    each = ceil(length * fps)
    for turn in count():
        first = ceil(turn * length * fps)
        moments = (Fraction(first + number) / fps - turn * length for number in range(each))
        yield from frames_at(film, (moment for moment in moments if moment < length))


def _through(frame: VideoFrame, key: str, tolerance: float, softness: float) -> tuple[Planes, Planes]:
    """Return the planes of a frame, cut to an even size, and how opaque each of their pixels is, 0 to 255."""
    if key == ALPHA:
        if not any(part.is_alpha for part in frame.format.components):
            raise Impossible("its film says of no pixel that it is transparent: name the colour to be seen through")
        *front, alpha = _planes(frame.reformat(format="yuva420p"))
        return front, _at_each_size(alpha)
    front = _planes(frame.reformat(format="yuv420p"))
    luma, *chroma = (plane.astype(np.float32) for plane in front)
    brightness, *colour = _colour(key, hd=frame.colorspace == BT709, full=frame.color_range == FULL_RANGE)
    far = sum((plane - value) ** 2 for plane, value in zip(chroma, colour, strict=True))
    far = far.repeat(2, 0).repeat(2, 1)
    if max(abs(value - 128) for value in colour) <= GREY:
        far = far + (luma - brightness) ** 2
    beyond = np.sqrt(far) / 255 - tolerance
    opaque = np.clip(beyond / softness, 0, 1) if softness else beyond > 0
    return front, _at_each_size(np.rint(opaque * np.float32(255)).astype(np.uint16))


def _at_each_size(opaque: Any) -> Planes:
    """Return it for the brightness, and for the colours, of which there is one for two by two pixels."""
    whole = opaque.astype(np.uint16)
    quarter = (whole[::2, ::2] + whole[1::2, ::2] + whole[::2, 1::2] + whole[1::2, 1::2] + 2) // 4
    return [whole, quarter, quarter]


def _colour(key: str, *, hd: bool, full: bool) -> tuple[float, float, float]:
    """Return a colour as brightness and two colour differences, as a film keeps it."""
    red, green, blue = (int(key[place : place + 2], 16) / 255 for place in (1, 3, 5))
    of_red, of_blue = LUMA[hd]
    bright = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    low, wide, deep = (0, 255, 255) if full else (16, 219, 224)
    differences = ((value - bright) / (2 * (1 - share)) for value, share in ((blue, of_blue), (red, of_red)))
    return (low + wide * bright, *(128 + deep * one for one in differences))  # type: ignore[return-value]


def _covering(frame: VideoFrame, like: VideoFrame, width: int, height: int) -> Planes:
    """Return the planes of a background's frame, so large that they cover the clip's, and cut to its middle."""
    scale = max(Fraction(width, frame.width), Fraction(height, frame.height))
    wide, high = (2 * ceil(side * scale / 2) for side in (frame.width, frame.height))
    if frame.colorspace != like.colorspace:  # the scaler changes the matrix only on the way through RGB
        frame = frame.reformat(wide, high, "rgb24", src_colorspace=frame.colorspace)
    left, top = (wide - width) // 2 & ~1, (high - height) // 2 & ~1
    luma, *chroma = _planes(frame.reformat(wide, high, "yuv420p", dst_colorspace=like.colorspace))
    cut = [plane[top // 2 :, left // 2 :][: height // 2, : width // 2] for plane in chroma]
    return [luma[top:, left:][:height, :width], *cut]


def _planes(frame: VideoFrame) -> Planes:
    """Return a frame's planes, cut to an even number of rows and columns."""
    found = []
    for number, plane in enumerate(frame.planes):
        whole = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        half = 2 if number in {1, 2} else 1
        found.append(whole[: (frame.height & ~1) // half, : (frame.width & ~1) // half])
    return found


def _mix(front: Any, behind: Any, opaque: Any) -> Any:
    mixed = front.astype(np.uint16) * opaque + behind.astype(np.uint16) * (255 - opaque) + 127
    return (mixed // 255).astype(np.uint8)


def _frame(planes: Planes, like: VideoFrame) -> VideoFrame:
    height, width = planes[0].shape
    flat = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)
    made = VideoFrame.from_ndarray(flat, format="yuv420p")
    made.colorspace, made.color_range = like.colorspace, like.color_range
    return made
