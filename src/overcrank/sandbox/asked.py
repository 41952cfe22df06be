"""What a create asks for: every field of its body is checked, and a refusal names the field and what it allows."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlsplit

from overcrank.sandbox.prices import RESOLUTIONS

_MODES = ("slow_motion", "time_lapse", "hyperlapse")
_LAWS = ("momentum", "energy", "mass")
_PHYSICS = ("enabled", "strength", "conservation_laws")
_FIELDS = (
    "model", "prompt", "negative_prompt", "mode", "duration", "fps", "resolution", "seed", "guidance_scale",
    "physics_continuity", "callback_url", "metadata",
)  # fmt: skip
_LONGEST_PROMPT = 4000


class RefusedBodyError(Exception):
    """A body the vendor does not take: the HTTP status, the field at fault and what is wrong with it."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name


@dataclass(frozen=True, slots=True)
class Asked:
    """A create that has been checked.

    Attributes:
        prompt: as sent.
        mode: "slow_motion", "time_lapse" or "hyperlapse"; None where none is named: a plain clip.
        duration: seconds, 0 < duration <= 60.
        fps: frames per second, 24..240.
        resolution: a key of `RESOLUTIONS`.
        seed: 0..2147483647.
        strength: of the physics, 0..1; 0 where it is off.
        callback_url: where the webhook goes.
        job_id: from the metadata.
    """

    prompt: str
    mode: str | None
    duration: Decimal
    fps: int
    resolution: str
    seed: int
    strength: Decimal
    callback_url: str | None
    job_id: str | None

    @property
    def frames(self) -> int:
        """How many frames the clip has."""
        return round(self.fps * self.duration)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, its fractions as Decimal."""
    try:
        values = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except ValueError as error:
        raise RefusedBodyError(400, "body", f"the body is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RefusedBodyError(400, "body", "the body is not a JSON object")
    return values


def read(values: dict[str, Any], models: Collection[str]) -> Asked:
    """What a body asks for, or a `RefusedBodyError`."""
    for name in values:
        if name not in _FIELDS:
            raise RefusedBodyError(400, name, f"{name}: unknown field; known: {', '.join(_FIELDS)}")
    _one_of(values, "model", tuple(models))
    _optional(values, "negative_prompt", str, "a string")
    guidance = values.get("guidance_scale")
    if guidance is not None:
        _number("guidance_scale", guidance, 0, 50)
    prompt = values.get("prompt")
    if not isinstance(prompt, str):
        raise RefusedBodyError(400, "prompt", "prompt: a string is required")
    if not prompt.strip() or len(prompt) > _LONGEST_PROMPT:
        raise RefusedBodyError(422, "prompt", f"prompt: 1 to {_LONGEST_PROMPT} characters are allowed")
    duration = _number("duration", values.get("duration"), 0, 60)
    if not duration:
        raise RefusedBodyError(422, "duration", "duration: 0 is not allowed; allowed: above 0, at most 60 seconds")
    asked = Asked(
        prompt=prompt,
        mode=None if "mode" not in values else _one_of(values, "mode", _MODES),
        duration=duration,
        fps=_whole("fps", values.get("fps"), 24, 240),
        resolution=_one_of(values, "resolution", tuple(RESOLUTIONS)),
        seed=_whole("seed", values.get("seed", 0), 0, 2_147_483_647),
        strength=_strength(values.get("physics_continuity")),
        callback_url=_callback(values.get("callback_url")),
        job_id=_job_id(values.get("metadata")),
    )
    if not asked.frames:
        raise RefusedBodyError(422, "duration", f"duration: {duration} s is not one frame at {asked.fps} fps")
    return asked


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _optional(values: dict[str, Any], name: str, kind: type, allowed: str) -> None:
    if values.get(name) is not None and not isinstance(values[name], kind):
        raise RefusedBodyError(400, name, f"{name}: {values[name]!r} is not {allowed}")


def _one_of(values: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise RefusedBodyError(400, name, f"{name}: required; allowed: {', '.join(allowed)}")
    if value not in allowed:
        raise RefusedBodyError(422, name, f"{name}: {value!r} is not allowed; allowed: {', '.join(allowed)}")
    return value


def _number(name: str, value: Any, low: int, high: int) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise RefusedBodyError(400, name, f"{name}: {value!r} is not a number in {low}..{high}")
    if not low <= value <= high:
        raise RefusedBodyError(422, name, f"{name}: {value} is not allowed; allowed: {low}..{high}")
    return Decimal(value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedBodyError(400, name, f"{name}: {value!r} is not a whole number in {low}..{high}")
    return int(_number(name, value, low, high))


def _strength(physics: Any) -> Decimal:
    if physics is None:
        return Decimal(0)
    if not isinstance(physics, dict):
        raise RefusedBodyError(400, "physics_continuity", f"physics_continuity: an object of {_PHYSICS} is allowed")
    for name in physics:
        if name not in _PHYSICS:
            raise RefusedBodyError(400, f"physics_continuity.{name}", f"unknown field; known: {', '.join(_PHYSICS)}")
    enabled = physics.get("enabled", True)
    if not isinstance(enabled, bool):
        raise RefusedBodyError(400, "physics_continuity.enabled", "true or false is allowed")
    laws = physics.get("conservation_laws", [])
    if not isinstance(laws, list) or any(law not in _LAWS for law in laws):
        allowed = f"a list of {', '.join(_LAWS)} is allowed"
        raise RefusedBodyError(422, "physics_continuity.conservation_laws", allowed)
    strength = _number("physics_continuity.strength", physics.get("strength", 0), 0, 1)
    return strength if enabled else Decimal(0)


def _callback(url: Any) -> str | None:
    if url is None:
        return None
    if isinstance(url, str):
        try:
            parts = urlsplit(url)
            if parts.scheme in ("http", "https") and parts.hostname:
                return url
        except ValueError:
            pass
    raise RefusedBodyError(422, "callback_url", f"callback_url: {url!r} is not an http or https URL")


def _job_id(metadata: Any) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise RefusedBodyError(400, "metadata", "metadata: an object is allowed")
    job_id = metadata.get("job_id")
    if job_id is not None and not isinstance(job_id, str):
        raise RefusedBodyError(400, "metadata.job_id", "metadata.job_id: a string is allowed")
    return job_id
