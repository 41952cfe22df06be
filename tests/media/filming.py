"""Films for tests: the sandbox's falling ball, whose gravity can be read off its pixels, and others that are odd."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from overcrank.sandbox.ball import Scene
from overcrank.sandbox.clips import ClipShape, render

GRAVITY = 9.81
BRIGHT = 170  # the ball is brighter than anything else in the sandbox's picture


def ball(path: Path, fps: int = 120, seconds: float = 2, size: tuple[int, int] = (320, 180)) -> Path:
    """Film a ball that falls from two metres."""
    path.write_bytes(render(ClipShape(size, fps, round(fps * seconds), 3, GRAVITY, "av")))
    return path


def gravity(film: Path, size: tuple[int, int] = (320, 180), speed: Fraction = Fraction(1)) -> float:
    """Measure it, in m/s², from the decoded pixels of a film in which time runs *speed* times as fast."""
    scene = Scene(*size, 120, GRAVITY, 3)
    times, heights = [], []
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            time = float(frame.time * speed)
            if time >= scene.fall_seconds:
                break
            luma = frame.to_ndarray(format="gray").astype(float)
            weight = np.clip(luma - BRIGHT, 0, None)
            if weight[0].any():  # the edge cuts through the ball
                continue
            times.append(time)
            heights.append(float((weight.sum(axis=1) * np.arange(luma.shape[0])).sum() / weight.sum()))
    half, *_ = np.polyfit(times, heights, 2)
    return float(2 * half / scene.pixels_per_metre)


def drawn(
    path: Path,
    pictures: Iterable[Any],
    fps: int = 30,
    *,
    pts: Callable[[int], int] = lambda n: n,
    pixels: str = "yuv420p",
    **options: str,
) -> Path:
    """Encode RGB pictures; *pts* says at which tick of 1/fps each is shown."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "18", **options})
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pixels
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = pts(number), Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def numbered(count: int, size: tuple[int, int] = (64, 48)) -> Iterable[Any]:
    """Pictures whose brightness says which they are."""
    for number in range(count):
        yield np.full((size[1], size[0], 3), 16 + number % 220, np.uint8)


def texture(width: int = 400, height: int = 240) -> Any:
    """A picture with something to see everywhere."""
    rng = np.random.default_rng(4)
    coarse = rng.integers(30, 220, (height // 8, width // 8)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 8, 0), 8, 1)[:, :, None].repeat(3, 2)


def looped(film: Path, path: Path, times: int) -> Path:
    """Repeat a film's packets, so that a long one need not be encoded."""
    with av.open(str(path), "w", format="mp4") as out, av.open(str(film)) as source:
        video = source.streams.video[0]
        stream = out.add_stream_from_template(video)
        for number in range(times):
            source.seek(0)
            for packet in source.demux(video):
                if packet.size:
                    packet.pts, packet.dts = (at + number * video.duration for at in (packet.pts, packet.dts))
                    packet.stream = stream
                    out.mux(packet)
    return path


def brightness(film: Path) -> list[int]:
    """Return the mean grey of each frame."""
    with av.open(str(film)) as container:
        return [round(float(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)]


def packets(film: Path) -> list[bytes]:
    """Return the encoded frames of a film."""
    with av.open(str(film)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]
