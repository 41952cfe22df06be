"""The producer's side: submit clips, follow them, cancel them. It needs no worker code and calls no provider."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from typing import Any, Literal, TypeVar

from celery import Celery

from . import envelope, wire
from .admission.foresight import Estimate
from .clip import Clip, Priority, read_clip
from .clock import SECOND, iso
from .errors import InvalidClip, OverBudget, StoreUnavailable, TooLate, UnknownJob, WaitTimeout
from .follow import Follower
from .ids import new_id
from .job import Job
from .lifecycle import IN_FLIGHT, State
from .media.recipe import recipe
from .money import dollars, plain
from .pipeline import verdict
from .pipeline.backdrop import found
from .pipeline.cancel import cancel
from .pipeline.share import led, served
from .planning.planner import Plan, Wanted, plan
from .planning.reuse import ASIDE, sharing
from .runtime import Runtime
from .scripts import Sharing
from .server import OUTAGE
from .settings import Settings, load
from .store.archive import Row

Answer = TypeVar("Answer")
Decision = Literal["accept", "write_off", "retry"]

BATCH = 500
"""Jobs written in one round trip by `submit_many`."""


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

        The same unique key again returns the job it stands for. A clip that is paid for already, or being paid for, is
        not paid for again: its job follows the one that pays (see `Clip.reuse`). The job is written before its message
        is sent; should this process die in between, the sweep sends the message.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: it can not be priced. OverBudget: no window could ever pay it.
            StoreUnavailable: Redis is away; nothing was enqueued unless said otherwise.
        """
        return next(self.submit_many([clip], priority=priority))

    def submit_many(
        self, clips: Iterable[Clip | dict[str, Any] | str], *, priority: Priority | str | int | None = None
    ) -> Iterator[Job]:
        """Enqueue any number of clips, some hundreds in a round trip; yield their jobs in order as they are written."""
        source = iter(clips)
        while given := list(islice(source, BATCH)):
            cap = self._cap
            read = [self._read(clip, priority, cap) for clip in given]
            entered = iter(self._enter([one for one in read if one[0].background is None]))
            placed = iter(
                self._enter([one for one in read if one[0].background is not None])
            )  # behind them may be those
            yield from (next(entered if clip.background is None else placed) for clip, _ in read)

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
        if anew := sorted(set(wishes) - ASIDE):
            raise InvalidClip(f"{anew[0]} is a field of the generation, or none: submit a new clip for that")
        fields = of.clip.model_dump(exclude_unset=True, exclude=set(ASIDE - {"priority", "metadata"}))
        clip = read_clip({**fields, **wishes})
        recipe(clip)
        return self._enter([(clip, of.quote)], leader=of.id)[0]

    def _read(
        self, clip: Clip | dict[str, Any] | str, priority: Priority | str | int | None, cap: int
    ) -> tuple[Clip, int]:
        fields: Any = {"prompt": clip} if isinstance(clip, str) else clip
        if priority is not None:
            fields = fields.model_dump(exclude_unset=True) if isinstance(fields, Clip) else dict(fields)
            fields["priority"] = priority
        checked = read_clip(fields)
        recipe(checked)
        quote = self._runtime.prices.quote(checked, self.settings.provider.model)
        if quote > cap:
            raise OverBudget(
                f"{checked.line} costs {dollars(quote)} and a whole budget window holds {dollars(cap)}: raise "
                "OVERCRANK_BUDGET__CAP or ask for a cheaper clip"
            )
        return checked, quote

    @property
    def _cap(self) -> int:
        try:
            stored = self._runtime.caps.of("lane/window")
        except OUTAGE as error:
            raise _away(error) from None
        return self.settings.budget.cap if stored is None else stored

    def _enter(self, batch: list[tuple[Clip, int]], leader: str = "") -> list[Job]:
        """Write the jobs of a batch, and send their messages; with a *leader* they follow it whatever it makes."""
        model, named = self.settings.provider.model, Sharing("named", leader=leader) if leader else None
        asking = {new_id(): (clip, quote, named or sharing(clip, model)) for clip, quote in batch}
        entered: dict[str, Job | None] = {}
        try:
            left = list(asking)
            while left:  # again for those whose leader was another by then
                answers = self._write([(job_id, *asking[job_id]) for job_id in left])
                known = self._jobs.get_many({answer[1] for answer in answers if answer[0] == "known"})
                there = {job.id: job for job in known}
                for job_id, answer in zip(left, answers, strict=True):
                    clip, quote, _ = asking[job_id]
                    match answer[0]:
                        case "known":
                            entered[job_id] = there.get(answer[1])
                        case "following":
                            entered[job_id] = _new_job(job_id, clip, quote, int(answer[2]), follows=answer[1])
                        case "entered":
                            entered[job_id] = _new_job(job_id, clip, quote, int(answer[2]))
                left = [job_id for job_id in left if job_id not in entered]
        except OUTAGE as error:
            raise _away(error) from None
        jobs = [job for job_id in asking if (job := entered[job_id]) is not None]
        if len(jobs) < len(batch):
            raise UnknownJob("a unique key stands for a job that ended long ago and whose record is gone")
        return jobs

    def _write(self, entries: list[tuple[str, Clip, int, Sharing]]) -> list[Any]:
        """Write the jobs in one round trip, and send the messages of those that are queued."""
        behind = found(self._jobs, [clip for _, clip, _, _ in entries])
        believed = led(self._jobs, [(job_id, asking) for job_id, _, _, asking in entries])
        pipe = self._runtime.redis.pipeline(transaction=False)
        for (job_id, clip, quote, _), asking in zip(entries, believed, strict=True):
            background = behind.get((clip.project, clip.background or ""), "")
            self._jobs.enter(job_id, clip, quote, sent=False, sharing=asking, background=background, pipeline=pipe)
        new = [(i, clip, quote) for i, clip, quote, asking in entries if not clip.unique_key and not asking.wants]
        if envelope.shares_server(self.settings):  # what is surely queued is sent in the same round trip
            self._post(pipe, new)
        answers: list[Any] = pipe.execute()[: len(entries)]
        posted = {job_id for job_id, _, _ in new} if envelope.shares_server(self.settings) else set()
        queued = zip(entries, answers, strict=True)
        self._send([(i, clip, quote) for (i, clip, quote, _), a in queued if a[0] == "entered" and i not in posted])
        return answers

    def _send(self, entered: list[tuple[str, Clip, int]]) -> None:
        if entered and envelope.shares_server(self.settings):
            pipe = self._runtime.redis.pipeline(transaction=False)
            self._post(pipe, entered)
            pipe.execute()
        elif entered:
            with self.celery.producer_or_acquire() as producer:
                for job_id, clip, quote in entered:
                    send(self.celery, job_id, clip, quote, producer=producer)
            self._jobs.sent(job_id for job_id, _, _ in entered)

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
        read = [read_clip({"prompt": clip} if isinstance(clip, str) else clip) for clip in batch]
        priced = [(clip, self._runtime.prices.quote(clip, self.settings.provider.model)) for clip in read]
        return self._asked(lambda: self._runtime.foresight.estimate(priced))

    def plan(self, wanted: Wanted | Clip | dict[str, Any] | str, **given: Any) -> Plan:
        """Return the cheapest clip that is good enough, what else there was, and what that saves; nothing is enqueued.

        *given* is what `Wanted` holds besides the clip: purpose, quality, budget in µ$, within in ms, scene.

        Raises:
            NoPlan: nothing on offer is what is wanted; the message names what comes nearest.
        """
        if not isinstance(wanted, Wanted):
            wanted = Wanted(read_clip({"prompt": wanted} if isinstance(wanted, str) else wanted), **given)
        return plan(wanted, self._runtime.prices, self.settings.provider.model)

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
            WaitTimeout: it had not ended in time; it goes on.
        """
        job_id = job.id if isinstance(job, Job) else job
        limit = None if timeout is None else time.monotonic() + timeout
        with self._runtime.redis.pubsub(ignore_subscribe_messages=True) as news:
            news.subscribe(self._runtime.keys.news)
            while True:
                now = self.get(job_id)
                if now.ended:
                    return now
                left = 5.0 if limit is None else min(5.0, limit - time.monotonic())
                if left <= 0:
                    raise WaitTimeout(f"{job_id} is {now.state} after {timeout:g} s; it goes on")
                until = time.monotonic() + left
                while (rest := until - time.monotonic()) > 0:  # other jobs' news does not count
                    message = news.get_message(timeout=rest)
                    if message and message["data"] == job_id:
                        break

    def quote(self, clip: Clip | dict[str, Any] | str) -> int:
        """Return what a clip should cost, in µ$.

        Raises:
            InvalidClip: a field is wrong. UnknownPrice: it can not be priced. OverBudget: no window could ever pay it.
        """
        return self._read(clip, None, self._cap)[1]

    def pricing(self) -> Callable[[Clip | dict[str, Any] | str], int]:
        """Return what prices clips as `quote` does, by the cap as it is now: many clips need one look at it."""
        cap = self._cap
        return lambda clip: self._read(clip, None, cap)[1]

    def asks(self, clip: Clip) -> Sharing:
        """Return which film a clip asks for, and whose it may have."""
        return sharing(clip, self.settings.provider.model)

    def served(self, asking: Sequence[Sharing]) -> list[bool]:
        """Tell of each request whether a job has made its film, or is making it, so that it would cost nothing."""
        return self._asked(lambda: served(self._jobs, asking))

    def knows(self, project: str, name: str) -> bool:
        """Tell whether a project has a job with this id or unique key."""
        return bool(self._asked(lambda: self._jobs.named([(project, name)])))

    def promise(self, job: Job, users: int) -> None:
        """Say how many jobs will have a job's clip as their background: each books an equal part of its cost."""
        self._asked(lambda: self._jobs.promise(job.id, users))

    def follow(self) -> Follower:
        """Return what tells which of many jobs have ended; use it in a with statement."""
        return self._asked(lambda: Follower(self._runtime))

    def as_completed(self, jobs: Iterable[Job], timeout: float | None = None) -> Iterator[Job]:
        """Yield jobs as they end, the first to end first.

        Raises:
            WaitTimeout: some had not ended in time; they go on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with self.follow() as follower:
            for job in jobs:
                follower.add(job)
            while left := len(follower):
                if until is not None and time.monotonic() > until:
                    raise WaitTimeout(f"{left} jobs had not ended in {timeout:g} s; they go on")
                yield from self._asked(lambda: follower.ended(0.5))

    def stream(
        self,
        clips: Iterable[Clip | dict[str, Any] | str],
        *,
        window: int = 1000,
        priority: Priority | str | int | None = None,
    ) -> Iterator[Job]:
        """Submit clips and yield their jobs as they end, with never more than *window* of them under way.

        The next clip is taken from *clips* only when there is room for it, so any number of them takes the same memory.
        """
        source, more = iter(clips), True
        with self.follow() as follower:
            while more or len(follower):
                room = min(BATCH, window - len(follower))
                some = list(islice(source, room)) if more and room > 0 else []
                more = more and (room <= 0 or len(some) == room)
                for job in self.submit_many(some, priority=priority):
                    follower.add(job)
                yield from self._asked(lambda wait=0.0 if some and more else 0.5: follower.ended(wait))  # type: ignore[misc]

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
            "following": by_state["following"],
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


def _new_job(job_id: str, clip: Clip, quote: int, now: int, follows: str = "") -> Job:
    return Job(
        id=job_id,
        state=State.FOLLOWING if follows else State.QUEUED,
        version=1,
        priority=clip.priority,
        project=clip.project,
        quote=quote,
        request=clip.model_dump_json(exclude_defaults=True),
        moments={"created": now},
        leader=follows,
    )


def _away(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis can not be used: {error}; check OVERCRANK_REDIS_URL, or `overcrank doctor`")
