"""The worker's consumer: Celery's own, but polite to others in the queue that everybody sends to."""

from typing import Any

from celery.worker.consumer.consumer import Consumer as CeleryConsumer

from overcrank.wire import COMMON_QUEUE
from workers.process import current
from workers.pushed import Shared, put_last
from workers.rooms import KeepPlace, close_for

YIELD = 2.0
"""Seconds this worker leaves the common queue alone once it has seen all of other people's messages in it."""

MOST = 200
"""Messages of others that it looks past before it does so all the same."""


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Returns messages of tasks it does not know to the common queue instead of dropping them.

    Code that sends `overcrank.generate` without naming a queue uses Celery's default queue, so we listen there too;
    and another application's tasks that come there must not be lost by it. They go behind all others, so that a clip
    behind a message that nobody takes is found; when the first of them comes round again, this worker pauses.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._seen: set[Any] = set()

    def connection_for_write(self, url: Any = None, heartbeat: Any = None) -> Any:
        """Return the connection that events are sent on: nobody waits until the broker says that it has them."""
        unconfirmed = (
            {"confirm_publish": False} if self.app.conf.broker_transport_options.get("confirm_publish") else {}
        )
        return self.ensure_connected(
            self.app.connection_for_write(url=url, heartbeat=heartbeat, transport_options=unconfirmed)
        )

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Put somebody else's message back, and leave the queue to them for a while."""
        if (message.delivery_info or {}).get("routing_key") != COMMON_QUEUE:
            super().on_unknown_task(body, message, exc)
            return
        task_id = message.headers.get("id")
        if task_id in self._seen or len(self._seen) >= MOST or task_id is None:
            self._seen.clear()
            self._leave()
        self._seen.add(task_id)
        qos = getattr(message.channel, "qos", None)
        if isinstance(qos, KeepPlace):
            qos.put_last(message.delivery_tag)
        elif isinstance(self.task_consumer, Shared):
            put_last(self.app, message)
        else:
            message.requeue()

    def _leave(self) -> None:
        """Take nothing from the common queue for a while."""
        close_for(COMMON_QUEUE, YIELD)
        consumer = self.task_consumer
        if isinstance(consumer, Shared):
            consumer.leave(COMMON_QUEUE)
            self.timer.call_after(YIELD, self._return, (consumer,))

    def _return(self, consumer: Shared) -> None:
        """Take from the common queue again, unless the connection is another by now: on that one it is taken from."""
        if consumer is self.task_consumer:
            consumer.consume()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of what is held: a broker that hands messages out gives it to others, and to us once more."""
        if isinstance(self.task_consumer, Shared):
            current().lose()
        super().on_connection_error_after_connected(exc)
