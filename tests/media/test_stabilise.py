"""The camera is held still; what moves before it is not."""

from itertools import pairwise

import pytest

pytest.importorskip("av")

import numpy as np
from filming import drawn, texture
from hypothesis import given
from hypothesis import strategies as st

from overcrank.media.frames import frames_at
from overcrank.media.hyperlapse import hyperlapse
from overcrank.media.stabilise import REACH, shift, steady
from overcrank.media.timing import moments

BIG = texture(480, 320)[:, :, 0].astype(np.float32)


@given(st.integers(-12, 12), st.integers(-8, 8))
def test_a_shift_is_measured(right, down) -> None:
    """Whichever way the picture moves, by that much."""
    before = BIG[40:220, 60:316]
    after = BIG[40 - down : 220 - down, 60 - right : 316 - right]
    assert pytest.approx((right, down), abs=0.3) == shift(before, after)


@given(st.integers(0, 2**31))
def test_pictures_that_have_nothing_in_common_count_as_still(seed) -> None:
    """A cut to another scene is no movement of the camera."""
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 255, (90, 160)).astype(np.float32) for _ in range(2))
    assert shift(first, second) == (0.0, 0.0)


def shaken(count: int):
    """A still scene before a camera that trembles, the same way each time."""
    rng = np.random.default_rng(1)
    scene = texture(480, 320)
    for right, down in rng.integers(-6, 7, (count, 2)):
        yield scene[40 + down : 280 + down, 40 + right : 440 + right]


def restlessness(film) -> float:
    """Return by how many pixels the picture moves from frame to frame, on average."""
    greys = [
        frame.to_ndarray(format="gray").astype(np.float32)
        for frame in frames_at(film, moments(30, 30))
    ]  # fmt: skip
    return float(np.mean([np.hypot(*shift(a, b)) for a, b in pairwise(greys)]))


def test_a_trembling_camera_is_calmed(tmp_path) -> None:
    """Less than a third of the trembling is left, and as much is cut off all around as was needed."""
    film = drawn(tmp_path / "a.mp4", shaken(60), 60)
    made = hyperlapse(film, tmp_path / "hyper.mp4", 30, 1)
    assert (400 - 2 * int(400 * REACH), 240 - 2 * int(240 * REACH)) == (made.width, made.height)
    assert restlessness(tmp_path / "hyper.mp4") < restlessness(film) / 3


@pytest.mark.parametrize("count", [1, 5, 20, 40])
def test_no_frame_is_lost(tmp_path, count) -> None:
    """However many come, as many go, in their order."""
    film = drawn(tmp_path / "a.mp4", shaken(count), 30)
    assert count == len(list(steady(frames_at(film, moments(count, 30)))))
