"""Follow many jobs at once: one subscription tells of those that ended; a look now and then finds what it missed."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar

from redis.exceptions import AuthenticationError

from .backoff import later
from .errors import StoreUnavailable, UnknownJob
from .job import Job
from .lifecycle import ENDS
from .runtime import Runtime
from .server import OUTAGE

Item = TypeVar("Item")

LOOK_EVERY = 5.0
"""Seconds between two looks at all jobs that are followed: news can be lost with a connection."""

AT_ONCE = 500
"""Jobs that are looked at, or submitted, in one round trip."""

REMEMBERED = 20_000
"""News of jobs that nobody follows yet: they may have ended before the follower was told of them."""

PATIENCE = 60.0
"""Seconds the server may be away before a follower gives up."""

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between two tries to reach it: twice as long each time."""

MOMENT = 0.1
"""Seconds that clips of a slow source are gathered for before they are sent."""


class Follower:
    """Tells which of the jobs it was given have ended. Use it in a with statement, and in one thread.

    It survives the loss of its connections, also where the server ends them because news was not taken in: it opens
    new ones, and looks at all its jobs.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: dict[str, None] = {}
        self._ended: list[Job] = []
        self._told: list[str] = []
        self._early: dict[str, None] = {}
        self._gone: set[str] = set()
        self._news: Any = None
        self._look_at = 0.0
        self._away_since = inf
        self._wait = FIRST_WAIT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def __len__(self) -> int:
        """Return how many jobs are followed and were not told to have ended."""
        return len(self._open) + len(self._ended)

    def add(self, job: Job | str) -> None:
        """Follow a job."""
        if isinstance(job, Job) and job.ended:
            self._ended.append(job)
            return
        job_id = job.id if isinstance(job, Job) else job
        self._open[job_id] = None
        if job_id in self._early:
            del self._early[job_id]
            self._told.append(job_id)

    def ended(self, timeout: float = inf) -> list[Job]:
        """Return the jobs that ended since the last time; wait up to *timeout* seconds for the first.

        Raises:
            StoreUnavailable: the server was away for a minute, or refuses us.
            UnknownJob: the record of one is gone.
        """
        until = time.monotonic() + timeout
        while True:
            try:
                rest = 0.0 if self._ended else min(until, self._look_at) - time.monotonic()
                self._listen(max(0.0, rest))
                if time.monotonic() >= self._look_at:
                    self._look()
                self._away_since, self._wait = inf, FIRST_WAIT
            except OUTAGE as error:
                self._lost(error, until)
            if self._ended or self._gone or time.monotonic() >= until:
                return self._found()

    def last(self) -> list[Job]:
        """Look at all jobs now, and return those that have ended.

        Raises:
            StoreUnavailable: the server is away. UnknownJob: the record of one is gone.
        """
        try:
            self._look()
        except OUTAGE as error:
            raise _away(error) from None
        return self._found()

    def drain(self) -> None:
        """Take in what news there is: the server ends a connection on which too much waits."""
        try:
            self._listen(0.0)
        except OUTAGE:
            self._close()

    def given(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Hand out jobs one by one, and take in what news there is meanwhile."""
        for job in jobs:
            yield job
            self.drain()

    def _found(self) -> list[Job]:
        if self._gone and not self._ended:
            name = self._gone.pop()
            raise UnknownJob(f"there is no job {name}: it never was submitted here, or it ended long ago")
        found, self._ended = self._ended, []
        return found

    def _listen(self, patience: float) -> None:
        if self._news is None:
            self._subscribe()
            patience = 0.0
        message = None if self._told else self._news.get_message(timeout=patience)
        for _ in range(REMEMBERED):
            if message is None:
                break
            name = str(message["data"])
            if name in self._open:
                self._told.append(name)
            else:
                self._early[name] = None
            message = self._news.get_message(timeout=0)
        while len(self._early) > REMEMBERED:
            del self._early[next(iter(self._early))]
        self._bring(self._told)
        self._told = []

    def _subscribe(self) -> None:
        """Listen from now on, and look at all jobs at once: what ended before has been told already."""
        self._news = self._runtime.redis.pubsub()
        self._news.subscribe(self._runtime.keys.news)
        while (answer := self._news.get_message(timeout=LOOK_EVERY)) is None or answer["type"] != "subscribe":
            if answer is None:
                raise OUTAGE[0]("the server does not answer")
        self._news.ignore_subscribe_messages = True
        self._look_at = 0.0

    def _look(self) -> None:
        redis, keys, names = self._runtime.redis, self._runtime.keys, list(self._open)
        began = time.monotonic()
        over = []
        for some in _parts(names):
            pipe = redis.pipeline(transaction=False)
            for name in some:
                pipe.hget(keys.job(name), "state")
            over += [name for name, state in zip(some, pipe.execute(), strict=True) if state in ENDS or state is None]
        self._bring(over)
        now = time.monotonic()
        self._look_at = now + max(LOOK_EVERY, 10 * (now - began))  # a tenth of the time at the most, however many

    def _bring(self, names: list[str]) -> None:
        """Read jobs that have ended; they are followed until they have been read."""
        for some in _parts(names):
            found = self._runtime.jobs.get_many(name for name in some if name in self._open)
            self._gone |= {name for name in some if name in self._open} - {job.id for job in found}
            self._ended += found
            for name in some:
                self._open.pop(name, None)

    def _lost(self, error: Exception, until: float) -> None:
        """Close what may be broken and wait a little, or give up."""
        self._close()
        now = time.monotonic()
        self._away_since = min(now, self._away_since)
        if isinstance(error, AuthenticationError) or now - self._away_since > PATIENCE:
            raise _away(error) from None
        time.sleep(max(0.0, min(later(self._wait), until - now)))
        self._wait = min(LONGEST_WAIT, 2 * self._wait)

    def _close(self) -> None:
        if self._news is not None:
            with suppress(*OUTAGE):
                self._news.close()
            self._news = None


def handful(source: Iterator[Item], most: int) -> tuple[list[Item], bool]:
    """Take up to *most* from a source, and for a moment only; tell whether there may be more."""
    taken: list[Item] = []
    until = time.monotonic() + MOMENT
    while len(taken) < most and (not taken or time.monotonic() < until):
        try:
            taken.append(next(source))
        except StopIteration:
            return taken, False
    return taken, True


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    known = list(names)
    for start in range(0, len(known), AT_ONCE):
        yield known[start : start + AT_ONCE]


def _away(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis can not be used: {error}; the jobs go on. Check OVERCRANK_REDIS_URL")
