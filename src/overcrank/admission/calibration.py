"""Calibration: what was charged in percent of the price, by model, frame rate and size. Reservations cover most of it.

The vendor may charge above its price list. A reservation at the bare price would then let more through than the budget
can pay, so it is the price times a quantile of what has been charged, never below the price, and bounded.
"""

import time
from collections import defaultdict

from ..clip import Clip
from ..keys import Keys
from ..server import Command, Server, together
from ..settings import BudgetSettings

ENOUGH = 20
"""Charges of a shape before they count."""

MANY = 500
"""Charges of a shape after which the counts are halved: what is old fades."""

STEP = 5
"""Percent from one count to the next above 100; what is at the price or below it counts as 100."""

FRESH = 10.0
"""Seconds for which what was read is used."""


class Calibration:
    """The ratio of charge to price, over all workers."""

    def __init__(self, redis: Server, keys: Keys, budget: BudgetSettings, model: str) -> None:
        self._redis, self._keys, self._budget, self._model = redis, keys, budget, model
        self._factors: dict[str, int] = {}
        self._read_at = float("-inf")

    def shape(self, clip: Clip) -> str:
        """Return what clips are told apart by."""
        return f"{self._model}/{clip.fps}/{clip.resolution}"

    def amount(self, clip: Clip, quote: int) -> int:
        """Return what to reserve for a clip that should cost *quote*: at least that, in whole micro-dollars."""
        if not self._budget.calibrate:
            return quote
        return -(-quote * self.factors().get(self.shape(clip), 100) // 100)

    def note(self, clip: Clip, quote: int, cost: int, seconds: float = 0) -> None:
        """Remember what a clip was charged, and how long it took."""
        percent = -(-cost * 100 // quote) if quote else 100
        step = max(100, min(1000, -(-percent // STEP) * STEP))
        field = self.shape(clip)
        commands: list[Command] = [("HINCRBY", self._keys.ratios, f"{field}/{step}", 1)]
        if seconds > 0:
            commands.append(("HSET", self._keys.ratios, f"{field}/seconds", round(seconds, 1)))
        total, *_ = together(self._redis, *commands)
        if total >= MANY:
            self._fade(field)

    def seconds(self, clip: Clip) -> float | None:
        """Return how long the latest clip of this shape took, or None."""
        found = self._redis.hget(self._keys.ratios, f"{self.shape(clip)}/seconds")
        return float(found) if found else None

    def factors(self) -> dict[str, int]:
        """Return the percent of the price to reserve, by shape; those that are missing are 100."""
        if time.monotonic() - self._read_at > FRESH:
            self._read_at = time.monotonic()
            self._factors = self._read()
        return self._factors

    def _read(self) -> dict[str, int]:
        counts: dict[str, dict[int, int]] = defaultdict(dict)
        for name, count in self._redis.hgetall(self._keys.ratios).items():
            shape, _, step = name.rpartition("/")
            if step.isdigit():
                counts[shape][int(step)] = int(count)
        most = round(self._budget.calibrate_most * 100)
        return {
            shape: min(most, quantile(steps, self._budget.calibrate_quantile))
            for shape, steps in counts.items()
            if sum(steps.values()) >= ENOUGH
        }

    def _fade(self, shape: str) -> None:
        """Halve the counts of a shape; a count lost to another who does the same is of no consequence."""
        for name, count in self._redis.hgetall(self._keys.ratios).items():
            if name.rpartition("/")[0] == shape and name.rpartition("/")[2].isdigit():
                self._redis.hincrby(self._keys.ratios, name, -(int(count) // 2))


def quantile(counts: dict[int, int], percent: int) -> int:
    """Return the smallest step that covers so many percent of all that was counted."""
    needed, seen = -(-sum(counts.values()) * percent // 100), 0
    for step in sorted(counts):
        seen += counts[step]
        if seen >= needed:
            return step
    return 100
