"""The producer's side: submit clips, follow them, cancel them. It needs no worker code and calls no provider."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Any, Literal

from celery import Celery

from .admission.foresight import Estimate
from .clip import Clip, placed, read_clip
from .entrance import BATCH, Entrance, send
from .errors import InvalidClip, TooLate, WaitTimeout
from .follow import Follower, handful
from .job import Job
from .lifecycle import State
from .media.recipe import recipe
from .outage import asked
from .pipeline import verdict
from .pipeline.cancel import cancel
from .pipeline.share import served
from .planning.physics import settled
from .planning.planner import Plan, Wanted
from .planning.reuse import ASIDE, sharing
from .quoting import AnyClip, AnyPriority, Quoting
from .runtime import Runtime
from .scripts import Sharing
from .settings import Settings, load
from .standing import standing
from .store.archive import Row

__all__ = ["Client", "Decision", "send"]

Decision = Literal["accept", "write_off", "retry"]

KEPT = frozenset({"priority", "metadata", "physics_why"})
"""Fields that what is made of a clip has of it, though they do not say what is generated."""


class Client:
    """Submits clips and follows their jobs.

    Settings come from the environment unless they are given. A client may be shared by threads; make a new one after a
    fork.

    Raises:
        ConfigError: a setting is wrong.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load()
        self._runtime = Runtime(self.settings)
        self._jobs = self._runtime.jobs
        self._quoting = Quoting(self._runtime)
        self._entrance = Entrance(self._runtime, self._quoting)

    @property
    def celery(self) -> Celery:
        """A Celery application that can send; it knows queues and formats, and no tasks."""
        return self._entrance.celery

    # enqueue

    def submit(self, clip: AnyClip, *, priority: AnyPriority = None) -> Job:
        """Enqueue a clip (a `Clip`, its fields, or just a prompt) and return its job.

        The same unique key again returns the job it stands for. A clip that is paid for already, or being paid for, is
        not paid for again: its job follows the one that pays (see `Clip.reuse`). The job is written before its message
        is sent; should this process die in between, the sweep sends the message.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: it can not be priced. OverBudget: no window could ever pay it.
            StoreUnavailable: Redis is away; nothing was enqueued unless said otherwise.
        """
        return self._entrance.enter([self._quoting.read(clip, priority, self._quoting.cap)])[0]

    def submit_many(
        self,
        clips: Iterable[AnyClip],
        *,
        priority: AnyPriority = None,
        batch: str | None = None,
    ) -> Iterator[Job]:
        """Enqueue any number of clips, some hundreds in a round trip; yield their jobs in order as they are written.

        Where *clips* come slowly, each is written as it comes. Of one that is wrong the error says which it is, counted
        from 0; those before it are written and yielded first.

        *batch* names them all, so that a producer that stopped may begin anew: the same clip in the same place of a
        batch of the same name is the same job.
        """
        return self._entrance.entered(clips if batch is None else placed(clips, batch), priority)

    def render(self, job: Job | str, **wishes: Any) -> Job:
        """Make more of a clip that is here or will be, without paying: extras, another delivery, a background.

        *wishes* are fields of a clip that say what is made of it. The job that is returned follows the one it is made
        of, with that one's project, priority and metadata unless told otherwise.

        Raises:
            InvalidClip: that can not be made of it, or would have to be generated anew. TooLate: there is no clip.
            UnknownJob: there is no such job.
        """
        of = self.get(job.id if isinstance(job, Job) else job)
        if of.ended and of.file is None:
            raise TooLate(f"{of.id} has {of.state}: it has no clip to make anything of; submit it again")
        if anew := sorted(set(wishes) - (ASIDE - {"physics_why"})):
            raise InvalidClip(f"{anew[0]} is a field of the generation, or none: submit a new clip for that")
        fields = of.clip.model_dump(exclude_unset=True, exclude=set(ASIDE - KEPT))
        clip = read_clip({**fields, **wishes})
        recipe(clip)
        return self._entrance.enter([(clip, of.quote)], leader=of.id)[0]

    def estimate(self, clips: AnyClip | Iterable[AnyClip]) -> Estimate:
        """Return what a clip or a batch would cost, when it would start, and whether it fits budget and deadlines.

        Nothing is enqueued and nothing reserved.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: one can not be priced. StoreUnavailable: Redis is away.
        """
        return self._quoting.estimate(clips)

    def plan(self, wanted: Wanted | AnyClip, **given: Any) -> Plan:
        """Return the cheapest clip that is good enough, what else there was, and what that saves; nothing is enqueued.

        *given* is what the columns of a manifest and the options of the command line say, by the same names: purpose,
        quality (of 10), budget (dollars), ready_in (seconds, or a moment) and scene. What has to be ready is looked
        ahead for: the queue, the rate and the budget's windows count, and the way home does.

        Raises:
            InvalidClip: a field is wrong, or can not be delivered so. UnknownPrice: the book has no row for it.
            StoreUnavailable: `ready_in` was said and Redis is away.
            NoPlan: nothing on offer is what is wanted; the message names what comes nearest.
        """
        return self._quoting.plan(wanted, given)

    # follow

    def get(self, job_id: str) -> Job:
        """Return a job as it is now.

        Raises:
            UnknownJob: there is none with this id.
        """
        return asked(lambda: self._jobs.get(job_id))

    def wait(self, job: Job | str, timeout: float | None = None) -> Job:
        """Wait until a job has ended, *timeout* seconds at most, and return it as it ended.

        It does not raise for a job that failed: look at `Job.state` and `Job.exception`.

        Raises:
            WaitTimeout: it had not ended in time; it goes on. UnknownJob: there is none with this id.
            StoreUnavailable: Redis was away for a minute, or is when the time is up.
        """
        job_id = job.id if isinstance(job, Job) else job
        with self.follow() as follower:
            follower.add(job_id)
            found = follower.ended(inf if timeout is None else timeout) or follower.last()
        if not found:
            raise WaitTimeout(f"{job_id} is {self.get(job_id).state} after {timeout:g} s; it goes on")
        return found[0]

    def quote(self, clip: AnyClip) -> int:
        """Return what a clip should cost, in µ$.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: it can not be priced. OverBudget: no window could ever pay it.
        """
        return self._quoting.read(clip, None, self._quoting.cap)[1]

    def pricing(self) -> Callable[[AnyClip], int]:
        """Return what prices clips as `quote` does, by the cap as it is now: many clips need one look at it."""
        cap = self._quoting.cap
        return lambda clip: self._quoting.read(clip, None, cap)[1]

    def asks(self, clip: Clip) -> Sharing:
        """Return which film a clip asks for, and whose it may have."""
        return sharing(settled(clip), self.settings.provider.model)

    def served(self, asking: Sequence[Sharing]) -> list[bool]:
        """Tell of each request whether a job has made its film, or is making it, so that it would cost nothing."""
        return asked(lambda: served(self._jobs, asking))

    def knows(self, project: str, name: str) -> bool:
        """Tell whether a project has a job with this id or unique key."""
        return bool(asked(lambda: self._jobs.named([(project, name)])))

    def promise(self, job: Job, users: int) -> None:
        """Say how many jobs will have a job's clip as their background: each books an equal part of its cost."""
        asked(lambda: self._jobs.promise(job.id, users))

    def follow(self) -> Follower:
        """Return what tells which of many jobs have ended; use it in a with statement."""
        return Follower(self._runtime)

    def as_completed(self, jobs: Iterable[Job], timeout: float | None = None) -> Iterator[Job]:
        """Yield jobs as they end, the first to end first.

        Raises:
            WaitTimeout: some had not ended in time; they go on. StoreUnavailable: Redis was away for a minute.
        """
        until = inf if timeout is None else time.monotonic() + timeout
        with self.follow() as follower:
            seen: set[str] = set()
            for job in jobs:
                if job.id not in seen:
                    seen.add(job.id)
                    follower.add(job)
                if not len(seen) % BATCH:
                    follower.drain()
            while left := len(follower):
                found = follower.ended(max(0.0, until - time.monotonic())) or follower.last()
                if not found:
                    raise WaitTimeout(f"{left} jobs had not ended in {timeout:g} s; they go on")
                yield from follower.given(found)

    def stream(
        self,
        clips: Iterable[AnyClip],
        *,
        window: int = 1000,
        priority: AnyPriority = None,
    ) -> Iterator[Job]:
        """Submit clips and yield their jobs as they end, with never more than *window* of them under way.

        The next clip is taken from *clips* only when there is room for it, so any number of them takes the same memory.

        Raises:
            ValueError: there is no room for any.
        """
        if window < 1:
            raise ValueError(f"window is {window}: at least 1 clip has to be under way")
        return self._stream(iter(clips), window, priority)

    def _stream(self, source: Iterator[AnyClip], window: int, priority: AnyPriority) -> Iterator[Job]:
        more, taken = True, 0
        with self.follow() as follower:
            while more or len(follower):
                room = min(BATCH, window - len(follower))
                some, more = handful(source, room) if more and room > 0 else ([], more)
                for job in self._entrance.entered(some, priority, taken):
                    follower.add(job)
                taken += len(some)
                if len(follower):
                    yield from follower.given(follower.ended(0.0 if more and len(follower) < window else inf))

    def latest(self, states: Iterable[State | str] = State, most: int = 100) -> list[Job]:
        """Return up to *most* jobs in the given states, the youngest first."""
        wanted = [State(state) for state in states]
        return asked(lambda: self._jobs.latest(wanted, most))

    list = latest
    """The same by the name people look for first."""

    def cancel(self, job: Job | str) -> Job:
        """Cancel a job that has not been sent; whoever waits for its result gets `Cancelled`.

        Raises:
            TooLate: it is at the provider and is being paid for, or it has ended.
            UnknownJob: there is no such job.
        """
        job_id = job.id if isinstance(job, Job) else job
        return asked(lambda: cancel(job_id, self._jobs, self._runtime.gate))

    def doubtful(self, most: int = 100) -> Sequence[Job]:
        """Return the jobs for which money is, or may be, spent and no clip is here yet."""
        return self.latest(verdict.DOUBTFUL, most)

    def decide(self, job_id: str, decision: Decision) -> Job:
        """Decide on a doubtful job: `accept` it as charged, `write_off` as not charged, or `retry` at own risk.

        Raises:
            TooLate: there is nothing (any more) to decide.
        """
        deciders = {"accept": verdict.accept, "write_off": verdict.write_off, "retry": verdict.retry}
        return asked(lambda: deciders[decision](job_id, self._jobs))

    def archived(self, most: int = 100) -> Sequence[Row]:
        """Return summaries of the jobs that ended last, also of those that Redis has let go of, the latest first."""
        return self._runtime.archive.latest(most)

    def spend(self, by: Sequence[str] = (), since: str = "") -> Sequence[dict[str, Any]]:
        """Sum what ended jobs cost (µ$), by `project`, `day`, `model` and so on, from *since* (ISO 8601) on.

        Raises:
            ConfigError: it can not be summed by that.
        """
        return self._runtime.archive.spend(by, since)

    def stats(self) -> dict[str, Any]:
        """Return how the queue, the lane and the budget stand now."""
        return asked(lambda: standing(self._runtime))
