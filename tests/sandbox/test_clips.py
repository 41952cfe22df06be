"""Clips: exact frame counts, exact bytes, and physics that can be measured in the delivered pixels."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from overcrank.sandbox.ball import RESTITUTION, Scene
from overcrank.sandbox.clips import ClipShape, ClipShelf, RenderStoppedError, render, shape

av = pytest.importorskip("av")
np = pytest.importorskip("numpy")

ENCODERS = ("av", "plain")


def _pictures(data: bytes, height: int) -> Iterator[Any]:
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray()[:height].astype(float)


def _ball_rows(data: bytes, scene: Scene) -> Any:
    """Per frame the row of the ball's centre of brightness."""
    rows = []
    for picture in _pictures(data, scene.height):
        bright = np.clip(picture - 135, 0, None)
        bright[:, : scene.width // 10] = 0
        rows.append((bright.sum(axis=1) * np.arange(scene.height)).sum() / bright.sum())
    return np.array(rows)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("fps", "gravity"), [(30, 9.81), (120, 9.81), (240, 9.81), (120, 3.71)])
def test_gravity_can_be_measured_in_the_pixels(encoder: str, fps: int, gravity: float) -> None:
    """A parabola through the first fall of a decoded clip has the configured gravity within two per cent."""
    clip = ClipShape((160, 90), fps, fps, 3, gravity, encoder)
    scene = Scene(160, 90, fps, gravity, 3)
    rows = _ball_rows(render(clip), scene)[: int(scene.fall_seconds * fps)]
    curve = np.polyfit(np.arange(len(rows)) / fps, rows, 2)
    assert gravity == pytest.approx(2 * curve[0] / scene.pixels_per_metre, rel=0.02)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_bounce_can_be_measured_in_the_pixels(encoder: str) -> None:
    """The ball rises to the square of the restitution times the height it fell from."""
    scene = Scene(160, 90, 120, 9.81, 1)
    rows = _ball_rows(render(ClipShape((160, 90), 120, 200, 1, 9.81, encoder)), scene)
    ground = scene.floor - scene.radius
    rise = (ground - rows[int(scene.fall_seconds * 120) + 5 :].min()) / (ground - rows[0])
    assert pytest.approx(rise, rel=0.02) == RESTITUTION**2


@pytest.mark.parametrize("encoder", [*ENCODERS, "still"])
@pytest.mark.parametrize("fps", [30, 60, 120, 240])
def test_frames_rate_and_length_are_exact(encoder: str, fps: int) -> None:
    """A clip has as many frames as asked for, at the asked rate, and is as long as both say."""
    frames = round(fps * 1.3)
    data = render(ClipShape((160, 90), fps, frames, 0, 9.81, encoder))
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        facts = ("h264", fps, frames, 160, 90, frames / fps)
        seen = (stream.codec_context.name, stream.average_rate, stream.frames, stream.width, stream.height)
        assert facts == (*seen, float(stream.duration * stream.time_base))
        times = [frame.pts * stream.time_base * fps for frame in container.decode(stream)]
    assert list(range(frames)) == times


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_same_shape_is_the_same_bytes(encoder: str) -> None:
    """Rendering twice gives the same file; another variant gives another one."""
    one, again, other = (render(ClipShape((160, 90), 30, 30, variant, 9.81, encoder)) for variant in (2, 2, 3))
    assert one == again
    assert one != other


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_index_comes_before_the_data(encoder: str) -> None:
    """A player can start before the whole file is there."""
    data = render(ClipShape((160, 90), 30, 30, 0, 9.81, encoder))
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_the_plain_encoder_loses_nothing() -> None:
    """What plain Python encodes decodes to the very pixels that were drawn."""
    scene = Scene(158, 90, 30, 9.81, 5)
    data = render(ClipShape((158, 90), 30, 70, 5, 9.81, "plain"))
    drawn = (
        np.frombuffer(bytes(canvas.luma), np.uint8).reshape(canvas.height, canvas.width)[:90, :158]
        for canvas, _ in scene.frames(70)
    )
    different = [
        index
        for index, (picture, right) in enumerate(zip(_pictures(data, 90), drawn, strict=True))
        if (picture[:, :158] != right).any()
    ]
    assert different == []


def test_the_plain_encoder_is_small_enough() -> None:
    """Five seconds at 120 fps stay below one and a half megabytes."""
    assert len(render(ClipShape((160, 90), 120, 600, 0, 9.81, "plain"))) < 1_500_000


def test_a_tiny_clip_is_tiny() -> None:
    """The clip for load tests has the frames of the real one in a few kilobytes."""
    assert len(render(ClipShape((32, 32), 120, 600, 0, 0.0, "still"))) < 20_000


@pytest.mark.parametrize("fps", [24, 120, 240])
def test_a_ball_does_not_depend_on_the_frame_rate(fps: int) -> None:
    """At the same time the ball is at the same height, whatever the frame rate."""
    slow, fast = Scene(160, 90, 24), Scene(160, 90, fps)
    assert [slow.height_at(second / 4) for second in range(24)] == [fast.height_at(second / 4) for second in range(24)]


def test_a_ball_never_sinks_and_never_gains_height() -> None:
    """The ball stays between the floor and the height it was dropped from, and comes to rest."""
    scene = Scene(160, 90, 240, 9.81, 6)
    heights = [scene.height_at(step / 1000) for step in range(7000)]
    assert (min(heights) >= 0, max(heights) == scene.drop_height, heights[-1]) == (True, True, 0.0)


def test_a_shape_folds_seeds_into_a_few_variants() -> None:
    """Eight different clips are enough for any number of seeds; a load test needs one."""
    options = {"clip_size": (160, 90), "gravity": 9.81, "encoder": "plain"}
    shapes = {shape((1280, 720), 30, 30, seed, clips="ball", **options) for seed in range(100)}
    tiny = {shape((1280, 720), 30, 30, seed, clips="tiny", **options) for seed in range(100)}
    assert (len(shapes), len(tiny)) == (8, 1)


def test_a_shape_may_have_the_asked_size() -> None:
    """Without a clip size the clip has the resolution that was asked for."""
    asked = shape((1280, 720), 30, 30, 0, clip_size=None, gravity=9.81, clips="ball", encoder="auto")
    assert (asked.size, asked.encoder) == ((1280, 720), "av")


@pytest.mark.parametrize("missing", ["av", "numpy"])
def test_without_pyav_plain_python_encodes(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Where the optional packages are missing, clips are still real ones."""
    monkeypatch.setitem(sys.modules, missing, None)
    asked = shape((1280, 720), 30, 30, 0, clip_size=(160, 90), gravity=9.81, clips="ball", encoder="auto")
    assert (asked.encoder, b"ftyp") == ("plain", render(asked)[4:8])


def test_the_shelf_renders_once_and_forgets_the_unused() -> None:
    """A clip is kept while there is room; its hash is remembered after that."""
    shelf = ClipShelf(room=1)
    one, two = (ClipShape((32, 32), 30, 30 + extra, 0, 0.0, "still") for extra in (0, 1))
    first = shelf.ask(one).result()
    assert first is shelf.ask(one).result()
    shelf.ask(two).result()
    again = shelf.ask(one).result()
    assert first == again
    assert first is not again
    assert first.sha256 == shelf.sha256(one)
    shelf.close()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_rendering_stops_when_told(encoder: str) -> None:
    """A sandbox that stops does not wait for a long clip."""
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(RenderStoppedError):
        render(ClipShape((160, 90), 240, 14_400, 0, 9.81, encoder), stopping)
