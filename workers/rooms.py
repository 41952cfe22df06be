"""Which queues a worker asks for its next message, by what it has in hand; and where a message goes that it returns."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from celery.worker import state
from kombu.transport import redis, virtual
from kombu.utils.json import dumps
from kombu.utils.scheduling import priority_cycle

from overcrank import wire
from overcrank.server import OUTAGE, Command, Server, direct, together

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
        if self._ready is not None:  # `look` has just asked, to know for how long to wait
            found, self._ready = self._ready, None
            return found
        free = seated(self.items[:n])
        self.waits = LOOK_SOON if len(free) < n and time.monotonic() - self._took < MOVING else LOOK
        found = []
        for queue in free:
            found += [queue, *SHELVES.get(queue, ())]
        return found

    waits = LOOK
    """For how many seconds to wait for a message in what `consume` has said."""

    _took = 0.0
    _ready: list[str] | None = None

    def prepare(self, n: int) -> float:
        """Find out what the next `consume` will say, and return for how many seconds to wait for a message in it."""
        self._ready = None
        self._ready = self.consume(n)
        return self.waits

    def rotate(self, last_used: str) -> None:
        """Note that a message was taken; the order stays as it is."""
        self._took = time.monotonic()
        super().rotate(last_used)


_start = redis.Channel._brpop_start  # noqa: SLF001  (the one place where the transport asks for a message)


def look(channel: Any, timeout: float | None = None) -> None:
    """Have the transport ask for its next message, for as long as the seats say."""
    queues = channel._queue_cycle  # noqa: SLF001
    if isinstance(channel.qos, KeepPlace):
        channel.qos.flush()
    if timeout is None and isinstance(queues, Rooms):
        timeout = queues.prepare(len(channel.active_queues))
    _start(channel, timeout)


class KeepPlace(redis.QoS):  # type: ignore[misc]
    """What was received and is not done with yet.

    A returned message is put where it is taken next; the library would put it behind the whole backlog. And what was
    acknowledged is told to the server along with the next message, or at the next look at the queues: on the way there
    it can only come twice, which any message may.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._acked: deque[str] = deque()
        self._direct: Any = None

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message that was received."""
        info = message.delivery_info
        kept = dumps([message._raw, info["exchange"], info["routing_key"]])  # noqa: SLF001  (as the library does)
        self._tell(
            ("HSET", self.unacked_key, delivery_tag, kept), ("ZADD", self.unacked_index_key, time.time(), delivery_tag)
        )
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Note that a message is done with."""
        self._acked.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def flush(self) -> None:
        """Tell the server what is done with."""
        if self._acked:
            self._tell()

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Return what is not done with, as the channel closes."""
        with suppress(*self.channel.connection_errors, *OUTAGE):  # what is told of in vain only comes twice
            self.flush()
        super().restore_unacked_once(stderr)

    def _tell(self, *commands: Command) -> None:
        done = [self._acked.popleft() for _ in range(len(self._acked))]
        gone = [("ZREM", self.unacked_index_key, *done), ("HDEL", self.unacked_key, *done)] if done else []
        try:
            together(self._client(), *gone, *commands)
        except BaseException:
            self._acked.extend(done)
            raise

    def _client(self) -> Server:
        if self._direct is None or self._direct.connection_pool is not self.channel.pool:
            self._direct = direct(self.channel.pool)
        return self._direct

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Return or drop a message."""
        if requeue:
            self.restore_by_tag(delivery_tag, leftmost=False)
            virtual.QoS.ack(self, delivery_tag)
        else:
            self.ack(delivery_tag)

    def put_last(self, delivery_tag: str) -> None:
        """Return a message behind all others: nobody here can do anything with it."""
        self.restore_by_tag(delivery_tag, leftmost=True)
        virtual.QoS.ack(self, delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back."""
        super().restore_by_tag(tag, client=client, leftmost=leftmost)
