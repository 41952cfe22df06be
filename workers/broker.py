"""What the broker knows: how many messages wait in each queue."""

from collections.abc import Iterable

from amqp.exceptions import ChannelError
from celery import Celery


def backlog(app: Celery, queues: Iterable[str]) -> dict[str, int]:
    """Return how many messages wait in each of the queues, on whatever broker."""
    found: dict[str, int] = {}
    with app.connection_for_read() as connection:
        for name in queues:
            try:
                with connection.channel() as channel:
                    found[name] = channel.queue_declare(name, passive=True).message_count
            except ChannelError:  # on Redis an empty queue does not exist
                found[name] = 0
    return found
