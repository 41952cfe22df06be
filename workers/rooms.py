"""Which queues a worker asks for its next message, by what it has in hand; and where a message goes that it returns."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from celery.worker import state
from kombu.transport import redis
from kombu.utils.scheduling import priority_cycle

from overcrank import wire

LOOK, LOOK_SOON = 0.2, 0.02
"""Seconds until the queues are looked at anew: at rest, and where a seat that is taken may be free at any moment."""

MOVING = 1.0
"""Seconds since it took a message for which a full worker counts as moving, and not as full of jobs that hold."""

SHELVES = {
    queue: tuple(f"{queue}{redis.Channel.sep}{step}" for step in range(1, 10))
    for queue in (*wire.QUEUES.values(), wire.COMMON_QUEUE)
}
"""Celery keeps messages of a priority in Redis lists of their own beside the queue's. Ours have none; whoever sends one
that has, with the steps that are Celery's default or with any other, puts it there."""

_seats: dict[frozenset[str], int] = {}
_closed: dict[str, float] = {}


def furnish(seats: dict[frozenset[str], int]) -> None:
    """Set how many tasks of each group of queues this worker takes at once."""
    _seats.clear()
    _seats.update(seats)
    redis.Channel.QoS = KeepPlace
    redis.Channel._brpop_start = look  # noqa: SLF001


def close_for(queue: str, seconds: float) -> None:
    """Take nothing from a queue for some seconds."""
    _closed[queue] = time.monotonic() + seconds


def in_hand() -> Counter[str]:
    """Return how many messages of each queue this worker has received and not finished."""
    return Counter(request.delivery_info.get("routing_key", "") for request in list(state.reserved_requests))


def seated(queues: Iterable[str]) -> list[str]:
    """Return those of the queues that have a seat left, in their order."""
    taken = in_hand()
    now = time.monotonic()
    full = {queue for queue, until in _closed.items() if now < until}
    for group, seats in _seats.items():
        if sum(taken[queue] for queue in group) >= seats:
            full |= group
    return [queue for queue in queues if queue not in full]


class Rooms(priority_cycle):  # type: ignore[misc]
    """The order of the queues, without those that have no seat left: kombu asks before each look at the server."""

    def consume(self, n: int) -> list[str]:
        """Return the lists to take the next message from, the first first."""
        free = seated(self.items[:n])
        self.waits = LOOK_SOON if len(free) < n and time.monotonic() - self._took < MOVING else LOOK
        found = []
        for queue in free:
            found += [queue, *SHELVES.get(queue, ())]
        return found

    waits = LOOK
    """For how many seconds to wait for a message in what `consume` has said."""

    _took = 0.0

    def rotate(self, last_used: str) -> None:
        """Note that a message was taken; the order stays as it is."""
        self._took = time.monotonic()
        super().rotate(last_used)


_start = redis.Channel._brpop_start  # noqa: SLF001  (the one place where the transport asks for a message)


def look(channel: Any, timeout: float | None = None) -> None:
    """Have the transport ask for its next message, for as long as the seats say."""
    queues = channel._queue_cycle  # noqa: SLF001
    if timeout is None and isinstance(queues, Rooms):
        queues.consume(len(channel.active_queues))
        timeout = queues.waits
    _start(channel, timeout)


class KeepPlace(redis.QoS):  # type: ignore[misc]
    """Put a returned message where it is taken next; the library would put it behind the whole backlog."""

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Return or drop a message."""
        if requeue:
            self.restore_by_tag(delivery_tag, leftmost=False)
            super().ack(delivery_tag)
        else:
            super().reject(delivery_tag, requeue=False)

    def put_last(self, delivery_tag: str) -> None:
        """Return a message behind all others: nobody here can do anything with it."""
        self.restore_by_tag(delivery_tag, leftmost=True)
        super().ack(delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back."""
        super().restore_by_tag(tag, client=client, leftmost=leftmost)
