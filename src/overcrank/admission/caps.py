"""Caps and pauses: what settings say, what an operator says instead, and which of the two counts.

A cap belongs to a span: `lane/window`, `lane/day`, `project:NAME/window`, `project:NAME/day`, or `project:*/...` for
every project without one of its own. The gate reads what counts in its one step, so a change holds at once, everywhere.
"""

import logging
import re
from dataclasses import dataclass

from ..errors import ConfigError
from ..keys import Keys, Period
from ..scripts import Scripts
from ..server import Server
from ..settings import BudgetSettings

logger = logging.getLogger(__name__)

SPAN = re.compile(r"(lane|project:(?:\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63}))/(window|day)")
OWNER = re.compile(r"lane|project:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
URGENT = "lane/urgent"
"""The percent of each of the lane's windows that is kept for urgent jobs; stored beside the caps."""


@dataclass(frozen=True, slots=True)
class Cap:
    """A span's cap: what counts, what settings say, and what an operator said instead (µ$; a percent for the share)."""

    span: str
    counts: int | None
    configured: int | None
    override: int | None


class Caps:
    """What may be spent."""

    def __init__(self, redis: Server, keys: Keys, scripts: Scripts) -> None:
        self._redis, self._keys, self._scripts = redis, keys, scripts

    def configure(self, budget: BudgetSettings) -> None:
        """Write what the settings say; what an operator said goes on counting."""
        said: dict[str, int | None] = {
            "lane/window": budget.cap,
            "lane/day": budget.day_cap,
            "project:*/window": budget.project_cap,
            "project:*/day": budget.project_day_cap,
            URGENT: budget.urgent_share or None,
            **{f"project:{name}/window": cap for name, cap in budget.projects.items()},
        }
        for cap in self.all():
            said.setdefault(cap.span, None)
        if self._scripts.allow(self._keys.caps, "configured", said, entry="cap") < 0:
            logger.critical("the caps an operator set are lost: nothing is admitted until `overcrank budget rebuild`")

    def set(self, span: str, amount: int | None) -> bool:
        """Have an operator's cap count for a span from now on; None goes back to the settings. Tell if that is new."""
        known(span)
        return bool(self._scripts.allow(self._keys.caps, "override", {span: amount}, entry="cap"))

    def set_now(self, span: str, amount: int | None, period: Period, ttl_s: int) -> bool:
        """Have a cap count for a span's current window alone; None takes it away."""
        known(span)
        owner, _, kind = span.partition("/")
        if owner == "project:*":
            raise ConfigError("a cap for one window belongs to the lane or to one project: name it as project:NAME")
        key = self._keys.book(owner, period, day=kind == "day")
        return bool(self._scripts.allow(key, "", {"cap": amount}, entry="cap", ttl_s=ttl_s))

    def pause(self, owner: str, why: str) -> bool:
        """Let nothing of the lane, or of one project, be admitted; what is in flight goes on."""
        return bool(self._scripts.allow(self._keys.caps, "", {f"paused:{_owner(owner)}": why or "yes"}, entry="pause"))

    def resume(self, owner: str) -> bool:
        """End a pause; tell whether there was one."""
        return bool(self._scripts.allow(self._keys.caps, "", {f"paused:{_owner(owner)}": None}, entry="resume"))

    def paused(self) -> dict[str, str]:
        """Return who is paused, and why."""
        stored = self._redis.hgetall(self._keys.caps)
        return {name.removeprefix("paused:"): why for name, why in stored.items() if name.startswith("paused:")}

    def all(self) -> list[Cap]:
        """Return every cap there is, and the urgent share."""
        stored = self._redis.hgetall(self._keys.caps)
        spans = {re.sub("^(configured|override):", "", name) for name in stored if not name.startswith("paused:")}
        found = []
        for span in sorted(spans):
            said = [stored.get(name) for name in (span, f"configured:{span}", f"override:{span}")]
            found.append(Cap(span, *(None if text is None else int(text) for text in said)))
        return found

    def of(self, span: str) -> int | None:
        """Return the cap that counts for a span, µ$."""
        owner, _, kind = span.partition("/")
        own, default = self._redis.hmget(self._keys.caps, span, f"project:*/{kind}")
        found = own if own is not None or owner == "lane" else default
        return None if found is None else int(found)


def known(span: str) -> str:
    """Return a span's name, or say what the names are."""
    if span != URGENT and not SPAN.fullmatch(span):
        raise ConfigError(
            f"{span} is no budget: lane/window, lane/day, project:NAME/window, project:NAME/day, or project:*/window"
        )
    return span


def _owner(owner: str) -> str:
    if not OWNER.fullmatch(owner):
        raise ConfigError(f"{owner} can not be paused: lane can, and project:NAME")
    return owner
