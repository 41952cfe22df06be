"""What one worker process has: its parts, the jobs in its hands, its threads. Made after a fork, when first used."""

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from socket import gethostname
from typing import Any

from overcrank import wire
from overcrank.lifecycle import State
from overcrank.pipeline.tools import Tools
from overcrank.runtime import Runtime
from overcrank.server import OUTAGE
from overcrank.settings import load
from workers.roles import own, role_name
from workers.room import LOST, Room
from workers.turnstile import Turnstile

logger = logging.getLogger(__name__)


HANDS = 16
"""Jobs in flight that a process attends to at once: most of the time they wait for the network."""

ALIVE_MS = 15_000
"""Milliseconds for which a worker counts as alive on its machine: health checks do not look more often."""

DOWNLOADS = 32
"""Clips that are brought home beside the fetch queue; more go through the queue, which has seats of its own."""


class Process:
    """The state of one worker process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.runtime = Runtime(load())
        self.room = Room(self.runtime)
        self._in_hand: Counter[tuple[str, State]] = Counter()
        self.turnstile = Turnstile()
        self._hands: set[str] = set()
        self._lease_ms = round(self.runtime.settings.worker.lease.total_seconds() * 1000)
        self.monitors: Callable[[], Any] = lambda: None
        """Returns what sends events to monitors now: Celery makes another whenever it connects anew."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.hands = ThreadPoolExecutor(HANDS, thread_name_prefix="overcrank-hand")
        self._downloads = threading.BoundedSemaphore(DOWNLOADS)
        self._fetches = wire.FETCH_QUEUE in own()[0].queues
        self._alive = self.runtime.keys.alive(gethostname(), role_name())
        self._start("heartbeat", self._beat, self.runtime.settings.worker.heartbeat.total_seconds())
        self._start("wake", self.room.listen, 1.0)

    @property
    def tools(self) -> Tools:
        """What the stages work with."""
        return self.runtime.tools

    @contextmanager
    def hand(self, job_id: str, *states: State) -> Iterator[None]:
        """Keep renewing the lease of a job while it is in one of *states* and the block runs."""
        entries = [(job_id, state) for state in states]
        with self._lock:
            self._in_hand.update(entries)
        try:
            yield
        finally:
            with self._lock:
                self._in_hand.subtract(entries)
                self._in_hand += Counter()

    @contextmanager
    def fetching(self) -> Iterator[bool]:
        """Tell whether a clip may be brought home right here: it is this worker's work, and few are at it."""
        here = self._fetches and self._downloads.acquire(blocking=False)
        try:
            yield here
        finally:
            if here:
                self._downloads.release()

    @contextmanager
    def only(self, job_id: str, *, counted: bool = False) -> Iterator[int | None]:
        """Give None where another run is at the job's bytes; while the block runs no other will be.

        Else give how many runs have begun and not come back; 0 where this one is not *counted*.
        """
        key = self.runtime.keys.hand(job_id)
        runs = self.tools.jobs.grip(job_id, self.runtime.worker, self._lease_ms, counted=counted)
        if runs is None:
            yield None
            return
        with self._lock:
            self._hands.add(key)
        try:
            yield runs
        finally:
            if self.let_go(job_id):
                self.runtime.redis.delete(key)

    def let_go(self, job_id: str) -> bool:
        """Count a job's bytes as in this process's hands no more; tell whether they were."""
        key = self.runtime.keys.hand(job_id)
        with self._lock:
            held = key in self._hands
            self._hands.discard(key)
        return held

    def every(self, seconds: float, name: str, action: Callable[[], None]) -> None:
        """Run *action* every so many seconds in a thread of its own, until the process stops."""
        self._start(name, action, seconds)

    def until_done(self, name: str, action: Callable[[], None]) -> None:
        """Do *action* once, and again every second while Redis is away; not at all once the process stops."""
        done = threading.Event()

        def attempt() -> None:
            if not done.is_set():
                action()
                done.set()

        try:
            attempt()
        except OUTAGE as error:
            logger.warning("%s: Redis is away: %s", name, error)
            self._start(name, attempt, 1.0, until=done)

    def stop(self) -> None:
        """Hand back what is held, and end the threads."""
        self._stop.set()
        self.room.close()

    def lose(self) -> None:
        """Hand back what is held, here and in the children of a pool: the broker has taken all messages back."""
        self.room.lose()
        with suppress(*OUTAGE):
            self.runtime.redis.publish(self.runtime.keys.wake, f"{LOST} {self.pid}")

    def _beat(self) -> None:
        with self._lock:
            jobs, hands = list(self._in_hand), list(self._hands)
        self.runtime.scripts.renew(self.runtime.worker, self._lease_ms * 1000, jobs)
        self.runtime.redis.set(self._alive, self.runtime.worker, px=max(ALIVE_MS, self._lease_ms))
        for key in hands:
            self.runtime.redis.pexpire(key, self._lease_ms)

    def _start(
        self, name: str, action: Callable[[], None], seconds: float, until: threading.Event | None = None
    ) -> None:
        def loop() -> None:
            away = False
            while not self._stop.is_set() and not (until and until.is_set()):
                try:
                    action()
                    if away:
                        logger.info("%s: Redis is back", name)
                    away = False
                except OUTAGE as error:
                    if not away:
                        logger.warning("%s: Redis is away: %s", name, error)
                    away = True
                except Exception:  # a thread that dies unseen would be worse than one that complains
                    logger.exception("%s went wrong and goes on", name)
                self._stop.wait(seconds)

        threading.Thread(target=loop, name=f"overcrank-{name}", daemon=True).start()


_process: Process | None = None
_making = threading.Lock()


def current() -> Process:
    """Return this process's state; a forked child makes its own."""
    global _process  # noqa: PLW0603  (one a process, by definition)
    if _process is None or _process.pid != os.getpid():
        with _making:
            if _process is None or _process.pid != os.getpid():
                _process = Process()
    return _process


def forget() -> None:
    """Start anew in a forked child: threads, locks and connections of its parent are not its own."""
    global _process, _making
    _process, _making = None, threading.Lock()


os.register_at_fork(after_in_child=forget)
