"""The worker's consumer: Celery's own, but polite to others in the queue that everybody sends to."""

from typing import Any

from celery.worker.consumer.consumer import Consumer as CeleryConsumer

from overcrank.wire import COMMON_QUEUE
from workers.rooms import close_for

YIELD = 2.0
"""Seconds this worker leaves the common queue alone after it found somebody else's message in it."""


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Returns messages of tasks it does not know to the common queue instead of dropping them.

    Code that sends `overcrank.generate` without naming a queue uses Celery's default queue, so we listen there too;
    and another application's tasks that come there must not be lost by it.
    """

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Put somebody else's message back, and leave the queue to them for a while."""
        if (message.delivery_info or {}).get("routing_key") == COMMON_QUEUE:
            close_for(COMMON_QUEUE, YIELD)
            message.requeue()
        else:
            super().on_unknown_task(body, message, exc)
