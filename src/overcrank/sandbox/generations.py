"""The generations this vendor has accepted. What state one is in follows from the time; no timer runs for it."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

from overcrank.sandbox.asked import Asked
from overcrank.sandbox.chance import draw

# Up to this many fps (0 stands for a time-lapse): average and 95th percentile of the generation time in milliseconds.
_LATENCIES = ((30, 847, 1203), (60, 1124, 1567), (120, 1892, 2341), (240, 3156, 4102))
_LAPSE = (2203, 2891)
_P95 = 1.6448536269514722
_QUEUED_SHARE = 0.1
_FAILED_PROGRESS = 60


@dataclass(slots=True)
class Generation:
    """One paid (or freely failed) piece of work.

    Attributes:
        id: the vendor's name for it.
        key: the idempotency key it came with.
        asked: what it is to show.
        body_digest: of the create's body.
        base: scheme and host under which the caller knows this server.
        quoted_micros: the listed price in micro-dollars.
        amount_micros: what is billed in the end; 0 for a free failure.
        end: "completed", "failed", "moderated" or "stuck".
        accepted_at: epoch seconds.
        ends_at: epoch seconds; infinite where it is stuck.
        estimate: the expected generation time in seconds, as told to the caller.
        delivered: its whole content has been served.
    """

    id: str
    key: str | None
    asked: Asked
    body_digest: bytes
    base: str
    quoted_micros: int
    amount_micros: int
    end: str
    accepted_at: float
    ends_at: float
    estimate: float
    delivered: bool = False

    def state(self, now: float) -> tuple[str, int]:
        """The status word and the progress in percent at this epoch second."""
        if now >= self.ends_at:
            return ("completed", 100) if self.end == "completed" else ("failed", _FAILED_PROGRESS)
        passed = now - self.accepted_at
        if math.isinf(self.ends_at):
            return ("queued", 0) if passed < self.estimate * _QUEUED_SHARE else ("processing", _FAILED_PROGRESS)
        share = passed / (self.ends_at - self.accepted_at)
        return ("queued", 0) if share < _QUEUED_SHARE else ("processing", min(99, int(100 * share)))


class GenerationBook:
    """All generations, found by id, by idempotency key and by job, and how many are in flight."""

    def __init__(self) -> None:
        self._by_id: dict[str, Generation] = {}
        self._by_key: dict[str, list[Generation]] = {}
        self._by_job: dict[str, list[Generation]] = {}
        self._slots: list[float] = []
        self.max_in_flight = 0

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, generation: Generation, slot_until: float) -> None:
        """Take in a generation that counts as in flight until this epoch second."""
        self._by_id[generation.id] = generation
        if generation.key is not None:
            self._by_key.setdefault(generation.key, []).append(generation)
        if generation.asked.job_id is not None:
            self._by_job.setdefault(generation.asked.job_id, []).append(generation)
        heapq.heappush(self._slots, slot_until)
        self.max_in_flight = max(self.max_in_flight, self.in_flight(generation.accepted_at))

    def in_flight(self, now: float) -> int:
        """How many are queued or processing at this epoch second."""
        while self._slots and self._slots[0] <= now:
            heapq.heappop(self._slots)
        return len(self._slots)

    def next_free(self, now: float) -> float:
        """Seconds until one more of those in flight ends."""
        return max(0.0, self._slots[0] - now) if self.in_flight(now) else 0.0

    def get(self, generation_id: str) -> Generation | None:
        """The generation of this id."""
        return self._by_id.get(generation_id)

    def of_key(self, key: str) -> list[Generation]:
        """Those that came with this idempotency key, the first one first."""
        return self._by_key.get(key, [])

    def of_job(self, job_id: str) -> list[Generation]:
        """Those that came with this job id, the first one first."""
        return self._by_job.get(job_id, [])


def expected_seconds(asked: Asked, scale: float, fixed: float | None) -> float:
    """The average generation time."""
    return float(fixed) if fixed is not None else _latency(asked)[0] * scale / 1000


def drawn_seconds(asked: Asked, scale: float, fixed: float | None, *names: object) -> float:
    """A generation time that depends on the names alone; many of them have the table's average and 95th percentile.

    Args:
        asked: what is generated.
        scale: multiplies the table.
        fixed: seconds that replace the table.
        names: what the draw is made for.
    """
    if fixed is not None:
        return float(fixed)
    average, p95 = _latency(asked)
    # A log-normal distribution with this average and this percentile.
    sigma = _P95 - math.sqrt(_P95**2 - 2 * math.log(p95 / average))
    middle = math.log(average) - sigma**2 / 2
    chance = min(max(draw("latency", *names), 1e-9), 1 - 1e-9)
    return math.exp(middle + sigma * NormalDist().inv_cdf(chance)) * scale / 1000


def _latency(asked: Asked) -> tuple[int, int]:
    if asked.mode in ("time_lapse", "hyperlapse"):
        return _LAPSE
    return next((average, p95) for top, average, p95 in _LATENCIES if asked.fps <= top)
