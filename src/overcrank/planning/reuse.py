"""Paying for nothing twice: which requests are the same film, so that one generation serves them all.

The same request has the same key, and a key is a job's unique key: whoever asks again gets the job it stands for,
whether that is still in flight or long done. A key that leads to a job without a clip is followed by the next one.
"""

import json
from hashlib import sha256
from typing import Any

from ..clip import Clip, Reuse

ASIDE = frozenset({"priority", "unique_key", "deadline", "metadata", "reuse", "physics_why"})
"""Fields that do not change the film. All others do, also those that come later."""

PREFIX = "same:"


def fingerprint(clip: Clip, model: str) -> str:
    """Return what is the same for two requests if, and only if, everything that the film depends on is the same.

    The project counts too: what one has paid for is not delivered to another.
    """
    fields = {name: _plain(value) for name, value in clip.model_dump(mode="json").items() if name not in ASIDE}
    return sha256(json.dumps({"model": model, **fields}, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a number in one form: 5 is 5.0."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def keyed(clip: Clip, model: str, after: str = "") -> Clip:
    """Return the clip with the unique key under which it may be shared; as it is where it may not.

    *after* is the id of a job that the key led to and that has no clip: the key that follows is returned.
    """
    if clip.unique_key is not None and not (after and shared(clip)):
        return clip
    if clip.reuse is Reuse.NEVER or (clip.reuse is Reuse.SAME and clip.seed is None):
        return clip
    key = f"{PREFIX}{fingerprint(clip, model)}" + (f":{after}" if after else "")
    return clip.model_copy(update={"unique_key": key})


def shared(clip: Clip) -> bool:
    """Tell whether the clip's unique key is one of ours."""
    return bool(clip.unique_key and clip.unique_key.startswith(PREFIX))
