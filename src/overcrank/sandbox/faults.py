"""The fault plan: what goes wrong at which stage, how often, and for whom.

A draw depends on the seed, the stage, the key (an idempotency key or a generation id) and on how many calls that key
has made at that stage. It never depends on time, so two runs with the same keys meet the same faults.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from overcrank.sandbox.chance import draw
from overcrank.sandbox.choices import unknown

#: Every stage and the faults it knows; "bought" means that the generation exists and is charged.
KNOWN: dict[str, tuple[str, ...]] = {
    "submit": (
        "rate_429",  # refused as over the rate
        "concurrency_429",  # refused as over the number in flight
        "error_500",  # nothing bought
        "error_500_after",  # bought
        "html_502",  # a proxy's page; nothing bought
        "drop_before",  # connection reset, nothing bought
        "drop_after",  # bought, connection reset
        "slow",  # bought, answered after `slow_seconds`
        "garbage",  # bought, 200 with a body that is not JSON
        "auth_401",  # refused although the key is right
        "balance_402",  # refused although there is money
        "hang",  # bought, never answered
        "missing_id",  # bought, 200 without an id
    ),
    "generation": ("failed", "failed_charged", "moderated", "moderated_charged", "stuck", "overcharged"),
    "status": (
        "error_500",
        "drop",
        "rate_429",
        "garbage",
        "unknown_word",  # the status is "rendering"
        "backwards",  # an earlier state than the true one
        "not_found",
        "missing_cost",  # `cost_usd` left out
    ),
    "content": (
        "expired",  # 403 before its time
        "truncated",  # the whole length announced, the connection cut
        "short",  # a truncated file, honestly announced
        "corrupt",  # bytes flipped
        "error_500",
        "drop",
        "slow",  # half, a pause of `slow_seconds`, the rest
        "html",  # 200 with a page
    ),
    "lookup": ("error_500", "drop", "empty_once"),
    "webhook": (
        "lost",
        "twice",
        "late",  # `late_seconds` after the end
        "forged",  # a lie under a wrong signature arrives first
        "reordered",  # held back until another generation's webhook has gone
        "garbage",  # rightly signed, not JSON
    ),
}

_OPTIONS: dict[str, tuple[type, float, float]] = {
    "max_per_key": (int, 0, 1_000_000),
    "only_first": (bool, 0, 1),
    "slow_seconds": (float, 0, 3600),
    "late_seconds": (float, 0, 3600),
    "stuck_slot_seconds": (float, 0, 86_400),
}


@dataclass(frozen=True)
class FaultPlan:
    """Probabilities per stage and the bounds around them.

    Attributes:
        stages: per stage the probability of each fault; they add up to at most 1.
        max_per_key: how many faults may hit one key at one stage, so that finite retries get through.
        only_first: faults hit only the first call a key makes at a stage.
        slow_seconds: how long a slow answer takes.
        late_seconds: how late a late webhook is.
        stuck_slot_seconds: how long a generation that never ends counts as in flight.
    """

    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    max_per_key: int = 2
    only_first: bool = False
    slow_seconds: float = 12.0
    late_seconds: float = 3.0
    stuck_slot_seconds: float = 60.0

    @classmethod
    def read(cls, values: FaultPlan | Mapping[str, Any]) -> FaultPlan:
        """A plan from `{"submit": {"drop_after": 0.05}, "max_per_key": 2}`; a ValueError names what is wrong."""
        if isinstance(values, FaultPlan):
            return values
        if not isinstance(values, Mapping):
            raise ValueError(f"faults: {values!r} is not a mapping of stages {', '.join(KNOWN)}")
        options: dict[str, Any] = {}
        stages: dict[str, dict[str, float]] = {}
        for name, value in values.items():
            if name in _OPTIONS:
                options[name] = _option(name, value)
            elif name in KNOWN:
                stages[name] = _probabilities(name, value)
            else:
                raise unknown("faults stage", name, [*KNOWN, *_OPTIONS])
        return cls(stages=stages, **options)

    def as_mapping(self) -> dict[str, Any]:
        """The plan in the form that `read` takes."""
        values = asdict(self)
        return {**cast("dict[str, Any]", values.pop("stages")), **values}


def check(stage: str, fault: str) -> None:
    """Raise a ValueError unless this stage knows this fault."""
    if stage not in KNOWN:
        raise unknown("faults stage", stage, KNOWN)
    if fault not in KNOWN[stage]:
        raise unknown(f"faults.{stage} fault", fault, KNOWN[stage])


def _option(name: str, value: object) -> object:
    kind, low, high = _OPTIONS[name]
    good = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not good or (kind is not bool and isinstance(value, bool)) or not low <= cast("float", value) <= high:
        allowed = "true or false" if kind is bool else f"{kind.__name__} in {low:g}..{high:g}"
        raise ValueError(f"faults.{name}: {value!r} is not allowed; allowed: {allowed}")
    return value


def _probabilities(stage: str, value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError(f"faults.{stage}: {value!r} is not a mapping of faults {', '.join(KNOWN[stage])}")
    shares: dict[str, float] = {}
    for fault, share in value.items():
        check(stage, fault)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(f"faults.{stage}.{fault}: {share!r} is not a probability in 0..1")
        shares[fault] = float(share)
    if sum(shares.values()) > 1 + 1e-9:
        raise ValueError(f"faults.{stage}: the probabilities add up to {sum(shares.values()):g}, more than 1")
    return shares


class FaultDeck:
    """Deals the plan's faults call by call, and the forced ones before them."""

    def __init__(self, plan: FaultPlan, seed: int) -> None:
        self.plan = plan
        self.forced: dict[str, deque[str]] = {stage: deque() for stage in KNOWN}
        self._seed = seed
        self._calls: dict[tuple[str, str], list[int]] = {}

    def force(self, stage: str, fault: str, count: int = 1) -> None:
        """The next `count` calls at this stage meet this fault, whoever makes them."""
        check(stage, fault)
        self.forced[stage].extend([fault] * count)

    def replan(self, plan: FaultPlan) -> None:
        """Go on with another plan; how often each key called and was hit is kept."""
        self.plan = plan

    def deal(self, stage: str, key: str, possible: Collection[str] | None = None) -> str | None:
        """The fault for this call, or None.

        Args:
            stage: one of `KNOWN`.
            key: whose call it is.
            possible: the faults that mean anything now; another one neither happens nor counts.
        """
        queue = self.forced[stage]
        if queue and (possible is None or queue[0] in possible):
            return queue.popleft()
        shares = self.plan.stages.get(stage)
        if not shares:
            return None
        entry = self._calls.setdefault((stage, key), [0, 0])
        entry[0] += 1
        if entry[1] >= self.plan.max_per_key or (self.plan.only_first and entry[0] > 1):
            return None
        rest = draw(self._seed, "fault", stage, key, entry[0])
        for fault, share in shares.items():
            rest -= share
            if rest < 0:
                if possible is not None and fault not in possible:
                    return None
                entry[1] += 1
                return fault
        return None
