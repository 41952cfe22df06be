"""The shelf of rendered clips: each shape is rendered once, in a thread of its own, and kept while there is room."""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from overcrank.sandbox import h264, mp4
from overcrank.sandbox.ball import Box, Canvas, Scene

#: How many different clips there are of one size and length; the seed picks one.
VARIANTS = 8

_SHELF_BYTES = 64 << 20
_TINY = (32, 32)

Item = TypeVar("Item")


@dataclass(frozen=True)
class ClipShape:
    """All that the bytes of a clip depend on.

    Attributes:
        size: width and height in pixels.
        fps: frames per second.
        frames: how many; the duration in seconds is `frames / fps`.
        variant: 0..7.
        gravity: m/s².
        encoder: "av", "plain", or "still" for a tiny picture in which nothing moves.
    """

    size: tuple[int, int]
    fps: int
    frames: int
    variant: int
    gravity: float
    encoder: str


@dataclass(frozen=True)
class Clip:
    """A rendered file and its SHA-256 in hexadecimal."""

    data: bytes
    sha256: str


class RenderStoppedError(Exception):
    """The sandbox is stopping; this clip was not finished."""


def shape(
    asked: tuple[int, int],
    fps: int,
    frames: int,
    seed: int,
    *,
    clip_size: tuple[int, int] | None,
    gravity: float,
    clips: str,
    encoder: str,
) -> ClipShape:
    """The clip that stands for a generation; the arguments after the seed are those of the configuration."""
    if clips == "tiny":
        return ClipShape(_TINY, fps, frames, 0, 0.0, "still")
    if encoder == "auto":
        encoder = "av" if _has_av() else "plain"
    return ClipShape(clip_size or asked, fps, frames, seed % VARIANTS, gravity, encoder)


def render(clip: ClipShape, stopping: threading.Event | None = None) -> bytes:
    """The bytes of an MP4; raises `RenderStoppedError` once `stopping` is set."""
    scene = Scene(*clip.size, clip.fps, clip.gravity or 9.81, clip.variant)
    still = clip.encoder == "still"
    frames = _until(_still(scene, clip.frames) if still else scene.frames(clip.frames), stopping)
    if clip.encoder == "av":
        from overcrank.sandbox import render_av

        units, sps, pps = render_av.encode(scene, frames)
    else:
        units = h264.encode(frames, clip.fps)
        sps, pps = h264.parameter_sets(*clip.size, clip.fps)
    return mp4.wrap(units, sps, pps, clip.size, clip.fps)


class ClipShelf:
    """Rendered clips, the longest unused ones dropped first; any thread may ask."""

    def __init__(self, room: int = _SHELF_BYTES) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._clips: OrderedDict[ClipShape, Clip] = OrderedDict()
        self._held = 0
        self._pending: dict[ClipShape, Future[Clip]] = {}
        self._hashes: dict[ClipShape, str] = {}
        self._stopping = threading.Event()
        self._renderer = ThreadPoolExecutor(1, "sandbox-render")

    def ask(self, clip: ClipShape) -> Future[Clip]:
        """The clip, now or as soon as it is rendered."""
        with self._lock:
            ready = self._clips.get(clip)
            if ready is not None:
                self._clips.move_to_end(clip)
                done: Future[Clip] = Future()
                done.set_result(ready)
                return done
            if clip not in self._pending:
                self._pending[clip] = self._renderer.submit(self._render, clip)
            return self._pending[clip]

    def sha256(self, clip: ClipShape) -> str | None:
        """The hash of a clip that has been rendered, even if it is no longer kept."""
        return self._hashes.get(clip)

    def close(self) -> None:
        """Stop rendering; what waits is cancelled."""
        self._stopping.set()
        self._renderer.shutdown(wait=False, cancel_futures=True)

    def _render(self, clip: ClipShape) -> Clip:
        try:
            data = render(clip, self._stopping)
            done = Clip(data, hashlib.sha256(data).hexdigest())
            with self._lock:
                self._clips[clip] = done
                self._hashes[clip] = done.sha256
                self._held += len(data)
                while self._held > self._room and len(self._clips) > 1:
                    _, dropped = self._clips.popitem(last=False)
                    self._held -= len(dropped.data)
            return done
        finally:
            with self._lock:
                self._pending.pop(clip, None)


#: One for the whole process: sandboxes that follow each other in a test run share what is rendered.
SHELF = ClipShelf()


def _has_av() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("av", "numpy"))


def _still(scene: Scene, count: int) -> Iterator[tuple[Canvas, Box | None]]:
    canvas = Canvas(scene)
    return ((canvas, None) for _ in range(count))


def _until(frames: Iterable[Item], stopping: threading.Event | None) -> Iterator[Item]:
    for frame in frames:
        if stopping is not None and stopping.is_set():
            raise RenderStoppedError("the sandbox is stopping")
        yield frame
