"""Follow many jobs at once: one subscription tells of those that ended; a look now and then finds what it missed."""

import time
from types import TracebackType
from typing import Self

from .job import Job
from .lifecycle import ENDS
from .runtime import Runtime

LOOK_EVERY = 5.0
"""Seconds between two looks at all jobs that are followed: news can be lost with a connection."""

AT_ONCE = 500
"""Jobs that are looked at in one round trip."""

REMEMBERED = 20_000
"""News of jobs that nobody follows yet: they may have ended before the follower was told of them."""


class Follower:
    """Tells which of the jobs it was given have ended. Use it in a with statement, and in one thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: dict[str, None] = {}
        self._ended: list[Job] = []
        self._early: dict[str, None] = {}
        self._look_at = time.monotonic() + LOOK_EVERY
        self._news = runtime.redis.pubsub(ignore_subscribe_messages=True)
        self._news.subscribe(runtime.keys.news)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._news.close()

    def __len__(self) -> int:
        """Return how many jobs are followed and were not told to have ended."""
        return len(self._open) + len(self._ended)

    def add(self, job: Job) -> None:
        """Follow a job."""
        if job.ended:
            self._ended.append(job)
        elif job.id in self._early:
            del self._early[job.id]
            self._ended.append(self._runtime.jobs.get(job.id))
        else:
            self._open[job.id] = None

    def ended(self, timeout: float) -> list[Job]:
        """Return the jobs that ended since the last time; wait up to *timeout* seconds for the first."""
        until = time.monotonic() + timeout
        while not self._ended:
            left = until - time.monotonic()
            if time.monotonic() >= self._look_at:
                self._look()
            elif left <= 0:
                break
            else:
                self._listen(min(left, LOOK_EVERY))
        found, self._ended = self._ended, []
        return found

    def _listen(self, patience: float) -> None:
        heard = []
        message = self._news.get_message(timeout=patience)
        while message:
            name = str(message["data"])
            if self._open.pop(name, self) is None:
                heard.append(name)
            else:
                self._early[name] = None
            message = self._news.get_message(timeout=0)
        while len(self._early) > REMEMBERED:
            del self._early[next(iter(self._early))]
        self._ended += self._runtime.jobs.get_many(heard)

    def _look(self) -> None:
        redis, keys, names = self._runtime.redis, self._runtime.keys, list(self._open)
        over = []
        for start in range(0, len(names), AT_ONCE):
            pipe = redis.pipeline(transaction=False)
            some = names[start : start + AT_ONCE]
            for name in some:
                pipe.hget(keys.job(name), "state")
            over += [name for name, state in zip(some, pipe.execute(), strict=True) if state in ENDS or state is None]
        for name in over:
            del self._open[name]
        self._ended += self._runtime.jobs.get_many(over)
        self._look_at = time.monotonic() + LOOK_EVERY
