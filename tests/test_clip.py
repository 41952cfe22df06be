"""Clips: strict where they enter; what is wrong is named, with why, and with what is allowed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from overcrank.clip import Clip, Mode, Priority, read_clip
from overcrank.errors import InvalidClip

GOOD: dict[str, list[Any]] = {
    "prompt": ["x", "a" * 4000, "落ちるボール"],
    "negative_prompt": ["", "blur", "b" * 4000],
    "mode": ["slow_motion", "time_lapse", "hyperlapse", Mode.HYPERLAPSE],
    "duration": [1, 60, 2.5, 1.0],
    "fps": [24, 240, 120],
    "resolution": ["720p", "1080P", "4k", "4K", "1280x720", "1920x1080", "3840x2160"],
    "seed": [None, 0, 2_147_483_647],
    "guidance_scale": [0, 20, 7.5],
    "physics_strength": [0, 1, 0.85],
    "physics_why": [None, "", "the scene is rigid: ball"],
    "priority": ["urgent", "normal", "bulk", Priority.BULK, *range(1, 11)],
    "deliver_fps": [None, 24, 30, 60],
    "speed": [None, 1, 300],
    "extras": [(), [], "", "poster", "sheet, poster", ["light", "poster", "preview", "sheet", "sheet"]],
    "background": [None, "beach", "b" * 200],
    "key": ["green", "Blue", "black", "white", "alpha", "#00ff00", "#00FF00"],
    "key_tolerance": [0, 1, 0.25],
    "key_softness": [0, 1, 0.25],
    "background_loop": [True, False],
    "reuse": ["never", "same", "any"],
    "project": ["default", "a", "A.b_c-9", "p" * 64],
    "unique_key": [None, "k", "k" * 200],
    "deadline": [None, "2027-01-31T12:00:00Z", "2027-01-31T12:00:00+02:00", datetime(2027, 1, 1, tzinfo=UTC)],
    "metadata": [{}, {"a": "b", "n": 1, "f": 0.5, "t": True, "z": None}, {f"k{i}": i for i in range(32)}],
}
BAD: dict[str, list[Any]] = {
    "prompt": ["", "  \n", "a" * 4001, None, 5, ["x"], b"x", "\ud800"],
    "negative_prompt": ["b" * 4001, None, 5],
    "mode": ["fast", "", None, 3, [], b"slow_motion"],
    "duration": [0, 0.99, 60.1, -5, "5", None, True, float("nan"), float("inf")],
    "fps": [23, 241, 29.97, "120", None, True],
    "resolution": ["8K", "1920X1080 ", "", None, 1080, ["4K"], "1x1"],
    "seed": [-1, 2_147_483_648, 1.5, "7", True],
    "guidance_scale": [-0.1, 20.1, "7", None],
    "physics_strength": [-0.01, 1.01, "1", None],
    "physics_why": [5, ["x"], "a" * 4001],
    "priority": ["asap", 0, 11, -1, 1.5, True, None, [], b"bulk"],
    "deliver_fps": [23, 61, "30", 29.97, True],
    "speed": [0, 301, "2", 1.5, True],
    "extras": ["music", ["poster", "music"], 5, [None], [[]], {}, None],
    "background": ["", "b" * 201, 5, {"prompt": "a beach"}],
    "key": ["", "mauve", "#00ff0", "00ff00", "#gggggg", None, 5, ["green"]],
    "key_tolerance": [-0.1, 1.1, "0.5", None, True],
    "key_softness": [-0.1, 1.1, "0.5", None, True],
    "background_loop": ["yes", 1, None],
    "reuse": ["always", "", None, True, 1, b"any"],
    "project": ["", "-x", "a b", "a" * 65, "ä", None, 5, "a\n"],
    "unique_key": ["", "  ", "k" * 201, 5],
    "deadline": [
        "tomorrow", "2027-01-31T12:00:00", "2027-13-01T00:00:00Z", datetime(2027, 1, 1), [], 1e300,  # noqa: DTZ001
        5, "1700000000", True,
    ],
    "metadata": [
        {"a": []}, {"a": {}}, {"a": "x" * 501}, {"k" * 501: 1}, {f"k{i}": i for i in range(33)}, [], None, "x",
        {1: 2}, {"a": float("nan")}, {"\ud800": 1}, {"a": 10**600}, {"": 1},
    ],
}  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
CLIPS = st.dictionaries(st.sampled_from([*Clip.model_fields, "promt", "", "id"]), JSON, max_size=8)
PLAUSIBLE = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=60)},
    optional={name: st.sampled_from(values) for name, values in GOOD.items() if name != "prompt"},
)


def test_every_field_has_good_and_bad_examples_here() -> None:
    """A new field comes with its tests."""
    assert set(Clip.model_fields) == set(GOOD) == set(BAD)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in GOOD.items() for value in values])
def test_what_is_allowed_is_taken(field: str, value: Any) -> None:
    """Bounds belong to what is allowed."""
    read_clip({"prompt": "x", field: value})


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_what_is_wrong_is_named_with_what_is_allowed(field: str, value: Any) -> None:
    """The message begins with the field, and ends with what the field allows."""
    with pytest.raises(InvalidClip) as caught:
        read_clip({"prompt": "x", field: value})
    message = str(caught.value)
    assert message.startswith(f"{field}: ")
    assert str(Clip.model_fields[field].description) in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("expected", "number"),
    [*(("urgent", n) for n in (1, 2, 3)), *(("normal", n) for n in (4, 5, 6, 7)), *(("bulk", n) for n in (8, 9, 10))],
)
def test_the_tutorials_numbers_are_priorities(expected: str, number: int) -> None:
    """Lower is more urgent."""
    assert expected == read_clip({"prompt": "x", "priority": number}).priority


def test_a_number_that_is_no_priority_gets_the_rule_for_numbers() -> None:
    """Which numbers there are is what went wrong, not that it is none of three names."""
    with pytest.raises(InvalidClip, match=r"priority: 11 is not right \(a number has to be from 1 to 10\)"):
        read_clip({"prompt": "x", "priority": 11})


def test_short_names_of_sizes_become_the_sizes() -> None:
    """What is stored, priced and sent is always the same form."""
    assert ["1280x720", "1920x1080", "3840x2160"] == [
        read_clip({"prompt": "x", "resolution": name}).resolution for name in ("720P", "1080p", "4k")
    ]


def test_a_misspelt_field_is_refused_with_the_likely_one() -> None:
    """Nothing is silently dropped: it might be what makes the clip dear."""
    with pytest.raises(InvalidClip, match="guidance: there is no such field; did you mean guidance_scale"):
        read_clip({"prompt": "x", "guidance": 3})
    with pytest.raises(InvalidClip, match=r"zzz: there is no such field$"):
        read_clip({"prompt": "x", "zzz": 3})


def test_every_wrong_field_is_named_at_once() -> None:
    """Nobody has to mend one to hear of the next."""
    with pytest.raises(InvalidClip) as caught:
        read_clip({"fps": 1, "duration": 100})
    assert ["prompt", "duration", "fps"] == [
        part.partition(":")[0] for part in str(caught.value).split("; ") if ":" in part[:9]
    ]


def test_a_message_does_not_grow_with_what_was_sent() -> None:
    """Neither one huge value nor a thousand wrong fields make a huge message."""
    for fields in (
        {"prompt": ["x" * 10**6]},
        {"prompt": "x", "y" * 10**6: 1},
        {"prompt": "x", "metadata": {"k" * 10**6: 1}},
        {f"field{number}": number for number in range(1000)},
    ):
        with pytest.raises(InvalidClip) as caught:
            read_clip(fields)
        assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("what", [None, 5, "a prompt", ["prompt"], b"{}"])
def test_what_is_no_mapping_is_no_clip(what: Any) -> None:
    """The message says what came instead."""
    with pytest.raises(InvalidClip, match=type(what).__name__):
        read_clip(what)


@given(st.one_of(JSON, CLIPS))
def test_any_json_is_a_clip_or_an_invalid_one(fields: Any) -> None:
    """Nothing a stranger sends raises anything else, or a message that can not be printed."""
    try:
        said: Clip | str = read_clip(fields)
    except InvalidClip as error:
        said = str(error)
    if isinstance(said, str):
        assert len(said.encode()) < 6000
    else:
        assert said == Clip.model_validate_json(said.model_dump_json(exclude_defaults=True))


@given(PLAUSIBLE)
def test_a_clip_survives_being_stored(fields: dict[str, Any]) -> None:
    """What is read back from a job's record is what was entered."""
    try:
        clip = read_clip(fields)
    except InvalidClip:
        return
    assert clip == Clip.model_validate_json(clip.model_dump_json(exclude_defaults=True))
    assert clip == read_clip(json.loads(clip.model_dump_json()))
    assert clip is read_clip(clip)
    assert "\n" not in clip.line


def test_a_clip_is_frozen() -> None:
    """Nobody changes what was priced."""
    clip = read_clip({"prompt": "x"})
    with pytest.raises(ValidationError):
        clip.fps = 240  # type: ignore[misc]


def test_the_line_says_what_how_fast_and_the_first_words() -> None:
    """Long prompts are cut, and line ends in them do not break the line."""
    clip = read_clip({"prompt": "a glass\nof water " + "falls " * 50, "duration": 5, "fps": 120})
    assert "5s @120fps 1920x1080 slow_motion “a glass of water falls falls falls falls falls…”" == clip.line
    assert 5 == clip.length.total_seconds()
