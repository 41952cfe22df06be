"""Health: a worker that is alive and takes no messages ends itself, so that its supervisor starts another.

A Celery worker whose broker went away under load may stay up without ever consuming again, and answers pings all the
while. So what is watched is whether messages are taken, while there are some and there is a seat for them: a seat that
nobody sits in, as the end of its task was not noticed, is one.
"""

import logging
import os
import signal
import threading
import time
from typing import Any

from celery import signals
from celery.concurrency.thread import TaskPool
from celery.worker import state

from workers.broker import backlog
from workers.process import Process
from workers.rooms import seated

logger = logging.getLogger(__name__)

DEAF = 30.0
"""Seconds for which messages may wait for a worker that has seats before it counts as deaf."""

_heard = time.monotonic()
_running: set[str] = set()


@signals.task_prerun.connect
def _begun(task_id: str = "", **_: Any) -> None:
    _running.add(task_id)


@signals.task_postrun.connect
def _ended(task_id: str = "", **_: Any) -> None:
    _running.discard(task_id)


@signals.task_received.connect
def _received(**_: Any) -> None:
    global _heard  # noqa: PLW0603  (one worker a process)
    _heard = time.monotonic()


class Watch:
    """Looks whether a worker takes the messages it could take."""

    def __init__(self, process: Process, consumer: Any) -> None:
        self._process, self._consumer = process, consumer
        self._since: float | None = None

    def look(self) -> None:
        """Look once; end the process where it has been deaf for too long."""
        now = time.monotonic()
        if not self._waiting() or now - _heard < DEAF:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > DEAF:
            logger.critical("messages wait and none was taken for %.0f s: this worker ends itself", now - _heard)
            threading.Timer(10.0, os._exit, [70]).start()
            os.kill(os.getpid(), signal.SIGTERM)
            self._since = None

    def _waiting(self) -> bool:
        """Tell whether a queue has messages that this worker takes, or would if its seats were not taken by nobody."""
        consumer = self._consumer.task_consumer
        queues = [queue.name for queue in consumer.queues] if consumer else []
        return any(backlog(self._consumer.app, queues if self._haunted() else seated(queues)).values())

    def _haunted(self) -> bool:
        """Tell whether messages that were received take seats, and this process runs none of them.

        A process of a pool runs them elsewhere, so this is known of threads only.
        """
        taken = {request.id for request in list(state.reserved_requests)}
        return isinstance(self._consumer.pool, TaskPool) and bool(taken) and not taken & _running


def watch(process: Process, consumer: Any) -> None:
    """Begin to watch this worker."""
    process.every(5.0, "health", Watch(process, consumer).look)
