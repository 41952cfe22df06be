"""Steps in a process of their own: what is damaged, hostile or slow ends its step and nothing else."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("av")

from filming import ball, drawn, looped, numbered

from overcrank.media import render as rendering
from overcrank.media.mp4 import NotAFilm
from overcrank.media.render import Made, Task, render
from overcrank.media.steps import DELIVERIES, EXTRAS, MAKERS, Step
from overcrank.media.trouble import Impossible, MissingExtra, Overdue

ALL = (
    Step("check", {}), Step("slow", {"fps": 30}), Step("lapse", {"fps": 30, "speed": 4}),
    Step("hyper", {"fps": 30, "speed": 4}), Step("light", {"fps": 30}), Step("poster", {}), Step("preview", {}),
    Step("sheet", {}),
)  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """A second of a falling ball at 120 frames."""
    return ball(tmp_path_factory.mktemp("film") / "a.mp4", 120, 2, (160, 90))


def every(film: Path) -> Sequence[Step]:
    """Return every step there is, a film being its own background."""
    seen = {"key": "#646464", "tolerance": 0.2, "softness": 0.1, "loop": True}
    check, *others = ALL
    return (check, Step("composite", {"background": str(film), **seen}), *others)


def do(film: Path, folder: Path, steps: Sequence[Step] = (), patience: float = 60) -> dict[str, Made]:
    """Do steps to a film, and return what became of each."""
    tasks = [Task(step, film, folder / f"made{step.ending}") for step in steps or every(film)]
    return {made.step.name: made for made in render(tasks, patience)}


def test_every_step_is_done_in_the_child(film, tmp_path) -> None:
    """Each makes its file, says what it is, and leaves the film as it was."""
    before = film.read_bytes()
    done = do(film, tmp_path)
    assert (list(MAKERS), [None] * 9) == (list(done), [made.error for made in done.values()])
    assert {f"made{step.ending}" for step in every(film)[1:]} == {path.name for path in tmp_path.iterdir()}
    assert (8.0, 240, True) == (
        done["slow"].what["duration"],
        done["check"].what["decoded"],
        done["check"].what["steady"],
    )
    assert (before, True) == (film.read_bytes(), all(made.cpu >= 0 and made.memory > 0 for made in done.values()))


def test_the_memory_of_whoever_starts_it_does_not_count(film, tmp_path) -> None:
    """A step's peak is its own, however large the worker is."""
    ballast = bytearray(os.urandom(1)) * 400_000_000
    [made] = do(film, tmp_path, [Step("check", {})]).values()
    assert (None, True, 400_000_000) == (made.error, 10_000 < made.memory < 250_000, len(ballast))


def test_every_step_has_a_place_in_a_recipe() -> None:
    """What can be made is the check, a background, a delivery, or an extra."""
    assert {"check", "composite", *DELIVERIES, *EXTRAS} == set(MAKERS)


