"""A frame's planes: cut out exactly, without a way through RGB, so that colours stay what they are.

H.264 keeps colour for two by two pixels. Where a cut begins at an odd pixel, its colours lie between two of those that
are there, and are their mean.
"""

from typing import Any

from .pyav import VideoFrame, np
from .trouble import Impossible

Array = Any
FORMAT = "yuv420p"

LIMITED, FULL = 1, 2
"""Ranges of the numbers: what is encoded is always in the limited one, which every player understands."""


def plain(frame: VideoFrame) -> VideoFrame:
    """Return the frame as 8 bits in 4:2:0 in the limited range, its colours meant as before."""
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
    if frame.format.name == FORMAT and not full:
        return frame
    return frame.reformat(format=FORMAT, src_color_range=FULL if full else LIMITED, dst_color_range=LIMITED)


def cut(frame: VideoFrame, left: int, top: int, width: int, height: int) -> VideoFrame:
    """Return so much of a frame that `plain` gave; *width* and *height* are even.

    Raises:
        Impossible: too little would be left.
    """
    if min(width, height) < 2:
        raise Impossible(
            f"its pictures are {frame.width}x{frame.height}: too little would be left of them for a film, "
            "which has at least two by two pixels"
        )
    light, *colours = (_pixels(frame, number) for number in range(3))
    parts = [light[top : top + height, left : left + width]]
    parts += [_between(plane, left, top, width // 2, height // 2) for plane in colours]
    whole = np.concatenate([part.ravel() for part in parts])
    return VideoFrame.from_ndarray(whole.reshape(height * 3 // 2, width), format=FORMAT)


def _pixels(frame: VideoFrame, number: int) -> Array:
    plane = frame.planes[number]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _between(plane: Array, left: int, top: int, width: int, height: int) -> Array:
    """Return the colours from half of *left* and *top* on, which may lie between two."""
    for axis, start, length in ((0, top, height), (1, left, width)):
        first = np.arange(start // 2, start // 2 + length)
        there = plane.take(first, axis)
        if start % 2:
            beside = plane.take(np.minimum(first + 1, plane.shape[axis] - 1), axis)
            there = ((there.astype(np.uint16) + beside + 1) // 2).astype(np.uint8)
        plane = there
    return plane
