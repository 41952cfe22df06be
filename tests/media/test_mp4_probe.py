"""Looking into an MP4 that may be anything."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overcrank.media.mp4 import LARGEST_INDEX, Film, NotAFilm, probe


def make_film(path: Path, fps: int = 30, seconds: float = 0.5, *, early: bool = False, audio: bool = False) -> bytes:
    """Encode a small film, with its index at the end or *early*, and return its bytes."""
    av = pytest.importorskip("av")
    np = pytest.importorskip("numpy")
    with av.open(str(path), "w", options={"movflags": "faststart"} if early else {}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=48_000) if audio else None
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 48_000
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
        for number in range(round(fps * seconds)):
            image = np.full((48, 64, 3), number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> bytes:
    """The bytes of a small film with sound."""
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", audio=True)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    """A file to write to again and again."""
    return tmp_path_factory.mktemp("scratch") / "some.mp4"


def read(scratch: Path, content: bytes) -> Film:
    """Probe these bytes."""
    scratch.write_bytes(content)
    return probe(scratch)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("fps", [30, 120, 240])
def test_a_film_says_what_it_holds(tmp_path, fps, early) -> None:
    """Length, rate, frames, size and codec are exact, wherever the index is."""
    make_film(tmp_path / "a.mp4", fps, early=early)
    assert Film(Fraction(1, 2), Fraction(fps), fps // 2, 64, 48, "avc1") == probe(tmp_path / "a.mp4")


def test_sound_is_no_picture(film, scratch) -> None:
    """A film with sound is described by its pictures, and says that it has some."""
    assert Film(Fraction(1, 2), Fraction(30), 15, 64, 48, "avc1", sound=True) == read(scratch, film)


@pytest.mark.parametrize("early", [False, True])
def test_every_truncation_is_found(tmp_path, scratch, early) -> None:
    """A film that lost its end, however much, is no film."""
    whole = make_film(tmp_path / "a.mp4", early=early)
    for length in range(0, len(whole), 7):
        with pytest.raises(NotAFilm):
            read(scratch, whole[:length])
    with pytest.raises(NotAFilm):
        read(scratch, whole[:-1])


def change(film: bytes, box: bytes, at: int, value: bytes) -> bytes:
    """Overwrite bytes of the first such box, counted from its name."""
    place = film.index(box, film.index(b"moov") if box == b"avc1" else 0) + at
    return film[:place] + value + film[place + len(value) :]


@pytest.mark.parametrize(
    ("box", "at", "value"),
    [
        (b"ftyp", 0, b"free"), (b"moov", 0, b"free"), (b"mdat", 0, b"free"), (b"mdhd", 0, b"free"),
        (b"stsz", 0, b"free"), (b"stco", 0, b"free"), (b"stsd", 0, b"free"), (b"stts", 0, b"free"),
        (b"stsc", 0, b"free"),
        (b"hdlr", 0, b"free"),
        (b"moov", -4, b"\x00\x00\x00\x07"), (b"moov", -4, b"\x00\x00\x00\x01"), (b"moov", -4, b"\xff\xff\xff\xff"),
        (b"mdhd", 16, b"\0\0\0\0"), (b"stts", 8, b"\xff\xff\xff\xff"), (b"stts", 12, b"\xff\xff\xff\xff"),
        (b"stts", 16, b"\0\0\0\0"), (b"stsz", 12, b"\xff\xff\xff\xff"), (b"stsz", 8, b"\xff\xff\xff\xff"),
        (b"stsz", 16, b"\x7f\xff\xff\xff"), (b"stco", 8, b"\xff\xff\xff\xff"), (b"stco", 12, b"\0\0\0\0"),
        (b"stco", 12, b"\xff\xff\xff\xff"), (b"stsc", 8, b"\0\0\0\0"), (b"stsc", 8, b"\xff\xff\xff\xff"),
        (b"stsc", 12, b"\0\0\0\2"), (b"stsc", 16, b"\xff\xff\xff\xff"), (b"stsc", 16, b"\0\0\0\0"),
        (b"stsd", 8, b"\0\0\0\0"), (b"stsd", 12, b"\0\0\0\0"), (b"stsd", 12, b"\xff\xff\xff\xff"),
        (b"avc1", 0, b"\0\1\2\3"),
        (b"avc1", 28, b"\0\0\0\0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(tmp_path, scratch, box, at, value) -> None:
    """Missing boxes, hostile sizes and counts, and an index that contradicts itself end in one clear error."""
    film = make_film(tmp_path / "a.mp4")
    with pytest.raises(NotAFilm, match=r"^(it|its|a|the) .{5,}"):
        read(scratch, change(film, box, at, value))


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box."""
    return struct.pack(">I", len(body) + 8) + kind + body


def test_large_and_open_boxes_are_understood(film, scratch) -> None:
    """A box may say its size in 64 bits, or be the rest of the file."""
    index = film.index(b"moov") - 4
    body = film[index + 8 :]
    wide = film[:index] + struct.pack(">I4sQ", 1, b"moov", len(body) + 16) + body
    rest = film[:index] + struct.pack(">I4s", 0, b"moov") + body
    assert [read(scratch, film)] * 2 == [read(scratch, wide), read(scratch, rest)]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0", b"\0" * 8, b"<html>", b"\0\0\0\1ftyp" + b"\xff" * 8,
        box(b"ftyp", b"isom") + box(b"free", b"") * 20_000,
        box(b"ftyp", b"isom") + box(b"moov", box(b"trak", b"") * 40) + box(b"mdat", b"x"),
        box(b"ftyp", b"") + box(b"moov", b"\0\0\0\0trak" * 100) + box(b"mdat", b"x"),
        box(b"ftyp", b"isom") + box(b"moov", b"") + box(b"moov", b"") + box(b"mdat", b"x"),
        box(b"ftyp", b"isom") + box(b"moov", b"\0" * (LARGEST_INDEX + 1)) + box(b"mdat", b"x"),
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_no_film(scratch, content) -> None:
    """Rubbish, empty boxes and far too many of them are refused."""
    with pytest.raises(NotAFilm):
        read(scratch, content)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=1000)
@given(data=st.data())
def test_damage_ends_as_a_film_or_as_none(film, scratch, data) -> None:
    """Whatever happens to the bytes, the answer is a film or `NotAFilm`, and it comes soon."""
    damaged = bytearray(film)
    index = film.index(b"moov")
    places = st.integers(0, len(film) - 1) | st.integers(index - 4, len(film) - 1)
    values = st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x7f", b"\x80\0\0\0"]) | st.binary(
        max_size=8
    )
    for place, value in data.draw(st.lists(st.tuples(places, values), max_size=6)):
        damaged[place : place + len(value)] = value
    if data.draw(st.booleans()):
        place, length = data.draw(places), data.draw(st.integers(0, 200))
        del damaged[place : place + length]
    try:
        found = read(scratch, bytes(damaged))
    except NotAFilm:
        return
    assert found.duration > 0
    assert found.frames > 0
    assert found.fps > 0