def test_the_child_sees_no_settings(film, tmp_path, monkeypatch) -> None:
    """Nothing secret is in the environment of a process that decodes what comes from elsewhere."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "secret")
    environment = b""
    with rendering._child() as child:  # it waits for its first line
        while not environment:
            environment = Path(f"/proc/{child.pid}/environ").read_bytes()
    assert (False, True) == (b"secret" in environment, b"PATH=" in environment)


def changed(film: Path, to: Path, at: int, data: bytes) -> Path:
    """Write a film with some bytes replaced."""
    content = bytearray(film.read_bytes())
    content[at : at + len(data)] = data
    to.write_bytes(content)
    return to


def test_a_truncated_film_is_none(film, tmp_path) -> None:
    """What is cut off is refused by every step, and each says so."""
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:-200])
    done = do(cut, tmp_path)
    assert {NotAFilm} == {type(made.error) for made in done.values()}
    assert [cut] == list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"<html>no</html>", b"\x89PNG\r\n\x1a\n" + b"\0" * 500])
def test_what_is_no_film_is_said(tmp_path, content) -> None:
    """A page, a picture or nothing at all is no film."""
    (tmp_path / "a.mp4").write_bytes(content)
    [made] = do(tmp_path / "a.mp4", tmp_path, [Step("check", {})]).values()
    assert isinstance(made.error, NotAFilm)
    assert len(str(made.error)) > 5


def test_damage_in_the_middle_is_found_by_decoding(film, tmp_path) -> None:
    """The index is whole, and the check says that some of the frames are not."""
    middle = film.read_bytes().index(b"mdat") + 2000
    bad = changed(film, tmp_path / "bad.mp4", middle, os.urandom(3000))
    [made] = do(bad, tmp_path, [Step("check", {})]).values()
    assert isinstance(made.error, NotAFilm)
    assert "decoded" in str(made.error)


def test_ten_thousand_pixels_squared_are_refused(film, tmp_path) -> None:
    """Said outside, it is refused before a decoder makes room."""
    entry = film.read_bytes().index(b"avc1", film.read_bytes().index(b"stsd")) + 28
    huge = changed(film, tmp_path / "huge.mp4", entry, struct.pack(">HH", 10_000, 10_000))
    [made] = do(huge, tmp_path, [Step("check", {})]).values()
    assert "10000x10000" in str(made.error)


def test_pictures_that_are_larger_than_said_are_refused(tmp_path) -> None:
    """Said small outside, and another size inside, it is refused too."""
    film = drawn(tmp_path / "a.mp4", numbered(3, (640, 360)))
    entry = film.read_bytes().index(b"avc1", film.read_bytes().index(b"stsd")) + 28
    lying = changed(film, tmp_path / "lying.mp4", entry, struct.pack(">HH", 64, 48))
    [made] = do(lying, tmp_path, [Step("check", {})]).values()
    assert "is 640x360, not 64x48" in str(made.error)


def test_one_impossible_step_leaves_the_others_alone(film, tmp_path) -> None:
    """Three hundred times as fast can not be; the poster can."""
    done = do(film, tmp_path, [Step("lapse", {"fps": 30, "speed": 300}), Step("poster", {})])
    assert (Impossible, None) == (type(done["lapse"].error), done["poster"].error)
    assert "at most 10 times" in str(done["lapse"].error)


def test_a_step_that_takes_too_long_is_ended(film, tmp_path) -> None:
    """Each step has its patience; where it is over the process is killed, and what follows gets one of its own."""
    done = do(film, tmp_path, [Step("hyper", {"fps": 30, "speed": 2}), Step("poster", {})], patience=0.001)
    assert [Overdue, Overdue] == [type(made.error) for made in done.values()]
    assert [] == list(tmp_path.iterdir())


def test_a_missing_extra_says_what_to_install(film, tmp_path, monkeypatch) -> None:
    """Without PyAV nothing is started, and the message is the command to type."""
    monkeypatch.setattr(rendering, "NEEDED", ("no_such_module",))
    with pytest.raises(MissingExtra, match=r"pip install 'overcrank\[video\]'"):
        do(film, tmp_path)


def test_a_process_that_crashes_says_how(film, tmp_path, monkeypatch) -> None:
    """The signal or the code, and the last line that it wrote: what an operator needs to see."""
    crash = "import sys, os; sys.stdin.readline(); print('out of luck', file=sys.stderr, flush=True); os.{}"
    found = []
    for end in ("abort()", "_exit(3)"):
        monkeypatch.setattr(rendering, "COMMAND", ("-c", crash.format(end)))
        [made] = do(film, tmp_path, [Step("check", {})]).values()
        found.append((type(made.error), str(made.error)))
    assert [
        (Overdue, "check was not done: its process ended by signal 6 (Aborted): out of luck"),
        (Overdue, "check was not done: its process ended with code 3: out of luck"),
    ] == found


def test_one_row_of_pixels_is_no_film(tmp_path) -> None:
    """A film needs two by two of them; what can be made of one is made, and the rest says why not."""
    film = drawn(tmp_path / "a.mp4", numbered(60, (16, 1)), 60, pixels="yuv444p")
    half = {"fps": 30, "speed": 2}
    steps = (
        Step("check", {}),
        Step("lapse", half),
        Step("hyper", half),
        Step("light", {"fps": 30}),
        Step("poster", {}),
    )
    done = do(film, tmp_path, steps)
    said = {name for name, made in done.items() if made.error and "at least two by two pixels" in str(made.error)}
    assert ({"lapse", "hyper", "light"}, None, None) == (said, done["check"].error, done["poster"].error)


def test_too_little_for_a_hyperlapse_is_said(tmp_path) -> None:
    """What is left after its edges are cut off has to be a film."""
    film = drawn(tmp_path / "a.mp4", numbered(60, (2, 2)), 60)
    done = do(film, tmp_path, [Step("hyper", {"fps": 30, "speed": 2})])
    assert (None, 2) == (done["hyper"].error, done["hyper"].what["height"])


@pytest.fixture(scope="module")
def lengths(tmp_path_factory) -> tuple[Path, Path]:
    """A film of five seconds in 720p, as it comes, and one of ten minutes of the same."""
    folder = tmp_path_factory.mktemp("lengths")
    short = drawn(folder / "short.mp4", numbered(150, (1280, 720)), 30)
    return short, looped(short, folder / "long.mp4", 120)


@pytest.mark.parametrize("name", ["light", "poster", "preview"])
def test_memory_does_not_grow_with_the_length_in_720p(lengths, tmp_path, name) -> None:
    """At the size of a real clip neither the pictures nor the copy hold more frames of a longer film."""
    options = {"fps": 24} if name == "light" else {}
    if name == "light":  # all of ten minutes would be encoded: half of one says the same
        lengths = (lengths[0], looped(lengths[0], tmp_path / "half.mp4", 6))
    used = [do(film, tmp_path, [Step(name, options)])[name] for film in lengths]
    assert [None, None] == [made.error for made in used]
    assert used[1].memory < 1.1 * used[0].memory + 8 * 1024


@pytest.mark.parametrize("name", ["slow", "lapse", "hyper", "sheet", "check"])
def test_memory_does_not_grow_with_the_length(tmp_path_factory, name) -> None:
    """Ten minutes take as much as five seconds, give or take a tenth and the index."""
    folder = tmp_path_factory.mktemp("long")
    short = drawn(folder / "short.mp4", numbered(150, (64, 48)), 30)
    long = looped(short, folder / "long.mp4", 120)
    step = {each.name: each for each in ALL}[name]
    options = {"fps": 24} if name == "slow" else {"fps": 30, "speed": 10} if "speed" in step.options else {}
    used = [do(film, folder, [Step(name, options)])[name] for film in (short, long)]
    assert [None, None] == [made.error for made in used]
    assert used[1].memory < 1.1 * used[0].memory + 8 * 1024
