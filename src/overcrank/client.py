"""The producer's side: submit clips, follow them, cancel them. It needs no worker code and calls no provider."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property
from math import inf
from typing import Any, Literal, TypeVar

from celery import Celery
from kombu.exceptions import OperationalError

from . import envelope, wire
from .admission.foresight import Estimate
from .clip import Clip, Priority, placed, read_clip
from .clock import SECOND, iso
from .errors import InvalidClip, OverBudget, Refused, StoreUnavailable, UnknownJob, WaitTimeout
from .follow import Follower, handful
from .ids import new_id
from .job import Job
from .lifecycle import IN_FLIGHT, State
from .media.recipe import recipe, way_home
from .money import dollars, plain
from .pipeline import verdict
from .pipeline.cancel import cancel
from .pipeline.share import of_use
from .planning import wishes
from .planning.physics import settled
from .planning.planner import Plan, Wanted, plan
from .planning.reuse import keyed, shared
from .runtime import Runtime
from .server import OUTAGE
from .settings import Settings, load
from .store.archive import Row
from .store.queues import take_queues
from .telemetry import redact

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Decision = Literal["accept", "write_off", "retry"]

BATCH = 500
"""Jobs written in one round trip by `submit_many`."""

FLUSH = 0.1
"""Seconds after which those that have come are written, however few they are."""


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
        return app

    # enqueue

    def submit(self, clip: Clip | dict[str, Any] | str, *, priority: Priority | str | int | None = None) -> Job:
        """Enqueue a clip (a `Clip`, its fields, or just a prompt) and return its job.

        The same unique key again returns the job it stands for, and so does the same clip with the same seed, unless
        its `reuse` says otherwise. The job is written before its message is sent; should
        this process die in between, the sweep sends the message.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: it can not be priced. OverBudget: no window could ever pay it.
            StoreUnavailable: Redis is away; nothing was enqueued unless said otherwise.
        """
        return self._enter([self._read(clip, priority, self._cap)])[0]

    def submit_many(
        self,
        clips: Iterable[Clip | dict[str, Any] | str],
        *,
        priority: Priority | str | int | None = None,
        batch: str | None = None,
    ) -> Iterator[Job]:
        """Enqueue any number of clips, some hundreds in a round trip; yield their jobs in order as they are written.

        Where *clips* come slowly, each is written as it comes. Of one that is wrong the error says which it is, counted
        from 0; those before it are written and yielded first.

        *batch* names them all, so that a producer that stopped may begin anew: the same clip in the same place of a
        batch of the same name is the same job.
        """
        return self._entered(clips if batch is None else placed(clips, batch), priority)

    def _entered(
        self, clips: Iterable[Clip | dict[str, Any] | str], priority: Priority | str | int | None, first: int = 0
    ) -> Iterator[Job]:
        """Enqueue clips, the first of which counts as number *first*."""
        source, number, most, more, cap = iter(clips), first, 1, True, 0
        while more:
            batch: list[tuple[Clip, int]] = []
            wrong: Exception | None = None
            began = time.monotonic()
            while more and wrong is None and len(batch) < most and time.monotonic() - began < FLUSH:
                try:
                    clip = next(source)
                    cap = cap if batch else self._cap
                    batch.append(self._read(clip, priority, cap))
                except StopIteration:
                    more = False
                except Refused as error:
                    wrong = type(error)(f"clip {number + len(batch)}: {error}")
                except Exception as error:  # noqa: BLE001  (whatever it is, it is raised after what came before it)
                    wrong = error
            most = min(BATCH, 2 * most) if len(batch) == most else 1
            number += len(batch)
            yield from self._enter(batch) if batch else ()
            if wrong is not None:
                raise wrong

    def _read(
        self, clip: Clip | dict[str, Any] | str, priority: Priority | str | int | None, cap: int
    ) -> tuple[Clip, int]:
        fields: Any = {"prompt": clip} if isinstance(clip, str) else clip
        if priority is not None:
            fields = fields.model_dump(exclude_unset=True) if isinstance(fields, Clip) else dict(fields)
            fields["priority"] = priority
        checked = settled(read_clip(fields))
        recipe(checked)
        if checked.deadline and not checked.unique_key:  # with a key, it may stand for a job that is there
            now = self._asked(self._jobs.about_now)
            if checked.deadline.timestamp() * SECOND <= now:
                raise InvalidClip(
                    f"deadline: {checked.deadline.isoformat()} is over: it is {iso(now)}; nothing was sent"
                )
        quote = self._runtime.prices.quote(checked, self.settings.provider.model)
        if quote > cap:
            raise OverBudget(
                f"{checked.line} costs {dollars(quote)} and a whole budget window holds {dollars(cap)}: raise "
                "OVERCRANK_BUDGET__CAP or ask for a cheaper clip"
            )
        return keyed(checked, self.settings.provider.model), quote

    @property
    def _cap(self) -> int:
        try:
            stored = self._runtime.caps.of("lane/window")
        except OUTAGE as error:
            raise _away(error) from None
        return self.settings.budget.cap if stored is None else stored

    def _enter(self, batch: list[tuple[Clip, int]]) -> list[Job]:
        ids = [new_id() for _ in batch]
        try:
            self._queues_are_ours  # noqa: B018  (asked for what it raises)
            pipe = self._runtime.redis.pipeline(transaction=False)
            for job_id, (clip, quote) in zip(ids, batch, strict=True):
                self._jobs.enter(job_id, clip, quote, sent=False, pipeline=pipe)
            new = [(i, *entry) for i, entry in zip(ids, batch, strict=True) if not entry[0].unique_key]
            if envelope.shares_server(self.settings):  # what is surely new is sent in the same round trip
                self._post(pipe, new)
            answers = self._written(pipe, ids)
            posted = {job_id for job_id, _, _ in new} if envelope.shares_server(self.settings) else set()
            known = {answer[1] for answer in answers if answer[0] == "known"}
            entered = zip(ids, batch, answers, strict=True)
            self._send([(i, *entry) for i, entry, a in entered if a[0] == "entered" and i not in posted])
            there = {job.id: job for job in self._jobs.get_many(known)} if known else {}
        except OUTAGE as error:
            raise _away(error) from None
        jobs = [
            there.get(answer[1]) if answer[0] == "known" else _new_job(job_id, clip, quote, int(answer[2]))
            for job_id, (clip, quote), answer in zip(ids, batch, answers, strict=True)
        ]
        return self._served(batch, answers, jobs)

    def _written(self, pipe: Any, ids: list[str]) -> list[Any]:
        """Run what writes jobs and return the answers for them; where those are lost, look which jobs are there.

        Raises:
            StoreUnavailable: they may be there or not.
        """
        try:
            return list(pipe.execute()[: len(ids)])
        except OUTAGE as error:
            there: list[Job] = []
            with suppress(*OUTAGE):
                there = self._jobs.get_many(ids)
            if len(there) == len(ids):
                return [("entered", job.id, job.moments["created"]) for job in there]
            named = ", ".join(job.id for job in there) or "none that could be seen"
            raise StoreUnavailable(
                f"Redis did not answer while {len(ids)} jobs were written ({error}), so they may be entered, and paid: "
                f"{named}. Look with `overcrank jobs list` before you submit again; with a unique_key that is safe"
            ) from None

    def _served(self, batch: list[tuple[Clip, int]], answers: list[Any], jobs: list[Job | None]) -> list[Job]:
        """Enter anew what was found under a shared key and has no clip; count what another job serves as well."""
        model, saved, again = self.settings.provider.model, [], []
        for number, ((clip, quote), answer, job) in enumerate(zip(batch, answers, jobs, strict=True)):
            if answer[0] == "known" and shared(clip):
                if of_use(job):
                    saved.append(quote)
                else:
                    again.append((number, keyed(clip, model, after=answer[1]), quote))
        self._asked(lambda: self._jobs.saved(len(saved), sum(saved)))
        made = self._enter([(clip, quote) for _, clip, quote in again]) if again else []
        for (number, _, _), job in zip(again, made, strict=True):
            jobs[number] = job
        found = [job for job in jobs if job is not None]
        if len(found) < len(jobs):
            raise UnknownJob("a unique key stands for a job that ended long ago and whose record is gone")
        return found

    @cached_property
    def _queues_are_ours(self) -> bool:
        """Whether the broker's queues are this namespace's; it is asked once, before anything is written."""
        with suppress(*OUTAGE):  # a broker that is away takes nothing now, and whoever sends later has asked as well
            take_queues(self.settings)
        return True

    def _send(self, entered: list[tuple[str, Clip, int]]) -> None:
        """Send the messages of jobs that are written; so it is not for the caller to repeat where that goes wrong."""
        if not entered:
            return
        gone = []
        try:
            if envelope.shares_server(self.settings):
                pipe = self._runtime.redis.pipeline(transaction=False)
                self._post(pipe, entered)
                pipe.execute()
                return
            with self.celery.producer_or_acquire() as producer:
                for job_id, clip, quote in entered:
                    send(self.celery, job_id, clip, quote, producer=producer)
                    gone.append(job_id)
        except (*OUTAGE, OperationalError, OSError) as error:
            logger.warning(
                "the broker can not be used (%s; see OVERCRANK_BROKER_URL): the jobs are entered, and the sweep "
                "sends their messages",
                redact(str(error)),
            )
        with suppress(*OUTAGE):  # one message too many does no harm
            self._jobs.sent(gone)

    def _post(self, pipe: Any, entered: list[tuple[str, Clip, int]]) -> None:
        """Put the jobs' messages in their queues as the broker keeps them, and note that they have left."""
        letters: dict[Priority, list[str]] = {}
        for job_id, clip, quote in entered:
            letter = self._envelopes[clip.priority].fill(job_id, wire.headline(clip, quote))
            letters.setdefault(clip.priority, []).append(letter)
        for priority, messages in letters.items():
            pipe.lpush(wire.QUEUES[priority], *messages)
        if entered:
            pipe.zrem(self._runtime.keys.unsent, *(job_id for job_id, _, _ in entered))

    @cached_property
    def _envelopes(self) -> dict[Priority, envelope.Envelope]:
        return {priority: envelope.Envelope(self.celery, queue) for priority, queue in wire.QUEUES.items()}

    def estimate(self, clips: Clip | dict[str, Any] | str | Iterable[Clip | dict[str, Any] | str]) -> Estimate:
        """Return what a clip or a batch would cost, when it would start, and whether it fits budget and deadlines.

        Nothing is enqueued and nothing reserved.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: one can not be priced. StoreUnavailable: Redis is away.
        """
        batch = [clips] if isinstance(clips, Clip | dict | str) else list(clips)
        read = [settled(read_clip({"prompt": clip} if isinstance(clip, str) else clip)) for clip in batch]
        priced = [(clip, self._runtime.prices.quote(clip, self.settings.provider.model)) for clip in read]
        return self._asked(lambda: self._runtime.foresight.estimate(priced))

    def plan(self, wanted: Wanted | Clip | dict[str, Any] | str, **given: Any) -> Plan:
        """Return the cheapest clip that is good enough, what else there was, and what that saves; nothing is enqueued.

        *given* is what the columns of a manifest and the options of the command line say, by the same names: purpose,
        quality (of 10), budget (dollars), ready_in (seconds, or a moment) and scene. What has to be ready is looked
        ahead for: the queue, the rate and the budget's windows count, and the way home does.

        Raises:
            InvalidClip: a field is wrong, or can not be delivered so. UnknownPrice: the book has no row for it.
            StoreUnavailable: `ready_in` was said and Redis is away.
            NoPlan: nothing on offer is what is wanted; the message names what comes nearest.
        """
        if not isinstance(wanted, Wanted):
            fields: Any = {"prompt": wanted} if isinstance(wanted, str) else wanted
            fields = fields.model_dump(exclude_unset=True) if isinstance(fields, Clip) else fields
            wanted = wishes.wanted({**fields, **given})
        if wanted.within is not None:
            starts = self.estimate(wanted.clip).starts_in
            wanted = replace(wanted, delay=round((starts + way_home(wanted.clip)) * 1000))
        return plan(wanted, self._runtime.prices, self.settings.provider.model, recipe)

    # follow

    def get(self, job_id: str) -> Job:
        """Return a job as it is now.

        Raises:
            UnknownJob: there is none with this id.
        """
        return self._asked(lambda: self._jobs.get(job_id))

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

    def quote(self, clip: Clip | dict[str, Any] | str) -> int:
        """Return what a clip should cost, in µ$.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: it can not be priced. OverBudget: no window could ever pay it.
        """
        return self._read(clip, None, self.settings.budget.cap)[1]

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
        clips: Iterable[Clip | dict[str, Any] | str],
        *,
        window: int = 1000,
        priority: Priority | str | int | None = None,
    ) -> Iterator[Job]:
        """Submit clips and yield their jobs as they end, with never more than *window* of them under way.

        The next clip is taken from *clips* only when there is room for it, so any number of them takes the same memory.

        Raises:
            ValueError: there is no room for any.
        """
        if window < 1:
            raise ValueError(f"window is {window}: at least 1 clip has to be under way")
        return self._stream(iter(clips), window, priority)

    def _stream(
        self, source: Iterator[Clip | dict[str, Any] | str], window: int, priority: Priority | str | int | None
    ) -> Iterator[Job]:
        more, taken = True, 0
        with self.follow() as follower:
            while more or len(follower):
                room = min(BATCH, window - len(follower))
                some, more = handful(source, room) if more and room > 0 else ([], more)
                for job in self._entered(some, priority, taken):
                    follower.add(job)
                taken += len(some)
                if len(follower):
                    yield from follower.given(follower.ended(0.0 if more and len(follower) < window else inf))

    def latest(self, states: Iterable[State | str] = State, most: int = 100) -> list[Job]:
        """Return up to *most* jobs in the given states, the youngest first."""
        wanted = [State(state) for state in states]
        return self._asked(lambda: self._jobs.latest(wanted, most))

    list = latest
    """The same by the name people look for first."""

    def cancel(self, job: Job | str) -> Job:
        """Cancel a job that has not been sent; whoever waits for its result gets `Cancelled`.

        Raises:
            TooLate: it is at the provider and is being paid for, or it has ended.
            UnknownJob: there is no such job.
        """
        job_id = job.id if isinstance(job, Job) else job
        return self._asked(lambda: cancel(job_id, self._jobs, self._runtime.gate))

    def doubtful(self, most: int = 100) -> Sequence[Job]:
        """Return the jobs for which money is, or may be, spent and no clip is here yet."""
        return self.latest(verdict.DOUBTFUL, most)

    def decide(self, job_id: str, decision: Decision) -> Job:
        """Decide on a doubtful job: `accept` it as charged, `write_off` as not charged, or `retry` at own risk.

        Raises:
            TooLate: there is nothing (any more) to decide.
        """
        deciders = {"accept": verdict.accept, "write_off": verdict.write_off, "retry": verdict.retry}
        return self._asked(lambda: deciders[decision](job_id, self._jobs))

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
        return self._asked(self._stats)

    def _stats(self) -> dict[str, Any]:
        runtime = self._runtime
        pipe = runtime.redis.pipeline(transaction=False)
        indexes = runtime.keys.states()
        for key in indexes.values():
            pipe.zcard(key)
        now = self._jobs.now()
        pipe.zcount(runtime.keys.present, now, "+inf")
        pipe.zcount(runtime.keys.workers, now, "+inf")
        pipe.hgetall(runtime.keys.counters)
        *counts, holding, workers, counters = pipe.execute()
        by_state = dict(zip(indexes, counts, strict=True))
        window, lane = runtime.ledger.window(), runtime.lane.state()
        ended = {
            state: int(counters.get(state, 0)) for state in ("succeeded", "failed", "refused", "cancelled", "discarded")
        }
        return {
            "queued": {priority: by_state[f"queued:{priority}"] for priority in map(str, Priority)},
            "holding": holding,
            "parked": by_state["parked"],
            "in_flight": {str(state): by_state[state] for state in State if state in IN_FLIGHT},
            "at_provider": lane.in_flight,
            **ended,
            "entered": int(counters.get("entered", 0)),
            "reused": int(counters.get("reused", 0)),
            "saved_usd": plain(int(counters.get("saved", 0))),
            "success_rate": round(ended["succeeded"] / max(1, ended["succeeded"] + ended["failed"]), 4),
            "spent_usd": plain(window.spent),
            "reserved_usd": plain(window.reserved),
            "cap_usd": plain(window.cap),
            "room_usd": plain(window.room),
            "next_reset": iso(window.end),
            "next_reset_in": round(max(0, window.end - now) / SECOND, 1),
            "permits_left": lane.permits,
            "lane": asdict(lane),
            "workers": workers,
        }

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except OUTAGE as error:
            raise _away(error) from None


def send(app: Celery, job_id: str, clip: Clip, quote: int, producer: Any = None) -> None:
    """Send a job's message to the queue of its priority. A second one does no harm."""
    envelope.send(app, job_id, wire.QUEUES[clip.priority], wire.headline(clip, quote), producer)


def _new_job(job_id: str, clip: Clip, quote: int, now: int) -> Job:
    return Job(
        id=job_id,
        state=State.QUEUED,
        version=1,
        priority=clip.priority,
        project=clip.project,
        quote=quote,
        request=clip.model_dump_json(exclude_defaults=True),
        moments={"created": now},
    )


def _away(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis can not be used: {error}; check OVERCRANK_REDIS_URL, or `overcrank doctor`")
