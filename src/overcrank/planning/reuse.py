"""Paying for nothing twice: which requests are the same film, so that one generation serves them all.

What stands for a film is made of what the provider is sent, and of nothing else: the same generation serves requests of
which different things are made afterwards. Each request is a job of its own all the same; it follows the one that pays.
"""

from hashlib import blake2b

from ..clip import Clip, Reuse
from ..scripts import Sharing

ASIDE = frozenset({
    "deliver_fps", "speed", "extras", "background", "key", "key_tolerance", "key_softness", "background_loop",
    "priority", "unique_key", "deadline", "metadata", "reuse", "physics_why",
})  # fmt: skip
"""Fields that do not change what is generated. They are what the provider is not sent."""

_LEFT_OUT = {True: set(ASIDE), False: {*ASIDE, "seed"}}
"""Fields that are left out where the seed counts, and where it does not."""


def fingerprint(clip: Clip, model: str, *, seed: bool = True) -> str:
    """Return what is the same for two requests if, and only if, everything that is generated for them is the same.

    The project counts too: what one has paid for is not delivered to another. Without *seed*, the seed does not.
    """
    said = clip.model_dump_json(
        exclude=_LEFT_OUT[seed], exclude_defaults=True
    )  # 5 and 5.0 are both said, or left out, as 5.0
    return blake2b(f"{model} {said}".encode(), digest_size=16).hexdigest()


def sharing(clip: Clip, model: str) -> Sharing:
    """Return whom the clip's job looks for, and how others find it.

    Without a seed each generation is another, so such a clip is served by none unless that is allowed.
    """
    film = "" if clip.seed is None else fingerprint(clip, model)
    alike = fingerprint(clip, model, seed=False)
    wants = {Reuse.NEVER: "", Reuse.SAME: "same" if film else "", Reuse.ANY: "alike"}[clip.reuse]
    return Sharing(wants, film, alike)
