"""A background behind a clip: pixels, edges, lengths, and what can not be seen through."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

pytest.importorskip("av")

import av
import numpy as np
from filming import ball, brightness, drawn, gravity, looped, numbered

from overcrank.clip import COLOURS
from overcrank.media.composite import composite
from overcrank.media.mp4 import NotAFilm, probe
from overcrank.media.trouble import Impossible

GREEN, BLUE = (0, 177, 64), (0, 71, 187)
SIZE = (64, 48)


def screen(path: Path, colour=GREEN, size=SIZE, count=10, fps=30) -> Path:
    """A white square that moves over a screen of one colour."""

    def picture(number: int):
        made = np.full((size[1], size[0], 3), colour, np.uint8)
        made[16:32, 16 + 2 * number % 16 : 32 + 2 * number % 16] = 255
        return made

    return drawn(path, (picture(number) for number in range(count)), fps, qp="0")


def plain(path: Path, grey: int = 60, size=SIZE, count=10, fps=30) -> Path:
    """A film of one grey."""
    return drawn(path, (np.full((size[1], size[0], 3), grey, np.uint8) for _ in range(count)), fps, qp="0")


def made(
    front: Path, back: Path, key: str = "green", tolerance: float = 0.12, softness: float = 0.08, *, loop=True
) -> Path:
    """Composite the two."""
    to = front.with_name("composite.mp4")
    composite(front, to, str(back), COLOURS.get(key, key), tolerance, softness, loop=loop)
    return to


def pictures(film: Path) -> list:
    """Return each frame in RGB."""
    with av.open(str(film)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


@pytest.mark.parametrize(("key", "colour"), [("green", GREEN), ("blue", BLUE), ("#ff00ff", (255, 0, 255)),
                                             ("black", (0, 0, 0))])  # fmt: skip
def test_the_background_is_where_the_key_is(tmp_path, key, colour) -> None:
    """And the clip everywhere else, frame by frame; nothing of the key's colour is left."""
    film = made(screen(tmp_path / "f.mp4", colour), plain(tmp_path / "b.mp4"), key)
    assert (10, Fraction(30), SIZE) == ((there := probe(film)).frames, there.fps, (there.width, there.height))
    for number, picture in enumerate(pictures(film)):
        left = 16 + 2 * number % 16
        assert abs(picture[20:28, left + 4 : left + 12] - 255).max() <= 6
        assert abs(picture[:12] - 60).max() <= 6
        assert abs(picture[36:] - 60).max() <= 6


