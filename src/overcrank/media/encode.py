"""Frames into an H.264 film: the same frames are the same bytes, and the length is exact to a frame."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from .planes import FULL, LIMITED, cut, plain
from .pyav import THREADS, VideoFrame, av, new, opened
from .trouble import Impossible

MUXED = {"movflags": "+faststart", "fflags": "+bitexact"}
"""The index comes first, so that a film plays while it loads; no versions or dates are in it."""

OPTIONS = {
    "preset": "veryfast",
    "crf": "20",
    "x264-params": f"threads={THREADS}:deterministic=1:bframes=0:no-mbtree=1:rc-lookahead=0",
}
"""Frames are decided on one by one: where x264 looks ahead with AVX-512, the same frames come out differently from one
time to the next."""


TAGS = ("colorspace", "color_primaries", "color_trc", "color_range")
"""How a player is to understand a film's colours."""

RGB, BT601 = 0, 6


def encode(frames: Iterable[VideoFrame], to: Path, fps: int | Fraction, like: Path) -> int:
    """Write *frames* as a film of *fps* frames a second, and return how many there were.

    Its colours are to be understood as those of *like*, the film the frames come from. An odd last row or column is cut
    off: H.264 keeps colour for two by two pixels.
    """
    count, tags = 0, _tags(like)
    with new(to) as near, av.open(str(near), "w", format="mp4", options=MUXED) as out:
        stream = out.add_stream("libx264", rate=fps, options=OPTIONS)
        for frame in frames:
            picture = even(frame)
            if count == 0:
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
                stream.codec_context.time_base = Fraction(1, fps)
                for name, value in tags.items():
                    setattr(stream.codec_context, name, value)
            picture.pts, picture.time_base, picture.pict_type = count, Fraction(1, fps), 0
            out.mux(stream.encode(picture))
            count += 1
        if count == 0:
            raise Impossible("there are no frames to make a film of")
        out.mux(stream.encode())
    return count


def even(frame: VideoFrame) -> VideoFrame:
    """Return the frame in 4:2:0 with an even number of rows and columns, cut, never scaled."""
    width, height = frame.width & ~1, frame.height & ~1
    picture = plain(frame)
    return picture if (width, height) == (frame.width, frame.height) else cut(picture, 0, 0, width, height)


def _tags(film: Path) -> dict[str, int]:
    """Return how a film says that its colours are to be understood, as far as `plain` leaves that true."""
    with opened(film) as (_, video):
        found = {name: int(getattr(video.codec_context, name)) for name in TAGS}
    if found["color_range"] == FULL:
        found["color_range"] = LIMITED
    if found["colorspace"] == RGB:
        found["colorspace"] = BT601
    return found
