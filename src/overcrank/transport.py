"""How the broker is spoken to where it is RabbitMQ: which queues there are, and how they are declared.

Whoever declares a queue has to say the same of it, or is refused: workers, beat and producers all ask here.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from amqp.exceptions import AMQPError, MessageNacked, NotFound, PreconditionFailed
from kombu import Connection, Queue
from kombu.exceptions import OperationalError

from . import wire
from .errors import ConfigError
from .settings import Settings
from .store.queues import take_queues

TROUBLE = (OperationalError, AMQPError, MessageNacked, OSError)
"""What is raised where a broker is away, or does not take a message."""

OPTIONS: dict[str, Any] = {"confirm_publish": True}
"""RabbitMQ says of each message that it has it, and who sends one waits for that."""

RETURNS = 1_000_000_000
"""How often a message may be returned to a quorum queue. It is always set: with it what is returned goes to the head of
the queue, without it behind all others. RabbitMQ 4 would drop a message after twenty returns by itself, and 3 takes -1,
which means "no limit" there, for "none"."""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "classic": {},  # as anybody declares a queue who says nothing of its kind
    "quorum": {"x-queue-type": "quorum", "x-delivery-limit": RETURNS},
}
"""How our queues are declared, by their kind."""


class Found(Queue):
    """A queue that may be somebody else's: where it is there it is used as it is, of whatever kind."""

    def queue_declare(self, nowait: bool = False, passive: bool = False, channel: Any = None) -> Any:
        """Declare the queue, unless it is there."""
        if not passive:
            at: Any = channel or self.channel
            with suppress(NotFound), _aside(at.connection) as looking:
                return looking.queue_declare(self.name, passive=True)
        return super().queue_declare(nowait=nowait, passive=passive, channel=channel)


@contextmanager
def _aside(connection: Any) -> Iterator[Any]:
    """Give a channel for a question whose answer may be an error: that closes the channel it is asked on."""
    channel = connection.channel()
    try:
        yield channel
    finally:
        if channel.is_open:
            channel.close()


def task_queues(settings: Settings) -> list[Queue]:
    """Return the queues as they are declared. The common one is not ours alone, so it is taken as it is."""
    if not settings.broker_pushes:
        return [Queue(name, routing_key=name) for name in wire.ALL_QUEUES]
    arguments = ARGUMENTS[settings.broker_queues]
    ours = [name for name in wire.ALL_QUEUES if name != wire.COMMON_QUEUE]
    return [
        *(Queue(name, routing_key=name, queue_arguments=dict(arguments)) for name in ours),
        Found(wire.COMMON_QUEUE, routing_key=wire.COMMON_QUEUE),
    ]


def claim(settings: Settings) -> None:
    """See to it that the broker's queues are there, and are ours.

    Raises:
        ConfigError: they are another namespace's, or of another kind than is set.
    """
    take_queues(settings)
    if settings.broker_pushes:
        with Connection(settings.broker, connect_timeout=5) as connection:
            declare(settings, connection)


def declare(settings: Settings, connection: Connection, *, missing: bool = True) -> None:
    """Declare the queues; those that are *missing* only where they are to be made.

    Raises:
        ConfigError: one is there and of another kind than is set.
    """
    for queue in task_queues(settings):
        try:
            if not missing:
                with _aside(connection) as channel:
                    queue.queue_declare(channel=channel, passive=True)
            with _aside(connection) as channel:
                queue.queue_declare(channel=channel)
        except NotFound:
            continue
        except PreconditionFailed as error:
            raise ConfigError(
                f"the broker has a queue {queue.name} of another kind than OVERCRANK_BROKER_QUEUES says, which is "
                f"{settings.broker_queues}: set it as the workers have it, or name another virtual host with "
                f"OVERCRANK_BROKER_URL, or delete the queue once it is empty ({error.reply_text})"
            ) from None
