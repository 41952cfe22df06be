"""What is other where the broker is RabbitMQ: it hands messages out, and is not asked for the next one.

Left to itself it fills a worker with whatever queue it looks at first. So each queue has a consumer whose messages are
counted for itself, and may have as many in hand as the queue has places (`workers/roles.py`). Such a count is kept by
quorum queues as well as by classic ones; one for all queues together is kept by classic ones alone.
"""

import logging
from typing import Any

from celery.app.amqp import AMQP, Queues
from celery.worker.consumer.delayed_delivery import DelayedDelivery
from celery.worker.consumer.tasks import Tasks
from kombu import Consumer, Queue

from overcrank.transport import Found
from workers.roles import own, shares


class Shared(Consumer):  # type: ignore[misc]
    """Consumes each queue with as many messages in hand as it has places, and can leave one alone for a while."""

    def __init__(self, *given: Any, **more: Any) -> None:
        self._places = shares(*own())
        super().__init__(*given, **more)

    def _basic_consume(self, queue: Queue, *given: Any, **more: Any) -> Any:
        if queue.name not in self._active_tags:
            self.channel.basic_qos(0, self._places.get(queue.name, 1), False)  # it holds for the next consumer alone
        return super()._basic_consume(queue, *given, **more)

    def leave(self, name: str) -> None:
        """Take nothing more from a queue until `consume` is called."""
        tag = self._active_tags.pop(name, None)
        self._active_queue_no_ack.pop(name, None)
        if tag is not None:
            self.channel.basic_cancel(tag)


class _Queues(Queues):  # type: ignore[misc]
    """Takes a queue that nobody has told us of as it is: its sender may have made it of any kind."""

    def new_missing(self, name: str) -> Queue:
        """Return a queue that is not among ours."""
        return Found(name, self.autoexchange(name), name)


class Ways(AMQP):  # type: ignore[misc]
    """How a Celery application comes to messages."""

    Consumer = Shared
    queues_cls = _Queues


def never(*_: Any) -> bool:
    """Say no."""
    return False


def furnish() -> None:
    """Have this worker consume with counts that are each queue's own.

    And without the 28 queues in which Celery would delay messages as soon as one queue is of the quorum kind: no
    message of ours is delayed.
    """
    Tasks.qos_global = never
    DelayedDelivery.include_if = never
    logging.getLogger("celery.worker.request").addFilter(no_alarm)


def no_alarm(record: logging.LogRecord) -> bool:
    """Let it be a note where a message can not be acknowledged as its connection is gone: it is the broker's again."""
    if record.levelno == logging.CRITICAL and str(record.msg).startswith("Couldn't "):
        record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
    return True


def put_last(app: Any, message: Any) -> None:
    """Return a message behind all others: a copy is sent, and once the broker has it the message is let go."""
    properties = dict(message.properties)
    for said_apart in ("application_headers", "content_type", "content_encoding", "delivery_mode"):
        properties.pop(said_apart, None)
    with app.producer_or_acquire() as producer:
        producer.publish(
            message.body,
            exchange="",
            routing_key=message.delivery_info["routing_key"],
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            headers=message.headers,
            delivery_mode=message.properties.get("delivery_mode"),
            **properties,
        )
    message.ack()
