"""Colours stay what they are: the numbers, and how a player is to understand them."""

import pytest

pytest.importorskip("av")

import numpy as np
from filming import COLOUR, audible, colours, drawn, tagged, texture
from PIL import Image

from overcrank.media.frames import frames_at
from overcrank.media.planes import cut, plain
from overcrank.media.steps import Step
from overcrank.media.timing import moments

STEPS = (Step("slow", {"fps": 30}), Step("lapse", {"fps": 30, "speed": 2}), Step("hyper", {"fps": 30, "speed": 2}),
         Step("light", {"fps": 30}))  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_film_of_bt709_stays_one(tmp_path, step) -> None:
    """Every plane's numbers are within two of what they were, and the tags are kept."""
    film = tagged(tmp_path / "a.mp4")
    step.run(film, tmp_path / "made.mp4")
    means, tags = colours(tmp_path / "made.mp4")
    assert pytest.approx(COLOUR, abs=2) == means
    assert (1, 1, 1, 1) == tags


def test_a_full_range_is_made_a_limited_one(tmp_path) -> None:
    """The numbers change, and say so; what is seen does not."""
    film = tagged(tmp_path / "a.mp4", full=True)
    Step("lapse", {"fps": 30, "speed": 2}).run(film, tmp_path / "made.mp4")
    means, tags = colours(tmp_path / "made.mp4")
    light = 16 + COLOUR[0] * 219 / 255
    shades = [128 + (value - 128) * 224 / 255 for value in COLOUR[1:]]
    assert pytest.approx([light, *shades], abs=2) == means
    assert (1, 1, 1, 1) == tags


@pytest.mark.parametrize("size", [(321, 181), (320, 181)])
def test_an_odd_size_keeps_its_colours(tmp_path, size) -> None:
    """What is cut off changes nothing of what is left."""
    film = tagged(tmp_path / "a.mp4", size, pixels="yuv444p")
    made = Step("light", {"fps": 30}).run(film, tmp_path / "made.mp4")
    assert (320, 180) == (made["width"], made["height"])
    assert pytest.approx(COLOUR, abs=2) == colours(tmp_path / "made.mp4")[0]


def test_a_film_that_says_nothing_of_its_colours_goes_on_saying_nothing(tmp_path) -> None:
    """Nothing is claimed that was not said."""
    film = audible(tmp_path / "a.mp4")
    Step("light", {"fps": 30}).run(film, tmp_path / "made.mp4")
    assert colours(film)[1] == colours(tmp_path / "made.mp4")[1]


def test_a_poster_shows_the_colour(tmp_path) -> None:
    """A picture has no such tags: it is green."""
    Step("poster", {}).run(tagged(tmp_path / "a.mp4"), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        assert pytest.approx((0, 255, 0), abs=6) == tuple(np.asarray(picture)[90, 160])


@pytest.mark.parametrize(("left", "top"), [(0, 0), (10, 6), (11, 7), (13, 4)])
def test_a_cut_at_any_pixel_is_that_part_of_the_picture(tmp_path, left, top) -> None:
    """The light is exactly what was there; colours at an odd pixel lie between two, and shift by none."""
    film = drawn(tmp_path / "a.mp4", [texture(96, 64)] * 3)
    [frame] = frames_at(film, moments(1, 30))
    part = cut(plain(frame), left, top, 48, 32)
    whole = frame.to_ndarray(format="yuv420p")
    assert (whole[top : top + 32, left : left + 48] == part.to_ndarray(format="yuv420p")[:32]).all()
