"""How strictly the physics is kept, and why."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.planning.physics import INDICATORS, SCENE_WORDS, SCENES, strength


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
        ("water shatters the glass", "0.78", "the scene is fluid and rigid at once, so it does not tell; 1 word"),
    ],
)
def test_a_prompt_has_a_strength_and_a_reason(prompt, value, why) -> None:
    """The scene counts first, then how much happens; the reason names the words."""
    found = strength(prompt)
    assert Decimal(value) == found.value
    assert why in found.why


@pytest.mark.parametrize(
    "prompt", ["a basketball", "waterfalls", "glasses", "Fallout", "a spinner", "breakfast", "carpet"]
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
    """By the number of different words, and nothing else where no scene is told."""
    found = strength(" ".join([*hits, *others]))
    kinds = [kind for kind, words in SCENE_WORDS.items() if words & set(hits)]
    expected = (
        SCENES[kinds[0]]
        if len(kinds) == 1
        else Decimal("0.65")
        if len(set(hits)) >= 3
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
