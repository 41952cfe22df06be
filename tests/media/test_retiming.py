"""Films that play slower, faster or at fewer frames a second: lengths are exact, and gravity is what it was."""

from fractions import Fraction
from hashlib import sha256

import pytest

pytest.importorskip("av")

from filming import GRAVITY, audible, ball, brightness, drawn, gravity, looped, numbered, packets
from hypothesis import given
from hypothesis import strategies as st

from overcrank.media.frames import frames_at
from overcrank.media.hyperlapse import hyperlapse
from overcrank.media.mp4 import Film, probe
from overcrank.media.resample import resample
from overcrank.media.retime import retime
from overcrank.media.steps import Step
from overcrank.media.timing import sampled, slowing
from overcrank.media.trouble import Impossible

WITHIN = 0.02 * GRAVITY


@pytest.fixture(scope="module")
def falls(tmp_path_factory) -> dict:
    """The same fall, filmed at each frame rate."""
    folder = tmp_path_factory.mktemp("falls")
    return {fps: ball(folder / f"{fps}.mp4", fps) for fps in (30, 60, 120, 240)}


@pytest.mark.parametrize("fps", [30, 60, 120, 240])
def test_gravity_is_the_same_at_every_frame_rate(falls, fps) -> None:
    """The sandbox's ball falls as it should, measured from decoded pixels."""
    assert pytest.approx(GRAVITY, abs=WITHIN) == gravity(falls[fps])


@pytest.mark.parametrize(("generated", "fps"), [(120, 24), (120, 30), (120, 60), (240, 24), (240, 30), (240, 60)])
def test_slow_motion_is_exactly_slower(falls, tmp_path, generated, fps) -> None:
    """It plays so many times longer, to the frame, and gravity is what it was once the slowing is taken out."""
    made = retime(falls[generated], tmp_path / "slow.mp4", fps)
    assert Film(Fraction(2 * generated, fps), Fraction(fps), 2 * generated, 320, 180, "avc1") == made
    assert pytest.approx(GRAVITY, abs=WITHIN) == gravity(tmp_path / "slow.mp4", speed=Fraction(fps, generated))


def test_slow_motion_touches_no_frame(falls, tmp_path) -> None:
    """Every encoded frame is the same, byte for byte."""
    retime(falls[120], tmp_path / "slow.mp4", 25)
    assert packets(falls[120]) == packets(tmp_path / "slow.mp4")


def test_slow_motion_keeps_frames_that_are_shown_out_of_order(tmp_path) -> None:
    """A film with frames predicted from later ones is slowed exactly, too."""
    film = drawn(tmp_path / "a.mp4", numbered(48), 120, preset="medium")
    made = retime(film, tmp_path / "slow.mp4", 24)
    assert (Fraction(2), 48, brightness(film)) == (made.duration, made.frames, brightness(tmp_path / "slow.mp4"))


@pytest.mark.parametrize(("generated", "fps"), [(60, 30), (120, 24), (120, 30), (240, 50)])
def test_downsampling_keeps_the_time(falls, tmp_path, generated, fps) -> None:
    """Fewer frames show the same two seconds."""
    made = resample(falls[generated], tmp_path / "down.mp4", fps)
    assert (Fraction(2), Fraction(fps)) == (made.duration, made.fps)
    assert pytest.approx(GRAVITY, abs=WITHIN) == gravity(tmp_path / "down.mp4")


@pytest.mark.parametrize(("generated", "fps", "speed"), [(120, 60, 2), (120, 30, 3), (240, 30, 4), (240, 60, 6)])
def test_a_time_lapse_is_exactly_faster(falls, tmp_path, generated, fps, speed) -> None:
    """It plays so many times shorter, to a frame, and gravity is what it was once the speed is taken out."""
    made = resample(falls[generated], tmp_path / "lapse.mp4", fps, speed)
    assert abs(made.duration - Fraction(2, speed)) < Fraction(1, fps)
    assert pytest.approx(GRAVITY, abs=WITHIN) == gravity(tmp_path / "lapse.mp4", speed=Fraction(speed))


@pytest.mark.parametrize(("generated", "fps", "speed"), [(120, 60, 2), (240, 30, 4)])
def test_a_hyperlapse_of_a_camera_that_stands_changes_no_motion(falls, tmp_path, generated, fps, speed) -> None:
    """The ball alone does not pull the camera along."""
    hyperlapse(falls[generated], tmp_path / "hyper.mp4", fps, speed)
    assert pytest.approx(GRAVITY, abs=WITHIN) == gravity(tmp_path / "hyper.mp4", speed=Fraction(speed))


