"""Caps and pauses: what settings say, what an operator says instead, and which of the two counts.

A cap belongs to a span: `lane/window`, `lane/day`, `project:NAME/window`, `project:NAME/day`, or `project:*/...` for
every project without one of its own. The gate reads what counts in its one step, so a change holds at once, everywhere.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from ..errors import BooksLost, ConfigError
from ..keys import SPANS, Keys, Period
from ..scripts import Scripts
from ..server import Server
from ..settings import BudgetSettings

logger = logging.getLogger(__name__)

SPAN = re.compile(r"(lane|project:(?:\*|[A-Za-z0-9][A-Za-z0-9_.-]{0,63}))/(window|day)")
OWNER = re.compile(r"lane|project:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LOST = (
    "the books, or what an operator said, are not all there, so nothing is admitted and nothing was changed: "
    "`overcrank budget audit` says what is missing, `overcrank budget rebuild` puts it back"
)
URGENT = "lane/urgent"
"""The percent of each of the lane's windows that is kept for urgent jobs; stored beside the caps."""


@dataclass(frozen=True, slots=True)
class Cap:
    """A span's cap: what counts, what settings say, and what an operator said instead (µ$; a percent for the share)."""

    span: str
    counts: int | None
    configured: int | None
    override: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What became of a cap for one window alone: whether it is new, and what counted before and counts now (µ$)."""

    changed: bool
    before: int | None
    counts: int | None


class Caps:
    """What may be spent. *window_ttl_s* is how long a window's book is kept."""

    def __init__(self, redis: Server, keys: Keys, scripts: Scripts, window_ttl_s: int) -> None:
        self._redis, self._keys, self._scripts, self._window_ttl_s = redis, keys, scripts, window_ttl_s
        self._period = Period(0, 1, 0)

    def configure(self, budget: BudgetSettings) -> None:
        """Write what the settings say; what an operator said goes on counting."""
        said = configured(budget)
        for cap in self.all():
            said.setdefault(cap.span, None)
        if self._scripts.allow(self._keys.caps, "configured", said, entry="cap") < 0:
            logger.critical("the caps an operator set are lost: nothing is admitted until `overcrank budget rebuild`")

    def set(self, span: str, amount: int | None) -> bool:
        """Have an operator's cap count for a span from now on; None goes back to the settings. Tell if that is new."""
        known(span)
        return self._allow("override", {span: amount}, entry="cap")

    def set_now(self, span: str, amount: int | None, *, higher: bool = False) -> Grant:
        """Have a cap count for a span's current window or day alone; None takes it away.

        Which window is the current one the server decides. *higher* lowers nothing.

        Raises:
            ConfigError: the span has no windows, or *higher* is asked of one that has no cap.
        """
        known(span)
        owner, _, kind = span.partition("/")
        if span == URGENT:
            raise ConfigError("the urgent share counts for every window: set it without --this-window")
        if owner == "project:*":
            raise ConfigError("a cap for one window belongs to the lane or to one project: name it as project:NAME")
        whose, _, project = owner.partition(":")
        place = SPANS.index(f"{whose}/{kind}") + 1
        while True:
            match self._scripts.grant(
                place, project, amount, higher=higher, period=self._period, window_ttl_s=self._window_ttl_s
            ):
                case ["window", *period]:
                    self._period = Period(*map(int, period))
                case ["uncapped"]:
                    raise ConfigError(
                        f"{span} has no cap, so there is nothing to raise: `overcrank budget set` sets one"
                    )
                case ["unset"]:
                    raise ConfigError("no worker has said yet how long a window is: start `overcrank worker`")
                case ["lost"]:
                    raise BooksLost(LOST)
                case [said, before, counts]:
                    return Grant(said == "set", int(before) if before else None, int(counts) if counts else None)

    def pause(self, owner: str, why: str) -> bool:
        """Let nothing of the lane, or of one project, be admitted; what is in flight goes on."""
        return self._allow("", {f"paused:{_owner(owner)}": why or "yes"}, entry="pause")

    def resume(self, owner: str) -> bool:
        """End a pause; tell whether there was one."""
        return self._allow("", {f"paused:{_owner(owner)}": None}, entry="resume")

    def _allow(self, layer: str, said: Mapping[str, int | str | None], *, entry: str) -> bool:
        changed = self._scripts.allow(self._keys.caps, layer, said, entry=entry)
        if changed < 0:
            raise BooksLost(LOST)
        return bool(changed)

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
            found.append(Cap(span, *(int(text) if is_amount(text) else None for text in said)))
        return found

    def of(self, span: str) -> int | None:
        """Return the cap that counts for a span, µ$."""
        names = span, f"project:*/{span.partition('/')[2]}"
        said = zip(names, self._redis.hmget(self._keys.caps, *names), strict=True)
        return cap_of(span, {name: int(cap) for name, cap in said if is_amount(cap)})

    def counting(self) -> dict[str, int]:
        """Return every cap that counts, by its span."""
        stored = self._redis.hgetall(self._keys.caps)
        return {
            span: int(said)
            for span, said in stored.items()
            if is_amount(said) and (SPAN.fullmatch(span) or span == URGENT)
        }


def configured(budget: BudgetSettings) -> dict[str, int | None]:
    """Return what settings say of each span that they can speak of."""
    return {
        "lane/window": budget.cap,
        "lane/day": budget.day_cap,
        "project:*/window": budget.project_cap,
        "project:*/day": budget.project_day_cap,
        URGENT: budget.urgent_share or None,
        **{f"project:{name}/window": cap for name, cap in budget.projects.items()},
    }


def is_amount(text: str | None) -> TypeGuard[str]:
    """Tell whether what is stored is an amount at all; the gate is closed by what is none."""
    return text is not None and text.isdecimal()


def cap_of(span: str, counting: Mapping[str, int]) -> int | None:
    """Return the cap of a span among those that count: a project's own, else the one for every project."""
    owner, _, kind = span.partition("/")
    return counting.get(span, None if owner == "lane" else counting.get(f"project:*/{kind}"))


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
