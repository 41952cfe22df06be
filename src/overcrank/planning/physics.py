"""How strictly the physics is kept: by the kind of scene first, else by how much of it the prompt speaks of."""

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

SCENES = {
    "fluid": Decimal("0.70"),
    "rigid": Decimal("0.90"),
    "organic": Decimal("0.75"),
}
"""Kinds of scene, and the strength that suits each."""

_WORDS = tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))
SCENE_WORDS = {kind: frozenset(words) for kind, words in _WORDS["scenes"].items()}
"""Whole words that tell the kind of a scene."""

INDICATORS = frozenset(_WORDS["indicators"])
"""Whole words that say that much happens at once."""

COMPLEX, SOME, SIMPLE = Decimal("0.65"), Decimal("0.78"), Decimal("0.85")
"""The strength with three indicators or more, with one or two, and with none."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A choice, and why it was made."""

    value: Decimal
    why: str


def strength(prompt: str, *, scene: str | None = None, given: float | Decimal | None = None) -> Strength:
    """Return how strictly the physics of *prompt* is to be kept, and why.

    What is *given* wins; then the *scene* that is named; then the one scene of which the prompt uses words; then how
    many different words of the prompt say that something breaks, falls or spins.

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
    words = re.findall(r"[^\W\d_]+", prompt.casefold())
    found = {kind: [word for word in words if word in told] for kind, told in SCENE_WORDS.items()}
    kinds = [kind for kind, told in found.items() if told]
    if len(kinds) == 1:
        kind = kinds[0]
        return Strength(SCENES[kind], f"the scene is {kind}: {_named(found[kind])}")
    hits = [word for word in words if word in INDICATORS]
    different = len(set(hits))
    value = COMPLEX if different >= 3 else SOME if different else SIMPLE
    why = f"{different} words say that much happens: {_named(hits)}" if different else "nothing says that much happens"
    if len(kinds) > 1:
        why = f"the scene is {' and '.join(kinds)} at once, so it does not tell; {why}"
    return Strength(value, why.replace("1 words say", "1 word says", 1) if different == 1 else why)


def _named(words: list[str]) -> str:
    return ", ".join(dict.fromkeys(words))
