"""The frame that is on screen at a moment: found by seeking where that is shorter, decoded in constant memory."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from .mp4 import NotAFilm
from .pyav import VideoFrame, VideoStream, reading
from .trouble import LARGEST_PICTURE, TooLarge

BACK = Fraction(1, 2)
"""Seconds further back that is looked, at first, where a seek came out behind its moment."""


def frames_at(path: Path, moments: Iterable[Fraction]) -> Iterator[VideoFrame]:
    """Yield the frame that each moment shows, in seconds from the first frame; the moments rise.

    The last frame stays on screen. Whole groups of pictures that no moment needs are skipped, not decoded.

    Raises:
        NotAFilm: it can not be decoded.
    """
    with reading(path) as (container, video):
        base = Fraction(video.time_base or 1)
        keys = _keys(video)
        source = container.decode(video)
        shown, ahead = None, next(source, None)
        if ahead is None:
            raise NotAFilm("nothing in it can be decoded")
        start = ahead.pts or 0
        for moment in moments:
            target = start + moment / base
            if ahead is not None and _key_between(keys, _pts(ahead), target):
                back = Fraction(0)
                while True:  # a key frame is shown later than it is decoded, so a seek may come out behind
                    container.seek(max(0, int(target - back / base)), stream=video, backward=True)
                    source = container.decode(video)
                    shown, ahead = None, next(source, None)
                    if ahead is None or _pts(ahead) <= target or back > moment:
                        break
                    back = back * 2 or BACK
            while ahead is not None and _pts(ahead) <= target:
                shown, ahead = ahead, next(source, None)
            if shown is None:
                raise NotAFilm(f"nothing is shown in it at {float(moment):.3f} s")
            if shown.width * shown.height > LARGEST_PICTURE:
                raise TooLarge(shown.width, shown.height)
            yield shown


def _pts(frame: VideoFrame) -> int:
    if frame.pts is None:
        raise NotAFilm("a frame does not say when it is shown")
    return frame.pts


def _keys(video: VideoStream) -> list[int]:
    """Return when a decoder can start, from the film's index: nothing is read for it."""
    return sorted(entry.timestamp for entry in video.index_entries if entry.is_keyframe)


def _key_between(keys: list[int], here: int, there: Fraction) -> bool:
    place = bisect_right(keys, there)
    return place > 0 and keys[place - 1] > here
