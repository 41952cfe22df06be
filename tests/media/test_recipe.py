"""What a clip's mode and extras come to."""

import pytest

from overcrank.clip import Clip, Extra
from overcrank.errors import InvalidClip
from overcrank.media.recipe import delivers, recipe
from overcrank.media.steps import EXTRAS, Step

CHECK = Step("check", {})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Step("slow", {"fps": 30})),
        ({"fps": 60}, Step("slow", {"fps": 30})),
        ({"fps": 59}, None),
        ({"fps": 30}, None),
        ({"mode": "plain"}, None),
        ({"deliver_fps": 30}, Step("slow", {"fps": 30})),
        ({"fps": 240, "deliver_fps": 24}, Step("slow", {"fps": 24})),
        ({"mode": "time_lapse"}, Step("lapse", {"fps": 30, "speed": 4})),
        ({"mode": "time_lapse", "fps": 24, "duration": 1}, Step("lapse", {"fps": 24, "speed": 4})),
        ({"mode": "time_lapse", "duration": 60, "speed": 300}, Step("lapse", {"fps": 30, "speed": 300})),
        ({"mode": "hyperlapse"}, Step("hyper", {"fps": 30, "speed": 4})),
        ({"mode": "time_lapse", "speed": 15}, Step("lapse", {"fps": 30, "speed": 15})),
        ({"mode": "time_lapse", "fps": 24, "speed": 2}, Step("lapse", {"fps": 24, "speed": 2})),
        ({"mode": "hyperlapse", "deliver_fps": 60, "speed": 4}, Step("hyper", {"fps": 60, "speed": 4})),
        ({"mode": "hyperlapse", "deliver_fps": 30}, Step("hyper", {"fps": 30, "speed": 4})),
    ],
)
def test_a_mode_comes_to_one_delivery(fields, expected) -> None:
    """Each mode has one way in which it is delivered, and none where the original is what was wanted."""
    made = recipe(Clip(prompt="x", **fields))
    assert (expected, (CHECK, expected) if expected else (CHECK,)) == (made.delivery, made.steps)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (600, 30)),
        ({"mode": "plain", "fps": 60}, (300, 60)),
        ({"mode": "time_lapse", "duration": 60, "speed": 300}, (6, 30)),
        ({"mode": "hyperlapse", "fps": 24, "duration": 1}, (6, 24)),
    ],
)
def test_what_is_delivered_is_known_to_the_frame(fields, expected) -> None:
    """Slow motion keeps every frame; a time lapse keeps those of its moments."""
    assert expected == delivers(Clip(prompt="x", **fields))


def test_extras_come_in_one_order_and_once() -> None:
    """However they are named, they are done in the same order, after the delivery."""
    made = recipe(Clip(prompt="x", deliver_fps=30, extras=["sheet", "poster", "light", "sheet"]))
    assert ["check", "slow", "light", "poster", "sheet"] == [step.name for step in made.steps]
    assert Clip(prompt="x", extras="sheet, poster").extras == (Extra.POSTER, Extra.SHEET)


@pytest.mark.parametrize(("fps", "expected"), [(24, 24), (29, 29), (30, 30), (120, 30), (240, 30)])
def test_a_light_copy_leaves_frames_out_and_invents_none(fps, expected) -> None:
    """It is made of the original, so that any clip can have one, whatever is delivered."""
    assert (Step("light", {"fps": expected}),) == recipe(Clip(prompt="x", fps=fps, extras="light")).extras


def test_what_can_be_asked_for_can_be_made() -> None:
    """The extras of a clip are the steps there are."""
    assert tuple(Extra) == EXTRAS


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"speed": 4}, "slow_motion: it is not sped up: use time_lapse or hyperlapse"),
        ({"mode": "plain", "speed": 4}, "plain: it is delivered as it comes: name another mode"),
        ({"mode": "plain", "deliver_fps": 30}, "plain: it is delivered as it comes"),
        ({"fps": 30, "deliver_fps": 60}, "at 60 it is no slow motion: generate it at 120 or 240"),
        ({"mode": "time_lapse", "duration": 2, "speed": 300}, "at most 10 times as fast is possible"),
        ({"mode": "hyperlapse", "fps": 24, "deliver_fps": 60, "speed": 2}, "60 would have to be invented"),
    ],
)
def test_what_can_not_be_made_is_said_before_anything_is_paid(fields, words) -> None:
    """The message says what would be possible."""
    with pytest.raises(InvalidClip, match=words):
        recipe(Clip(prompt="x", **fields))


@pytest.mark.parametrize("extras", ["music", ["poster", "music"], 5, [None]])
def test_an_unknown_extra_is_said(extras) -> None:
    """A wrong name is refused where the clip enters, with the names there are."""
    with pytest.raises(ValueError, match="extras"):
        Clip(prompt="x", extras=extras)
