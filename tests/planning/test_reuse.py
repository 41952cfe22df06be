"""When one generation serves two requests: never a different one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.clip import Clip, Extra, Reuse
from overcrank.planning.reuse import ASIDE, fingerprint, sharing
from overcrank.scripts import Sharing

MODEL = "m"
LETTERS = st.characters(codec="utf-8", exclude_characters="\0")

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
"""What a text may hold."""

FILM: dict[str, Any] = {
    "prompt": st.text(LETTERS, min_size=1, max_size=5).filter(str.strip),
    "negative_prompt": st.text(LETTERS, max_size=3),
    "mode": st.sampled_from(["slow_motion", "time_lapse", "hyperlapse", "plain"]),
    "duration": st.sampled_from([1, 5, 5.5, 60]),
    "fps": st.integers(24, 240),
    "resolution": st.sampled_from(["720p", "1080p", "1920x1080", "4K"]),
    "seed": st.none() | st.integers(0, 5),
    "guidance_scale": st.sampled_from([0, 7.5, 7.25]),
    "physics_strength": st.sampled_from([0, 0.5, 0.85]),
    "project": st.sampled_from(["a", "b"]),
}
REST: dict[str, Any] = {
    "deliver_fps": st.none() | st.integers(24, 60),
    "speed": st.none() | st.integers(1, 300),
    "extras": st.lists(st.sampled_from(list(map(str, Extra)))),
    "background": st.none() | st.just("beach"),
    "key": st.sampled_from(["green", "alpha"]),
    "key_tolerance": st.sampled_from([0, 0.5]),
    "key_softness": st.sampled_from([0, 0.5]),
    "background_loop": st.booleans(),
    "priority": st.sampled_from(["urgent", "normal", "bulk"]),
    "unique_key": st.none(),
    "deadline": st.none() | st.just("2027-01-31T12:00:00Z"),
    "metadata": st.dictionaries(st.sampled_from("ab"), st.integers(), max_size=2),
    "reuse": st.sampled_from(list(map(str, Reuse))),
    "physics_why": st.none() | st.just("it was so"),
}
CLIPS = st.fixed_dictionaries({"prompt": FILM["prompt"]}, optional={k: v for k, v in FILM.items() if k != "prompt"})


def film(clip: Clip) -> dict[str, Any]:
    """Return what the film depends on."""
    return clip.model_dump(exclude=set(ASIDE))


def test_five_seconds_are_five_seconds() -> None:
    """Said or not, whole or with a point."""
    assert 1 == len(
        {fingerprint(Clip(prompt="x", **given), MODEL) for given in ({}, {"duration": 5}, {"duration": 5.0})}
    )


def test_every_field_counts_or_is_set_aside() -> None:
    """A field that is added later counts until somebody decides that it does not."""
    assert set(Clip.model_fields) == FILM.keys() | REST.keys()
    assert set(REST) == ASIDE


@given(CLIPS, CLIPS, st.sampled_from(["m", "n"]))
def test_a_different_request_is_never_served(one, other, model) -> None:
    """What stands for two films is the same only where every field that is sent is."""
    first, second = Clip(**one), Clip(**other)
    same = (film(first), MODEL) == (film(second), model)
    assert same == (fingerprint(first, MODEL) == fingerprint(second, model))


@given(CLIPS, st.data())
def test_one_changed_field_is_another_request(fields, data) -> None:
    """Whichever it is."""
    name = data.draw(st.sampled_from(sorted(FILM)))
    first, second = Clip(**fields), Clip(**{**fields, name: data.draw(FILM[name])})
    same = getattr(first, name) == getattr(second, name)
    assert same == (fingerprint(first, MODEL) == fingerprint(second, MODEL))


@given(CLIPS, st.fixed_dictionaries({}, optional=REST), st.fixed_dictionaries({}, optional=REST))
def test_what_does_not_change_the_film_does_not_count(fields, rest, others) -> None:
    """What is made of it, priority, deadline and notes are the asker's own, and the provider is not sent them."""
    assert fingerprint(Clip(**fields, **rest), MODEL) == fingerprint(Clip(**fields, **others), MODEL)


@given(CLIPS, st.none() | st.integers(0, 5))
def test_without_the_seed_only_the_seed_does_not_count(fields, seed) -> None:
    """Whoever takes any seed takes nothing else."""
    first, second = Clip(**fields), Clip(**{**fields, "seed": seed})
    assert fingerprint(first, MODEL, seed=False) == fingerprint(second, MODEL, seed=False)
    assert fingerprint(first, MODEL, seed=False) != fingerprint(first, "n", seed=False)


@pytest.mark.parametrize(
    ("fields", "wants"),
    [
        ({}, ""),
        ({"seed": 0}, "same"),
        ({"seed": 0, "reuse": "never"}, ""),
        ({"reuse": "any"}, "alike"),
        ({"seed": 0, "reuse": "any"}, "alike"),
        ({"seed": 0, "unique_key": "mine"}, "same"),
    ],
)
def test_without_a_seed_a_clip_is_new_unless_allowed(fields, wants) -> None:
    """The rules for whom a clip's job looks for; a key that somebody gave says nothing about it."""
    clip = Clip(prompt="x", **fields)
    film = fingerprint(clip, MODEL) if "seed" in fields else ""
    assert Sharing(wants, film, fingerprint(clip, MODEL, seed=False)) == sharing(clip, MODEL)
