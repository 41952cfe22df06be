"""Where jobs enter: they are written many at a time, their messages with them where the broker is the same server."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, NamedTuple

from celery import Celery

from . import envelope, wire
from .clip import Clip, Priority
from .errors import Refused, StoreUnavailable, UnknownJob
from .ids import new_id
from .job import Job, new_job
from .lifecycle import State
from .outage import away
from .pipeline.backdrop import found
from .pipeline.share import led
from .planning.reuse import sharing
from .quoting import AnyClip, AnyPriority, Quoting
from .runtime import Runtime
from .scripts import Sharing
from .server import OUTAGE, Command, together
from .store.jobs import written
from .telemetry import redact
from .transport import OPTIONS, TROUBLE, claim, task_queues

logger = logging.getLogger(__name__)

BATCH = 500
"""Jobs written in one round trip, at most."""

FLUSH = 0.1
"""Seconds after which those that have come are written, however few they are."""


class Entry(NamedTuple):
    """A clip on its way in.

    Attributes:
        job_id: the id of the job it becomes.
        quote: µ$, what it should cost.
        request: the clip as the job's record keeps it.
        asking: which film it asks for, and whose it may have.
    """

    job_id: str
    clip: Clip
    quote: int
    request: str
    asking: Sharing

    def job(self, now: str | int, leader: str = "") -> Job:
        """Return the job that was written at *now* (µs)."""
        return new_job(self.job_id, self.clip, self.quote, self.request, int(now), leader)


class Entrance:
    """Enters clips as jobs; see `Client` for what it promises."""

    def __init__(self, runtime: Runtime, quoting: Quoting) -> None:
        self.settings = runtime.settings
        self._runtime = runtime
        self._jobs = runtime.jobs
        self._quoting = quoting
        self._queues_are_ours = False

    @cached_property
    def celery(self) -> Celery:
        """A Celery application that can send; it knows queues and formats, and no tasks."""
        app = Celery("overcrank", set_as_current=False)
        app.conf.update(
            broker_url=wire.broker_url(self.settings.broker),
            result_backend=wire.broker_url(self.settings.redis_url),
            task_serializer="json",
            result_serializer="json",
            accept_content=["json"],
            task_default_queue=wire.QUEUES[Priority.NORMAL],
            broker_transport_options={"priority_steps": [0], "socket_timeout": 15, "socket_connect_timeout": 5},
            broker_connection_retry_on_startup=True,
        )
        if self.settings.broker_pushes:
            app.conf.update(task_queues=task_queues(self.settings), broker_transport_options=OPTIONS)
        return app

    def entered(self, clips: Iterable[AnyClip], priority: AnyPriority, first: int = 0) -> Iterator[Job]:
        """Enter clips as they come and yield their jobs; the first counts as number *first*."""
        source, number, most, more, cap = iter(clips), first, 1, True, 0
        while more:
            batch: list[tuple[Clip, int]] = []
            wrong: Exception | None = None
            began = time.monotonic()
            while more and wrong is None and len(batch) < most and time.monotonic() - began < FLUSH:
                try:
                    clip = next(source)
                    cap = cap if batch else self._quoting.cap
                    batch.append(self._quoting.read(clip, priority, cap))
                except StopIteration:
                    more = False
                except Refused as error:
                    wrong = type(error)(f"clip {number + len(batch)}: {error}")
                except Exception as error:  # noqa: BLE001  (whatever it is, it is raised after what came before it)
                    wrong = error
            most = min(BATCH, 2 * most) if len(batch) == most else 1
            number += len(batch)
            yield from self.placed(batch)
            if wrong is not None:
                raise wrong

    def placed(self, batch: list[tuple[Clip, int]]) -> Iterator[Job]:
        """Enter a batch, those first that have no background: they may be the backgrounds of the others."""
        plain, behind = ([one for one in batch if (one[0].background is None) is first] for first in (True, False))
        entered, placed = (iter(self.enter(some) if some else ()) for some in (plain, behind))
        yield from (next(entered if clip.background is None else placed) for clip, _ in batch)

    def enter(self, batch: list[tuple[Clip, int]], leader: str = "") -> list[Job]:
        """Write the jobs of a batch, and send their messages; with a *leader* they follow it whatever it makes."""
        model, named = self.settings.provider.model, Sharing("named", leader=leader) if leader else None
        entries = [Entry(new_id(), clip, quote, written(clip), named or sharing(clip, model)) for clip, quote in batch]
        asking = {entry.job_id: entry for entry in entries}
        entered: dict[str, Job | None] = {}
        try:
            self._take_queues()
            left = list(asking)
            while left:  # again for those whose leader was another by then
                answers = self._write([asking[job_id] for job_id in left])
                known = {answer[1] for answer in answers if answer[0] == "known"}
                there = {job.id: job for job in self._jobs.get_many(known)} if known else {}
                for job_id, answer in zip(left, answers, strict=True):
                    entry = asking[job_id]
                    match answer[0]:
                        case "known":
                            entered[job_id] = there.get(answer[1])
                        case "following":
                            entered[job_id] = entry.job(answer[2], answer[1])
                        case "entered":
                            entered[job_id] = entry.job(answer[2])
                left = [job_id for job_id in left if job_id not in entered]
        except OUTAGE as error:
            raise away(error) from None
        jobs = [job for job_id in asking if (job := entered[job_id]) is not None]
        if len(jobs) < len(batch):
            raise UnknownJob("a unique key stands for a job that ended long ago and whose record is gone")
        return jobs

    def _write(self, entries: list[Entry]) -> list[Any]:
        """Write the jobs in one round trip, and send the messages of those that are queued."""
        behind = found(self._jobs, [entry.clip for entry in entries])
        believed = led(self._jobs, [(entry.job_id, entry.asking) for entry in entries])
        commands: list[Command] = []
        for (job_id, clip, quote, request, _), asking in zip(entries, believed, strict=True):
            background = behind.get((clip.project, clip.background), "") if clip.background else ""
            self._jobs.enter(
                job_id, clip, quote, sent=False, sharing=asking, background=background, request=request, later=commands
            )
        posted: list[Entry] = []
        if envelope.shares_server(self.settings):  # what is surely queued is sent in the same round trip
            posted = [entry for entry in entries if not entry.clip.unique_key and not entry.asking.wants]
        answers = self._written([*commands, *self._posting(posted)], [entry.job_id for entry in entries])
        queued = {entry.job_id: entry for entry, answer in zip(entries, answers, strict=True) if answer[0] == "entered"}
        for entry in posted:
            queued.pop(entry.job_id, None)
        self._send(list(queued.values()))
        return answers

    def _written(self, commands: list[Command], ids: list[str]) -> list[Any]:
        """Run what writes jobs and return the answers for them; where those are lost, look which jobs are there.

        Raises:
            StoreUnavailable: they may be there or not.
        """
        try:
            return together(self._runtime.redis, *commands)[: len(ids)]
        except OUTAGE as error:
            there: list[Job] = []
            with suppress(*OUTAGE):
                there = self._jobs.get_many(ids)
            if len(there) == len(ids):
                return [_answer(job) for job in there]
            named = ", ".join(job.id for job in there) or "none that could be seen"
            raise StoreUnavailable(
                f"Redis did not answer while {len(ids)} jobs were written ({error}), so they may be entered, and paid: "
                f"{named}. Look with `overcrank jobs list` before you submit again; with a unique_key that is safe"
            ) from None

    def _take_queues(self) -> None:
        """Ask once, before anything is written, whether the broker's queues are this namespace's.

        A broker that is away is asked again next time: what is written is sent by the sweep.
        """
        if not self._queues_are_ours:
            with suppress(*OUTAGE, *TROUBLE):
                claim(self.settings)
                self._queues_are_ours = True

    def _send(self, entered: list[Entry]) -> None:
        """Send the messages of jobs that are written; so it is not for the caller to repeat where that goes wrong."""
        if not entered:
            return
        gone = []
        try:
            if envelope.shares_server(self.settings):
                together(self._runtime.redis, *self._posting(entered))
                return
            with self.celery.producer_or_acquire() as producer:
                for entry in entered:
                    send(self.celery, entry.job_id, entry.clip, entry.quote, producer=producer)
                    gone.append(entry.job_id)
        except (*OUTAGE, *TROUBLE) as error:
            logger.warning(
                "the broker can not be used (%s; see OVERCRANK_BROKER_URL): the jobs are entered, and the sweep "
                "sends their messages",
                redact(str(error)),
            )
        with suppress(*OUTAGE):  # one message too many does no harm
            self._jobs.sent(gone)

    def _posting(self, entered: list[Entry]) -> Iterator[Command]:
        """Put the jobs' messages in their queues as the broker keeps them, and note that they have left."""
        letters: dict[Priority, list[str]] = {}
        for job_id, clip, quote, _, _ in entered:
            letter = self._envelopes[clip.priority].fill(job_id, wire.headline(clip, quote))
            letters.setdefault(clip.priority, []).append(letter)
        for priority, messages in letters.items():
            yield "LPUSH", wire.QUEUES[priority], *messages
        if entered:
            yield "ZREM", self._runtime.keys.unsent, *(entry.job_id for entry in entered)

    @cached_property
    def _envelopes(self) -> dict[Priority, envelope.Envelope]:
        return {priority: envelope.Envelope(self.celery, queue) for priority, queue in wire.QUEUES.items()}


def send(app: Celery, job_id: str, clip: Clip, quote: int, producer: Any = None) -> None:
    """Send a job's message to the queue of its priority. A second one does no harm."""
    envelope.send(app, job_id, wire.QUEUES[clip.priority], wire.headline(clip, quote), producer)


def _answer(job: Job) -> tuple[str, str, int]:
    """Return what was answered when *job* was written."""
    created = job.moments["created"]
    return ("following", job.leader, created) if job.state is State.FOLLOWING else ("entered", job.id, created)
