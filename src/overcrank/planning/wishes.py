"""What is wanted, as columns of a manifest or options of a command say it."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ..clip import read_clip
from ..errors import InvalidClip
from ..money import micros
from .physics import SCENES
from .planner import Purpose, Wanted

COLUMNS = ("purpose", "quality", "budget", "ready_in", "scene")
"""What is said beside the clip's own fields; a clip for which one of them is said is planned."""


def planned(fields: Any) -> bool:
    """Tell whether a clip with these fields is to be planned."""
    return isinstance(fields, Mapping) and any(fields.get(name) not in (None, "") for name in COLUMNS)


def wanted(fields: Mapping[str, Any]) -> Wanted:
    """Return what the fields want: those of a clip, and those of `COLUMNS`, as text or as numbers.

    Raises:
        InvalidClip: a field is wrong; the message names it and what is allowed.
    """
    told = {name: fields[name] for name in COLUMNS if fields.get(name) not in (None, "")}
    clip = read_clip({name: value for name, value in fields.items() if name not in COLUMNS})
    purpose, scene = str(told.get("purpose", Purpose.STANDARD)), told.get("scene")
    if purpose not in set(Purpose):
        raise InvalidClip(f"purpose: {purpose[:60]!r} is not right; allowed is {', '.join(Purpose)}")
    if scene is not None and scene not in SCENES:
        raise InvalidClip(f"scene: {str(scene)[:60]!r} is not right; allowed is {', '.join(SCENES)}")
    quality, ready_in = _number(told, "quality", "0 to 10"), _number(told, "ready_in", "seconds")
    try:
        budget = micros(told["budget"]) if "budget" in told else None
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidClip(f"budget: {error}") from None
    within = None if ready_in is None else int(ready_in * 1000)
    return Wanted(clip, Purpose(purpose), quality, budget, within, scene)


def _number(told: Mapping[str, Any], name: str, allowed: str) -> Decimal | None:
    if name not in told:
        return None
    try:
        value = Decimal(str(told[name]))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise InvalidClip(f"{name}: {str(told[name])[:60]!r} is not right; allowed is a number, {allowed}")
    return value
