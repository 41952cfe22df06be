"""The scene as H.264 by x264, through PyAV: an optional dependency."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np

from overcrank.sandbox.ball import Box, Canvas, Scene

_OPTIONS = {
    "preset": "veryfast",
    "crf": "18",
    "x264-params": "threads=1:slices=1:bframes=0:deterministic=1",
}
_SEQUENCE, _PICTURE, _KEY_SLICE, _SLICE = 7, 8, 5, 1


def encode(scene: Scene, frames: Iterable[tuple[Canvas, Box | None]]) -> tuple[list[tuple[bytes, bool]], bytes, bytes]:
    """One unit per frame with whether a player can start at it, then the two parameter sets.

    One thread and no time stamps: the same frames are the same bytes every time on one machine.
    """
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = scene.width, scene.height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, scene.fps), Fraction(scene.fps)
    encoder.gop_size = 2 * scene.fps
    encoder.thread_count = 1
    encoder.options = _OPTIONS
    packets = []
    for index, (canvas, _) in enumerate(frames):
        picture = _picture(canvas, scene)
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    units: list[tuple[bytes, bool]] = []
    sets: dict[int, bytes] = {}
    for packet in packets:
        for unit in filter(None, re.split(rb"\x00*\x00\x00\x01", bytes(packet))):
            kind = unit[0] & 31
            if kind in (_KEY_SLICE, _SLICE):
                units.append((unit, kind == _KEY_SLICE))
            elif kind in (_SEQUENCE, _PICTURE):
                sets[kind] = unit
    return units, sets[_SEQUENCE], sets[_PICTURE]


def _picture(canvas: Canvas, scene: Scene) -> av.VideoFrame:
    planes = []
    for data, step in ((canvas.luma, 1), (canvas.blue, 2), (canvas.red, 2)):
        plane = np.frombuffer(data, np.uint8).reshape(canvas.height // step, canvas.width // step)
        planes.append(plane[: scene.height // step, : scene.width // step].ravel())
    stacked = np.concatenate(planes).reshape(scene.height * 3 // 2, scene.width)
    return av.VideoFrame.from_ndarray(stacked, format="yuv420p")
