"""What is wanted, as columns of a manifest or options of a command say it."""

from collections.abc import Mapping
from datetime import UTC, datetime
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


MOMENTS = "allowed is a number of seconds, or a moment to come, with its time zone, as 2027-01-31T12:00:00Z"


def wanted(fields: Mapping[str, Any], now: datetime | None = None) -> Wanted:
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
    quality = _number(told, "quality", "0 to 10")
    if quality is not None and quality > 10:
        raise InvalidClip(f"quality: {quality} is not right; allowed is a number, 0 to 10")
    return Wanted(clip, Purpose(purpose), quality, _budget(told), _within(told, now), scene=scene)


def _budget(told: Mapping[str, Any]) -> int | None:
    """Return µ$ of dollars that may be text or a number of any kind."""
    given = told.get("budget")
    if given is None:
        return None
    try:
        money = micros(given)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidClip(f"budget: {error}") from None
    if money <= 0:
        raise InvalidClip(f"budget: {str(given)[:60]!r} is not right; allowed is an amount of dollars above 0")
    return money


def _within(told: Mapping[str, Any], now: datetime | None) -> int | None:
    """Return the milliseconds until it has to be ready: seconds are said, or a moment."""
    given = told.get("ready_in")
    if isinstance(given, str) and "T" in given:
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise InvalidClip(f"ready_in: {str(given)[:60]!r} is not right; {MOMENTS}") from None
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise InvalidClip(f"ready_in: {given.isoformat()} has no time zone; {MOMENTS}")
        left = int((given - (now or datetime.now(UTC))).total_seconds() * 1000)
        if left <= 0:
            raise InvalidClip(f"ready_in: {given.isoformat()} has passed; {MOMENTS}")
        return left
    seconds = _number(told, "ready_in", "seconds; or a moment, as 2027-01-31T12:00:00Z")
    return None if seconds is None else int(seconds * 1000)


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