def test_a_time_lapse_shows_the_frame_of_each_moment(tmp_path) -> None:
    """Three hundred times as fast, every shown frame is the one that was on screen just then."""
    long = looped(drawn(tmp_path / "a.mp4", numbered(150), 30), tmp_path / "long.mp4", 20)
    made = resample(long, tmp_path / "lapse.mp4", 30, 300)
    expected = brightness(long)[::300]
    assert (10, Fraction(1, 3), expected) == (made.frames, made.duration, brightness(tmp_path / "lapse.mp4"))


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """A film of ten groups of pictures, some of them shown out of order."""
    path = tmp_path_factory.mktemp("grouped") / "a.mp4"
    return drawn(path, numbered(200), 25, g="20", preset="medium", **{"x264-params": "scenecut=0"})


@given(st.lists(st.integers(0, 260), min_size=1, max_size=12).map(sorted))
def test_seeking_finds_what_decoding_everything_finds(grouped, at) -> None:
    """Whatever moments are asked for, the frame is the one on screen; after the end it is the last."""
    shown = [round(frame.time * 25) for frame in frames_at(grouped, [Fraction(number, 25) for number in at])]
    assert [min(number, 199) for number in at] == shown


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (63, 48)])
def test_an_odd_size_is_cut_not_stretched(tmp_path, size) -> None:
    """What can not be kept in two by two pixels loses its last row or column."""
    film = drawn(tmp_path / "a.mp4", numbered(30, size), pixels="yuv444p")
    made = resample(film, tmp_path / "down.mp4", 24)
    assert (size[0] & ~1, size[1] & ~1) == (made.width, made.height)


def test_a_variable_frame_rate_keeps_its_moments(tmp_path) -> None:
    """Frames of different lengths are slowed each by as much, and sampled at even moments."""
    film = drawn(tmp_path / "a.mp4", numbered(40), 120, pts=lambda n: n + (n // 2) * 3)
    slow = retime(film, tmp_path / "slow.mp4", 24)
    assert probe(film).duration * slowing(probe(film), 24) == slow.duration
    even = resample(film, tmp_path / "even.mp4", 24)
    assert (Fraction(24), sampled(probe(film), 24)) == (even.fps, even.frames)


def test_every_step_twice_is_the_same_file(falls, tmp_path) -> None:
    """The same film and the same wish are the same bytes."""

    def made(name: str) -> list[str]:
        folder = tmp_path / name
        folder.mkdir()
        retime(falls[120], folder / "slow.mp4", 30)
        resample(falls[120], folder / "down.mp4", 30)
        resample(falls[120], folder / "lapse.mp4", 30, 4)
        hyperlapse(falls[120], folder / "hyper.mp4", 30, 4)
        return [sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]

    assert made("first") == made("second")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda film, to: resample(film, to, 30, 300), "at most 10 times as fast is possible"),
        (lambda film, to: resample(film, to, 30, 301), "allowed is 1 to 300"),
        (lambda film, to: resample(film, to, 60), "60 would have to be invented"),
        (lambda film, to: retime(film, to, 30), "generate it at 120 or 240"),
        (lambda film, to: retime(film, to, 23), "allowed is 24 to 60"),
        (lambda film, to: hyperlapse(film, to, 30, 100), "at most 10 times"),
    ],
)
def test_what_is_impossible_is_said_and_nothing_is_left(falls, tmp_path, make, words) -> None:
    """An impossible wish names what would be possible, writes nothing, and leaves the original alone."""
    before = falls[30].read_bytes()
    with pytest.raises(Impossible, match=words):
        make(falls[30], tmp_path / "made.mp4")
    assert ([], before) == (list(tmp_path.iterdir()), falls[30].read_bytes())


def test_sound_is_dropped_and_said(tmp_path) -> None:
    """At another speed it would be another sound: whatever is made is silent, and says so."""
    film = audible(tmp_path / "a.mp4")
    steps = (Step("slow", {"fps": 30}), Step("lapse", {"fps": 30, "speed": 2}), Step("light", {"fps": 30}))
    said = [step.run(film, tmp_path / f"made{step.ending}").get("audio") for step in steps]
    assert (["dropped"] * 3, False) == (said, probe(tmp_path / "made-slow.mp4").sound)
    silent = Step("slow", {"fps": 30}).run(drawn(tmp_path / "b.mp4", numbered(40), 120), tmp_path / "silent.mp4")
    assert "audio" not in silent
