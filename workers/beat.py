"""Beat's scheduler: Celery's own, which says now and then that it goes on."""

import time
from contextlib import suppress
from socket import gethostname
from typing import Any

from celery.beat import PersistentScheduler

from overcrank.keys import BEAT
from overcrank.runtime import Runtime
from overcrank.server import OUTAGE
from overcrank.settings import load

SAY_EVERY, ALIVE_S = 2.0, 20
"""Seconds between two words of it, and for which one counts."""


class Scheduler(PersistentScheduler):
    """Notes that beat lives on this machine: its health check must not take a worker's own ticks for it."""

    def __init__(self, *given: Any, **more: Any) -> None:
        runtime = Runtime(load())
        self._redis, self._key = runtime.redis, runtime.keys.alive(gethostname(), BEAT)
        self._said = 0.0
        super().__init__(*given, **more)

    def tick(self, *given: Any, **more: Any) -> float:
        """Send what is due; return the seconds until the next look."""
        wait: float = super().tick(*given, **more)
        if time.monotonic() - self._said >= SAY_EVERY:
            with suppress(*OUTAGE):
                self._redis.set(self._key, "1", ex=ALIVE_S)
            self._said = time.monotonic()
        return wait
