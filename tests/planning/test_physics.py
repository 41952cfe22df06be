"""How strictly the physics is kept, and why."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.clip import Clip
from overcrank.planning.physics import INDICATORS, SCENE_WORDS, SCENES, STEMS, settled, strength


@pytest.mark.parametrize(
    ("prompt", "value", "why"),
    [
        ("a glass on a table", "0.90", "the scene is rigid: glass"),
        ("Water over Water", "0.70", "the scene is fluid: water"),
        ("her hair in the wind", "0.75", "the scene is organic: hair"),
        ("an explosion, shattering, debris everywhere", "0.65", "3 words say that much happens"),
        ("something falls", "0.78", "1 word says that much happens: falls"),
        ("falling and spinning", "0.78", "2 words say that much happens: falling, spinning"),
        ("a quiet room", "0.85", "nothing says that much happens"),
        ("", "0.85", "nothing says"),
        ("water shatters the glass", "0.70", "the scene is fluid: water (as many words of rigid; fluid comes first)"),
        ("waves and water on a glass", "0.70", "the scene is fluid: waves, water (fewer of rigid)"),
        ("a ball, a coin, milk", "0.90", "the scene is rigid: ball, coin (fewer of fluid)"),
        ("balls, a ball, milk, rain", "0.70", "the scene is fluid: milk, rain (fewer of rigid)"),
        ("falls falling fall", "0.78", "1 word says that much happens: falls, falling, fall"),
        ("it falls, spins and spins on: a spinning debris", "0.65", "3 words say"),
    ],
)
def test_a_prompt_has_a_strength_and_a_reason(prompt, value, why) -> None:
    """The scene counts first, then how much happens; the reason names the words."""
    found = strength(prompt)
    assert Decimal(value) == found.value
    assert why in found.why


@pytest.mark.parametrize(
    "prompt",
    [
        "a basketball",
        "waterfalls",
        "glasses",
        "Fallout",
        "a spinner",
        "breakfast",
        "carpet",
        "a fire-fighter",
        "a glass’s",
        "ice-cold-water-proof",
    ],
)
def test_parts_of_words_do_not_count(prompt) -> None:
    """A basketball is no ball, and breakfast breaks nothing."""
    assert (Decimal("0.85"), "nothing says that much happens") == (strength(prompt).value, strength(prompt).why)


def test_the_same_word_counts_once() -> None:
    """Saying it three times makes no scene more complex."""
    assert Decimal("0.78") == strength("falls, falls and falls").value


def test_a_scene_that_is_named_comes_before_the_words() -> None:
    """Who names the scene is believed."""
    assert SCENES == {scene: strength("an explosion shatters debris", scene=scene).value for scene in SCENES}


@given(st.text(), st.sampled_from([None, *SCENES]), st.decimals(0, 1, places=2))
def test_a_given_value_wins(prompt, scene, value) -> None:
    """Whatever else is said."""
    assert (value, "it was given") == (
        strength(prompt, scene=scene, given=value).value,
        strength(prompt, given=value).why,
    )


@given(
    st.lists(st.sampled_from(sorted(INDICATORS)), max_size=6), st.lists(st.sampled_from(["", "the", "Ünder", "x-y"]))
)
def test_every_prompt_has_one_of_the_strengths(hits, others) -> None:
    """By the scene with the most different words, else by the number of those that say that much happens."""
    found = strength(" ".join([*hits, *others]))
    told = {kind: len({STEMS[word] for word in words & set(hits)}) for kind, words in SCENE_WORDS.items()}
    kind = max(told, key=lambda kind: told[kind])
    different = len({STEMS[word] for word in hits})
    expected = (
        SCENES[kind]
        if told[kind]
        else Decimal("0.65")
        if different >= 3
        else Decimal("0.78")
        if hits
        else Decimal("0.85")
    )
    assert expected == found.value


@pytest.mark.parametrize("wrong", [{"scene": "magic"}, {"given": 1.5}, {"given": -1}])
def test_what_is_not_possible_is_said(wrong) -> None:
    """An unknown scene and a strength out of bounds are errors that say what is allowed."""
    with pytest.raises(ValueError, match=r"there is fluid, rigid, organic|allowed is 0"):
        strength("x", **wrong)


def test_a_clip_gets_its_strength_where_it_names_none() -> None:
    """The prompt tells, and the clip says why; a strength that it names is kept, also the usual one."""
    clips = [settled(Clip(prompt="water", **named)) for named in ({}, {"physics_strength": 0.85})]
    assert [(0.7, "the scene is fluid: water"), (0.85, None)] == [(c.physics_strength, c.physics_why) for c in clips]
    assert clips[0] == settled(clips[0])
