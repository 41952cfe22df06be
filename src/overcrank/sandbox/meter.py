"""The meter: what this vendor would bill, and how it was called. It is the judge of every test that counts money."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from overcrank.sandbox.generations import Generation, GenerationBook

_LOG_LENGTH = 200_000


class Meter:
    """Counts calls; what is billed is read from the generations themselves."""

    def __init__(self, book: GenerationBook) -> None:
        self._book = book
        self.calls: Counter[str] = Counter(create=0, status=0, lookup=0, content=0)
        self.rejected: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.webhooks: Counter[str] = Counter()
        self.accepted = 0
        self.replayed = 0
        self.answered_429 = 0
        self.creates_log: deque[tuple[float, int]] = deque(maxlen=_LOG_LENGTH)

    def create_answered(self, at: float, status: int, code: str | None) -> None:
        """Note a create that arrived at this epoch second and what was answered; status 0 is no answer."""
        self.creates_log.append((at, status))
        if status == 429:
            self.answered_429 += 1
        if code is not None:
            self.rejected[code] += 1

    def report(self, now: float, *, lists: bool = True) -> dict[str, Any]:
        """Everything as JSON values; without the lists where only totals are wanted."""
        paid = [each for each in self._book if each.amount_micros]
        due = [each for each in self._book if each.end == "completed" and each.ends_at <= now]
        jobs = Counter(each.asked.job_id for each in paid if each.asked.job_id is not None)
        double_paid = [job_id for job_id, count in jobs.items() if count > 1]
        delivered = [each.id for each in self._book if each.delivered]
        undelivered = [each.id for each in due if not each.delivered]
        summary = {
            "total_micros": sum(each.amount_micros for each in paid),
            "paid": len(paid),
            "creates": self.calls["create"],
            "accepted": self.accepted,
            "replayed": self.replayed,
            "rejected": dict(self.rejected),
            "answered_429": self.answered_429,
            "calls": dict(self.calls),
            "faults": dict(self.faults),
            "webhooks": dict(self.webhooks),
            "in_flight": self._book.in_flight(now),
            "max_in_flight": self._book.max_in_flight,
            "double_paid": double_paid,
        }
        if not lists:
            return {**summary, "delivered": len(delivered), "undelivered": len(undelivered)}
        return {
            **summary,
            "charges": [_charge(each) for each in self._book],
            "delivered": delivered,
            "undelivered": undelivered,
            "creates_log": [list(entry) for entry in self.creates_log],
        }

    def windows(self, seconds: float) -> dict[str, dict[str, int]]:
        """Per window (floor of the epoch second of acceptance over `seconds`): non-free charges and micro-dollars."""
        found: dict[str, dict[str, int]] = {}
        for each in self._book:
            if each.amount_micros:
                index = str(int(each.accepted_at // seconds))
                window = found.setdefault(index, {"accepted": 0, "micros": 0})
                window["accepted"] += 1
                window["micros"] += each.amount_micros
        return found


def _charge(generation: Generation) -> dict[str, Any]:
    asked = generation.asked
    return {
        "id": generation.id,
        "idempotency_key": generation.key,
        "job_id": asked.job_id,
        "amount_micros": generation.amount_micros,
        "quoted_micros": generation.quoted_micros,
        "end": generation.end,
        "at": generation.accepted_at,
        "fps": asked.fps,
        "duration": float(asked.duration),
        "resolution": asked.resolution,
        "mode": asked.mode,
    }
