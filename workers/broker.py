"""What the broker knows: how many messages wait in each queue."""

from collections.abc import Iterable
from typing import Any

from amqp.exceptions import ChannelError
from celery import Celery
from kombu.transport import virtual


def backlog(app: Celery, queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages wait in each of the queues, on whatever broker."""
    names = list(queues)
    with app.pool.acquire(block=True) as connection:  # one that is there: to make one costs ten times as much
        if isinstance(connection.transport, virtual.Transport):
            return _waiting(connection, names, kept=True)
        try:
            return _waiting(connection, names, kept=False)
        except connection.connection_errors:  # RabbitMQ closed it while nobody used it
            connection.ensure_connection(max_retries=1)
            return _waiting(connection, names, kept=False)


def _waiting(connection: Any, names: list[str], *, kept: bool) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:  # RabbitMQ closes a channel as it says "not found"
        channel = connection.default_channel if kept else connection.channel()
        try:
            found[name] = channel.queue_declare(name, passive=True).message_count
        except ChannelError:  # on Redis an empty queue does not exist
            found[name] = 0
        if not kept:
            channel.close()
    return found
