"""The way to PyAV: films are opened here, and nowhere else. Import it only in a process that may decode.

A film comes from elsewhere: it is opened as an MP4 from this disk only, its pictures are bounded before a decoder makes
room for one, and whatever the decoder says about it ends as `NotAFilm`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from .mp4 import Film, NotAFilm, probe
from .trouble import LARGEST_PICTURE, MissingExtra, TooLarge

try:
    import av
    import numpy as np
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL import Image
except ImportError as error:
    raise MissingExtra from error

__all__ = ["Image", "VideoFrame", "VideoStream", "av", "new", "np", "opened", "reading"]

THREADS = 2
"""Decoder and encoder threads. A fixed number, because the bytes that x264 makes depend on it."""


def checked(path: Path) -> Film:
    """Return what the film at *path* holds, having made sure that its pictures are not too large.

    Raises:
        NotAFilm: it is none, or it is cut off.
        TooLarge: a picture has more pixels than any clip that can be asked for.
    """
    film = probe(path)
    if film.width * film.height > LARGEST_PICTURE:
        raise TooLarge(film.width, film.height)
    return film


@contextmanager
def reading(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a film to decode it: give its container and its video.

    Raises:
        NotAFilm: it can not be opened, or decoding it failed in the block.
    """
    checked(path)
    with opened(path) as (container, video):
        codec = video.codec_context
        codec.thread_type, codec.thread_count = "AUTO", THREADS
        # what is damaged is an error, not a grey picture; what says one size outside and another inside is stopped
        codec.options = {"err_detect": "explode", "max_pixels": str(LARGEST_PICTURE)}
        yield container, video


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a film to read its packets."""
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            yield container, container.streams.video[0]
    except av.FFmpegError as error:
        raise NotAFilm(f"it can not be decoded: {error.strerror or error}") from error
    except IndexError:
        raise NotAFilm("it has no video track") from None


@contextmanager
def new(place: Path) -> Iterator[Path]:
    """Give a path to write to; what was written takes its place at one moment, once the block has ended well."""
    near = place.with_name(f".{uuid4().hex}{place.suffix}")
    try:
        yield near
        near.replace(place)
    finally:
        near.unlink(missing_ok=True)