def test_what_is_near_the_key_fades(tmp_path) -> None:
    """Within the tolerance it is seen through, beyond the softness it is opaque, and half between them."""
    greys = [0, 0.25 * 219, 0.35 * 219, 0.6 * 219]  # as luma above black
    ramp = (
        np.repeat(np.array([round(255 * g / 219) for g in greys], np.uint8), 16)[None, :, None]
        .repeat(48, 0)
        .repeat(3, 2)
    )
    front = drawn(tmp_path / "f.mp4", [ramp] * 2, qp="0")
    back = plain(tmp_path / "b.mp4", 255, count=2)
    [picture, _] = pictures(made(front, back, "black", 51 / 255, 51 / 255))
    shown = [round(float(picture[:, 16 * n + 4 : 16 * n + 12].mean())) for n in range(4)]
    expected = []
    for grey in greys:
        opaque = min(1, max(0, (round(grey) - 51) / 51))
        expected.append(255 * (opaque * grey / 219 + 1 - opaque))
    assert [0, 0, 0, 0] == [int(abs(a - b) // 6) for a, b in zip(shown, expected, strict=True)]


@pytest.mark.parametrize(("loop", "tail"), [(True, [16, 17, 18, 19]), (False, [20, 20, 20, 20])])
def test_a_shorter_background_begins_anew_or_stands_still(tmp_path, loop, tail) -> None:
    """To the frame, at the clip's frame rate."""
    front = drawn(tmp_path / "f.mp4", [np.full((48, 64, 3), GREEN, np.uint8)] * 9, qp="0")
    back = drawn(tmp_path / "b.mp4", numbered(5), qp="0")
    seen = [round((value - 16) * 219 / 255 + 16) for value in brightness(made(front, back, loop=loop))]
    expected = [round((value - 16) * 219 / 255 + 16) for value in [16, 17, 18, 19, 20, *tail]]
    assert all(abs(a - b) <= 1 for a, b in zip(seen, expected, strict=True))


def test_a_slower_background_keeps_its_own_time(tmp_path) -> None:
    """At 24 frames a second behind a clip of 120, each of its frames stays for five of the clip's."""
    front = drawn(tmp_path / "f.mp4", [np.full((48, 64, 3), GREEN, np.uint8)] * 20, 120, qp="0")
    back = drawn(tmp_path / "b.mp4", (np.full((48, 64, 3), 40 * n, np.uint8) for n in range(1, 5)), 24, qp="0")
    seen = brightness(made(front, back))
    assert [[40 * n] * 5 for n in range(1, 5)] == [
        [40 * round(v / 40) for v in seen[5 * n : 5 * n + 5]] for n in range(4)
    ]


@pytest.mark.parametrize("size", [(128, 48), (64, 96), (31, 17), (640, 480)])
def test_a_background_of_another_size_covers_the_picture(tmp_path, size) -> None:
    """Its middle is seen, without a margin."""
    front = drawn(tmp_path / "f.mp4", [np.full((48, 64, 3), GREEN, np.uint8)] * 2, qp="0")
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    back = drawn(tmp_path / "b.mp4", [picture] * 2, pixels="yuv444p", qp="0")
    assert all(abs(shown - 200).max() <= 6 for shown in pictures(made(front, back)))


def test_a_clip_of_an_odd_size_is_cut_to_an_even_one(tmp_path) -> None:
    """As everywhere: H.264 keeps colour for two by two pixels."""
    front = drawn(tmp_path / "f.mp4", [np.full((47, 63, 3), GREEN, np.uint8)] * 2, pixels="yuv444p", qp="0")
    film = probe(made(front, plain(tmp_path / "b.mp4")))
    assert (62, 46) == (film.width, film.height)


def alpha(path: Path) -> Path:
    """A film of one grey whose left half is transparent, and whose middle is half so."""
    picture = np.full((48, 64, 4), 200, np.uint8)
    picture[:, :24, 3], picture[:, 24:40, 3], picture[:, 40:, 3] = 0, 128, 255
    with av.open(str(path), "w", format="mov") as out:
        stream = out.add_stream("prores_ks", rate=30, options={"profile": "4444", "qscale": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva444p10le"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def test_transparency_is_the_films_own(tmp_path) -> None:
    """Where the film says how opaque it is, that is how it is mixed."""
    for picture in pictures(made(alpha(tmp_path / "f.mp4"), plain(tmp_path / "b.mp4"), "alpha")):
        shown = [round(float(picture[:, part].mean())) for part in (slice(4, 20), slice(28, 36), slice(44, 60))]
        assert all(abs(a - b) <= 6 for a, b in zip(shown, [60, 130, 200], strict=True))


def test_a_film_without_transparency_says_so(tmp_path) -> None:
    """Nothing would be seen of the background."""
    with pytest.raises(Impossible, match="name the colour"):
        made(screen(tmp_path / "f.mp4"), plain(tmp_path / "b.mp4"), "alpha")
    assert not (tmp_path / "composite.mp4").exists()


def test_colours_of_hd_are_told_by_their_own_matrix(tmp_path) -> None:
    """The same green is other numbers there; a background of the other matrix keeps its look."""
    with av.open(str(tmp_path / "f.mp4"), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.colorspace = 1
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), GREEN, np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="itu709")
        frame.pts, frame.time_base = 0, Fraction(1, 30)
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    red = drawn(tmp_path / "b.mp4", [np.full((48, 64, 3), (180, 30, 30), np.uint8)], qp="0")
    with av.open(str(made(tmp_path / "f.mp4", red, tolerance=0.02, softness=0))) as container:
        [shown] = [f.reformat(format="rgb24", src_colorspace="itu709").to_ndarray() for f in container.decode(video=0)]
    assert np.abs(shown.astype(int) - (180, 30, 30)).max() <= 6


def test_physics_are_what_they_were(tmp_path) -> None:
    """The sandbox's ball still falls at 9.81 m/s² in front of another sky."""
    front = ball(tmp_path / "f.mp4", 120, 1)
    film = made(front, plain(tmp_path / "b.mp4", 20, (320, 180)), "#646464", 0.25, 0.05)
    assert abs(gravity(film) - 9.81) < 0.02 * 9.81


def test_the_same_twice_is_the_same(tmp_path) -> None:
    """Byte for byte."""
    front, back = screen(tmp_path / "f.mp4", count=30), ball(tmp_path / "b.mp4", 30, 1)
    first = made(front, back).read_bytes()
    assert first == made(front, back).read_bytes()


def test_a_background_that_is_no_film_is_told(tmp_path) -> None:
    """It is the background's fault, and the clip stays."""
    (tmp_path / "b.mp4").write_bytes(b"no film")
    with pytest.raises(NotAFilm):
        made(screen(tmp_path / "f.mp4"), tmp_path / "b.mp4")


def test_memory_does_not_grow_with_the_length(tmp_path) -> None:
    """A film of ten minutes takes what one of five seconds does."""
    short = screen(tmp_path / "short.mp4", size=(320, 180), count=150)
    back = ball(tmp_path / "b.mp4", 30, 5)
    long = looped(short, tmp_path / "long.mp4", 24)
    peaks = []
    for film in (short, long):
        code = (
            "import json, resource, sys; from pathlib import Path; from overcrank.media.composite import composite; "
            "a, b, c = sys.argv[1:]; composite(Path(a), Path(c), b, '#00b140', .2, .1, loop=True); "
            "print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
        )
        out = subprocess.run(
            [sys.executable, "-c", code, str(film), str(back), str(tmp_path / "c.mp4")], capture_output=True, check=True
        )
        peaks.append(json.loads(out.stdout))
    assert peaks[1] < 1.15 * peaks[0]
