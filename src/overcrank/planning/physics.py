"""How strictly the physics is kept: by the kind of scene first, else by how much of it the prompt speaks of."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import chain

from ..clip import Clip

SCENES = {
    "fluid": Decimal("0.70"),
    "rigid": Decimal("0.90"),
    "organic": Decimal("0.75"),
}
"""Kinds of scene, and the strength that suits each."""

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
"""A word; one with a hyphen or an apostrophe in it is one word, so a fire-fighter is no fire."""

_WORDS = tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))
SCENE_WORDS = {kind: frozenset(chain(*stems)) for kind, stems in _WORDS["scenes"].items()}
"""Whole words that tell the kind of a scene."""

INDICATORS = frozenset(chain(*_WORDS["indicators"]))
"""Whole words that say that much happens at once."""

STEMS = {word: stem[0] for stem in chain(_WORDS["indicators"], *_WORDS["scenes"].values()) for word in stem}
"""Each of the words above, and the one that stands for all of its stem."""

COMPLEX, SOME, SIMPLE = Decimal("0.65"), Decimal("0.78"), Decimal("0.85")
"""The strength with three indicators or more, with one or two, and with none; words of one stem count once."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A choice, and why it was made."""

    value: Decimal
    why: str


def strength(prompt: str, *, scene: str | None = None, given: float | Decimal | None = None) -> Strength:
    """Return how strictly the physics of *prompt* is to be kept, and why.

    What is *given* wins; then the *scene* that is named; then the scene of which the prompt uses the most words, and
    of two with as many the first in `SCENES`; then how many different things break, fall or spin in it.

    Raises:
        ValueError: there is no such scene, or the given strength is not between 0 and 1.
    """
    if given is not None:
        value = Decimal(str(given))
        if not 0 <= value <= 1:
            raise ValueError(f"a strength of {given} is not possible; allowed is 0 (off) to 1")
        return Strength(value, "it was given")
    if scene is not None:
        if scene not in SCENES:
            raise ValueError(f"there is no scene {scene!r}; there is {', '.join(SCENES)}")
        return Strength(SCENES[scene], f"the scene was given as {scene}")
    return _told(tuple(word for word in dict.fromkeys(_WORD.findall(prompt.casefold())) if word in STEMS))


@lru_cache(1024)
def _told(words: tuple[str, ...]) -> Strength:
    """Return what these words of a prompt come to; a batch uses the same again and again."""
    found = {kind: [word for word in words if word in SCENE_WORDS[kind]] for kind in SCENES}
    told = {kind: _different(hits) for kind, hits in found.items() if hits}
    if told:
        kind = max(told, key=lambda kind: told[kind])  # the first of those with as many
        return Strength(SCENES[kind], f"the scene is {kind}: {', '.join(found[kind])}" + _beside(kind, told))
    hits = [word for word in words if word in INDICATORS]
    different = _different(hits)
    if not different:
        return Strength(SIMPLE, "nothing says that much happens")
    said = "1 word says" if different == 1 else f"{different} words say"
    return Strength(COMPLEX if different >= 3 else SOME, f"{said} that much happens: {', '.join(hits)}")


def settled(clip: Clip, scene: str | None = None) -> Clip:
    """Return *clip* with a strength: its own where it names one, else the one that its prompt calls for, and why."""
    if "physics_strength" in clip.model_fields_set:
        return clip
    chosen = strength(clip.prompt, scene=scene)
    return clip.model_copy(update={"physics_strength": float(chosen.value), "physics_why": chosen.why})


def _different(words: Iterable[str]) -> int:
    """Count words, those of one stem once: falls, falling and fall are one thing that happens."""
    return len({STEMS[word] for word in words})


def _beside(kind: str, told: dict[str, int]) -> str:
    """Say which other scenes the prompt has words of, and why it is none of those."""
    others = [other for other in told if other != kind]
    if not others:
        return ""
    equal = [other for other in others if told[other] == told[kind]]
    why = f"as many words of {' and '.join(equal)}; {kind} comes first" if equal else f"fewer of {' and '.join(others)}"
    return f" ({why})"
