"""What a sandbox is told when it starts; most of it may be changed while it runs."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

from overcrank.sandbox.choices import unknown
from overcrank.sandbox.faults import FaultPlan
from overcrank.sandbox.limits import RETRY_AFTER_FORMS


class _Rule(NamedTuple):
    test: Callable[[Any], bool]
    allowed: str


def _number(low: float, high: float = math.inf, *, above: bool = False) -> _Rule:
    def good(value: Any) -> bool:
        real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return real and (low < value if above else low <= value) and value <= high

    bound = f" and at most {high:g}" if high < math.inf else ""
    return _Rule(good, f"a number {'above' if above else 'of at least'} {low:g}{bound}")


def _whole(low: int, high: int) -> _Rule:
    return _Rule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        f"a whole number in {low}..{high}",
    )


def _choice(*names: str) -> _Rule:
    return _Rule(lambda value: value in names, " or ".join(map(repr, names)))


def _optional(rule: _Rule) -> _Rule:
    return _Rule(lambda value: value is None or rule.test(value), f"null, or {rule.allowed}")


def _even_size(value: Any) -> bool:
    whole = isinstance(value, tuple) and len(value) == 2 and all(type(side) is int for side in value)
    return whole and all(32 <= side <= 3840 and side % 2 == 0 for side in value)


def _words(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(word, str) and word for word in value)


def _secret(value: Any) -> bool:
    if not isinstance(value, str) or not value:
        return False
    try:
        base64.b64decode(value.removeprefix("whsec_"), validate=value.startswith("whsec_"))
    except binascii.Error:
        return not value.startswith("whsec_")
    return True


_FLAG = _Rule(lambda value: isinstance(value, bool), "true or false")
_TEXT = _Rule(lambda value: isinstance(value, str) and bool(value), "a string that is not empty")
_SIZE = _Rule(_even_size, "null, or two even numbers in 32..3840 as [160, 90]")
_NAMES = _Rule(_words, "a list of strings")

_RULES: dict[str, _Rule] = {
    "host": _TEXT,
    "port": _whole(0, 65_535),
    "api_key": _TEXT,
    "rate": _number(0),
    "burst": _whole(1, 1_000_000),
    "concurrency": _whole(0, 1_000_000),
    "latency": _number(0, 3600),
    "latency_scale": _number(0, 1000),
    "generation_seconds": _optional(_number(0, 86_400)),
    "seed": _whole(0, 2**63 - 1),
    "balance_usd": _optional(_number(0)),
    "price": _choice("formula", "table"),
    "price_factor": _number(0, 1000),
    "url_ttl": _number(0, above=True),
    "webhook_secret": _Rule(_secret, "a string that is not empty, base64 after whsec_"),
    "clip_size": _optional(_SIZE),
    "clips": _choice("ball", "tiny"),
    "encoder": _choice("auto", "av", "plain"),
    "replay": _FLAG,
    "replay_costs_token": _FLAG,
    "lookup": _FLAG,
    "eta": _FLAG,
    "status_url": _FLAG,
    "sha256": _FLAG,
    "cost": _FLAG,
    "retry_after_form": _choice(*RETRY_AFTER_FORMS, "mixed"),
    "gravity": _number(0.1, 100),
    "models": _NAMES,
    "forbidden_words": _NAMES,
}

_FIXED = ("host", "port", "seed")


@dataclass(frozen=True)
class SandboxConfig:
    """How the simulated vendor behaves; a wrong value is a ValueError that names the field and what it allows.

    Attributes:
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one.
        api_key: what `Authorization: Bearer` must carry.
        rate: creates per second; 0 means no limit.
        burst: creates that a rested bucket lets through at once.
        concurrency: generations queued or processing at once; 0 means no limit.
        latency: seconds added to each answer to a create.
        latency_scale: multiplies the generation times drawn from the latency table.
        generation_seconds: one fixed generation time in seconds instead of the table's.
        seed: of every draw.
        faults: the fault plan, as a mapping or a `FaultPlan`.
        balance_usd: the prepaid balance in USD; None never runs out.
        price: which of the vendor's two price lists is billed.
        price_factor: real price over quoted price.
        url_ttl: seconds that a `video_url` is valid.
        webhook_secret: raw, or base64 after `whsec_`.
        clip_size: real pixels of every clip (the asked resolution is only billed); None renders the asked size.
        clips: "ball" renders the physics; "tiny" serves a still picture of the right length for load tests.
        encoder: "av" (PyAV), "plain" (pure Python), or "auto": PyAV where it is installed.
        replay: the same idempotency key returns the first answer; off, the key is ignored.
        replay_costs_token: a replay counts against the rate.
        lookup: the look-up call exists.
        eta: creates answer with `eta_seconds`.
        status_url: creates answer with `status_url`.
        sha256: a completed status carries `sha256`.
        cost: an ended status carries `cost_usd`.
        retry_after_form: how `Retry-After` is written; "mixed" takes each form in turn.
        gravity: of the rendered physics, in m/s².
        models: the models this vendor offers.
        forbidden_words: words for which a prompt is refused as `content_policy`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    api_key: str = "sandbox-key"
    rate: float = 0.0
    burst: int = 1
    concurrency: int = 0
    latency: float = 0.0
    latency_scale: float = 1.0
    generation_seconds: float | None = None
    seed: int = 0
    faults: FaultPlan | Mapping[str, Any] = field(default_factory=FaultPlan)
    balance_usd: float | None = None
    price: str = "formula"
    price_factor: float = 1.0
    url_ttl: float = 60.0
    webhook_secret: str = "sandbox-webhook-secret"  # noqa: S105 - public on purpose: it guards nothing
    clip_size: tuple[int, int] | None = (160, 90)
    clips: str = "ball"
    encoder: str = "auto"
    replay: bool = True
    replay_costs_token: bool = False
    lookup: bool = True
    eta: bool = True
    status_url: bool = True
    sha256: bool = True
    cost: bool = True
    retry_after_form: str = "seconds"
    gravity: float = 9.81
    models: tuple[str, ...] = ("pixverse-v6-physics", "pixverse-v6")
    forbidden_words: tuple[str, ...] = ("forbidden", "gore")

    def __post_init__(self) -> None:
        for name in ("clip_size", "models", "forbidden_words"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        for name, rule in _RULES.items():
            value = getattr(self, name)
            if not rule.test(value):
                raise ValueError(f"{name}: {value!r} is not allowed; allowed: {rule.allowed}")
        _ = self.plan

    @cached_property
    def plan(self) -> FaultPlan:
        """The fault plan, checked."""
        return FaultPlan.read(self.faults)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> SandboxConfig:
        """A configuration from names and values; a ValueError names what is unknown or wrong."""
        return cls().changed(values, fixed=())

    @classmethod
    def from_json(cls, text: str) -> SandboxConfig:
        """A configuration from a JSON object."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"the configuration is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ValueError("the configuration is not a JSON object")
        return cls.read(values)

    def changed(self, values: Mapping[str, Any], fixed: tuple[str, ...] = _FIXED) -> SandboxConfig:
        """This configuration with some fields changed; those named in `fixed` cannot be."""
        names = {each.name for each in fields(self)}
        for name in values:
            if name not in names:
                raise unknown("configuration field", name, names)
            if name in fixed:
                raise ValueError(f"{name}: cannot be changed while the sandbox runs")
        return replace(self, **values)

    def as_mapping(self) -> dict[str, Any]:
        """The configuration in the form that `read` takes."""
        return {**asdict(self), "faults": self.plan.as_mapping()}
