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


def audible(path: Path, count: int = 120) -> Path:
    """Encode a second of film at 120 frames, with sound."""
    with av.open(str(path), "w", format="mp4") as out:
        video, sound = out.add_stream("libx264", rate=120), out.add_stream("aac", rate=48_000)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(46):
            heard = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 48_000, number * 1024
            out.mux(sound.encode(heard))
        out.mux(sound.encode())
        for picture in numbered(count):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode())
    return path


COLOUR = (173, 42, 26)
"""Green, nearly as pure as it can be, as BT.709 has it in the limited range."""


def tagged(path: Path, size: tuple[int, int] = (320, 180), *, full: bool = False, pixels: str = "yuv420p") -> Path:
    """Encode two seconds of one colour, with the tags of BT.709 that say how to understand it."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=60, options={"crf": "4", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        codec = stream.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = 1
        codec.color_range = 2 if full else 1
        for number in range(120):
            frame = av.VideoFrame(*size, pixels)
            for plane, value in zip(frame.planes, COLOUR, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 60)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def colours(film: Path) -> tuple[list[int], tuple[int, ...]]:
    """Return the mean of each plane of a film's tenth frame, and its tags: matrix, primaries, transfer, range."""
    with av.open(str(film)) as container:
        codec = container.streams.video[0].codec_context
        tags = codec.colorspace, codec.color_primaries, codec.color_trc, codec.color_range
        frame = [frame for frame, _ in zip(container.decode(video=0), range(10), strict=False)][-1]
        planes = [np.frombuffer(each, np.uint8).reshape(-1, each.line_size) for each in frame.planes]
        means = [plane[:, : each.width].mean() for plane, each in zip(planes, frame.planes, strict=True)]
    return [round(float(mean)) for mean in means], tuple(int(tag) for tag in tags)


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
