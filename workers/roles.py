"""Roles: which queues a worker consumes, in which order, and how many of each it takes at once."""

import os
from dataclasses import dataclass
from itertools import cycle, islice

from overcrank import wire
from overcrank.clip import Priority

URGENT, NORMAL, BULK = (wire.QUEUES[priority] for priority in Priority)
SUBMIT_QUEUES = (URGENT, NORMAL, wire.COMMON_QUEUE, BULK)
WAIT_QUEUES = (wire.BEAT_QUEUE, wire.POLL_QUEUE)


@dataclass(frozen=True, slots=True)
class Role:
    """What a kind of worker does.

    Attributes:
        queues: in the order they are consumed.
        ticks: whether it runs the periodic actions too, so that they go on without beat.
    """

    queues: tuple[str, ...]
    ticks: bool

    @property
    def stores(self) -> bool:
        """Whether it has to do with kept clips: all but those that only send."""
        return bool(set(self.queues) - set(SUBMIT_QUEUES))


ROLES = {
    "all": Role((*WAIT_QUEUES, wire.FETCH_QUEUE, wire.RENDER_QUEUE, *SUBMIT_QUEUES), ticks=True),
    "submit": Role(SUBMIT_QUEUES, ticks=False),
    "urgent": Role((URGENT,), ticks=False),
    "wait": Role(WAIT_QUEUES, ticks=True),
    "fetch": Role((wire.FETCH_QUEUE,), ticks=False),
    "render": Role((wire.RENDER_QUEUE,), ticks=False),
}


ROLE, SLOTS = "OVERCRANKED_ROLE", "OVERCRANKED_SLOTS"
"""How `overcrank worker` tells its child what it is; not settings, so they have another prefix."""


def role_name() -> str:
    """Return the name of this process's role."""
    return os.environ.get(ROLE, "all")


def own() -> tuple[Role, int]:
    """Return the role and the slots of this process."""
    return ROLES[role_name()], int(os.environ.get(SLOTS, "16"))


def threads(role: Role, slots: int) -> int:
    """Return how many tasks a worker runs at once.

    *slots* are for jobs on their way to the provider, held or being sent. Where a worker waits or fetches as well, it
    has more for that, so that jobs which hold can never keep those that are paid for from coming home.
    """
    both = set(role.queues) & set(SUBMIT_QUEUES) and set(role.queues) - set(SUBMIT_QUEUES)
    return slots + max(4, slots // 2) if both else slots


def concurrency(role: Role, slots: int, *, pushed: bool) -> int:
    """Return how many threads or processes a worker has; where the broker hands messages out, one for each of them."""
    return max(threads(role, slots), sum(shares(role, slots).values())) if pushed else threads(role, slots)


SHARES = {URGENT: 4, NORMAL: 5, wire.COMMON_QUEUE: 2, BULK: 5}, {
    wire.BEAT_QUEUE: 1, wire.POLL_QUEUE: 3, wire.FETCH_QUEUE: 2, wire.RENDER_QUEUE: 2,
}  # fmt: skip
"""How a worker's places are shared out where the broker hands messages out: those for jobs on their way, and others."""


def shares(role: Role, slots: int) -> dict[str, int]:
    """Return how many of each queue a worker takes at once where the broker hands messages out and is not asked.

    What such a broker has handed out is in the worker's hands, whatever else is there. So each queue has places of its
    own, which no other takes: a worker full of bulk jobs takes the next urgent one, and jobs that hold never keep those
    that are paid for from coming home. Each queue has one place at least.
    """
    found: dict[str, int] = {}
    for parts, places in zip(SHARES, (slots, threads(role, slots) - slots or slots), strict=True):
        ours = {queue: part for queue, part in parts.items() if queue in role.queues}
        here = {queue: max(1, places * part // sum(ours.values())) for queue, part in ours.items()}
        for queue in islice(cycle(ours), max(0, places - sum(here.values()))):
            here[queue] += 1
        found |= here
    if len(found) > 1 and wire.RENDER_QUEUE in found:
        found[wire.RENDER_QUEUE] = min(found[wire.RENDER_QUEUE], os.cpu_count() or 1)
    return {queue: found[queue] for queue in role.queues}


def seats(role: Role, slots: int) -> dict[frozenset[str], int]:
    """Return how many tasks of each group of queues a worker takes at once.

    Urgent jobs find a seat although others hold, and one seat each is kept for normal and bulk jobs, so that their
    oldest is always in line at the gate, where it gains on later ones.
    """
    extra = threads(role, slots) - slots
    limits: dict[frozenset[str], int] = {}
    if set(SUBMIT_QUEUES) <= set(role.queues) and slots >= 4:
        kept = max(1, slots // 4)
        limits[frozenset({URGENT})] = slots - 2
        limits[frozenset({NORMAL, wire.COMMON_QUEUE})] = slots - kept - 1
        limits[frozenset({BULK})] = slots - kept - 1
        limits[frozenset({NORMAL, wire.COMMON_QUEUE, BULK})] = slots - kept
    limits[frozenset(SUBMIT_QUEUES)] = slots
    if extra:
        limits[frozenset({wire.FETCH_QUEUE, wire.RENDER_QUEUE})] = extra - 1
        limits[frozenset(WAIT_QUEUES)] = extra - 1
        limits[frozenset({wire.RENDER_QUEUE})] = min(extra - 2, os.cpu_count() or 1)
    return limits
