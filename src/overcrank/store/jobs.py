"""Jobs as Redis keeps them: written once, moved by compare-and-set, listed by state."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..clip import Clip, Priority
from ..clock import SECOND
from ..errors import JobError, UnknownJob
from ..ids import is_id
from ..job import Job, Waiting, changed_job, read_job
from ..keys import DUE, Keys
from ..lifecycle import ENDS, State, allowed
from ..money import plain
from ..scripts import ALONE, DECIDED, OBSERVED, Scripts, Sharing, keep_for, orphaned
from ..server import Command, Server, together
from ..settings import Settings
from ..turns import aside

BOOST_US = {Priority.URGENT: 3600 * SECOND, Priority.NORMAL: 600 * SECOND, Priority.BULK: 0}
"""How much earlier a job counts as entered. So nobody is overtaken by one that came later than the difference: a bulk
job yields for an hour to urgent ones at most, and no longer."""

ASK_TIME_EVERY = 2 * SECOND
"""How long (µs) what the server said of its time is carried on by our own steady clock."""

MENDED_WITHIN = 7 * 86_400
"""Seconds an ended job's record stays beyond its time where it could not be archived."""

ANEW = {
    "generation_id": "",
    "status_url": "",
    "resends": 0,
    "resent": 0,
    "replaying": 0,
    "rejected": 0,
    "missed": 0,
    "runs": 0,
}
"""What a new attempt knows nothing of: it is another one's."""

LONGEST_REST = 30.0
"""Seconds that all looks wait at most where one was refused: among those due may be one that a crash left."""

LOOK_FOR_LEADER = 600 * SECOND
"""How long (µs) a job that waits for another's end is left alone at most: it is told of it."""

TOLD = ""
"""What stands for a Celery request that has been given its result."""


def written(clip: Clip) -> str:
    """Return a clip as a job's record keeps it."""
    return clip.model_dump_json(exclude_defaults=True)


def _returned(job: Job) -> dict[str, Any]:
    """Return what says that whoever looked at the job has come back: that he writes what he saw."""
    return {"runs": 0} if job.runs else {}


def _waiting(audience: dict[str, str], followers: Iterable[str]) -> Waiting:
    return {task_id: json.loads(text) if text else None for task_id, text in audience.items()}, sorted(followers)


class ServersClock:
    """The server's clock, for what is compared with moments that scripts wrote: no machine's own clock counts."""

    def __init__(self, jobs: "Jobs") -> None:
        self._jobs = jobs

    def now(self) -> int:
        """Return the server's time as integer microseconds since the epoch."""
        return self._jobs.about_now()

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        with aside():
            time.sleep(seconds)


class Jobs:
    """The job records of one namespace."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, settings: Settings, tell: Callable[..., None]
    ) -> None:
        """*tell* is how people are told of what they should know of at once: kind, text, data."""
        self.redis, self.keys, self.scripts, self._tell = redis, keys, scripts, tell
        self._retention = settings.retention
        self._ahead = (0, -ASK_TIME_EVERY)
        self._back: set[str] = set()
        self.lease_us = round(settings.worker.lease.total_seconds() * SECOND)

    @property
    def retention_s(self) -> int:
        """Seconds an ended job stays."""
        return round(self._retention.jobs.total_seconds())

    def enter(
        self, job_id: str, clip: Clip, quote: int, *, sent: bool, sharing: Sharing = ALONE, background: str = "",
        request: str = "", later: list[Command] | None = None,
    ) -> Any:  # fmt: skip
        """Write a new job; return ("entered" | "following" | "known" | "led", a job's id, now).

        With *later* nothing is sent: the command is put there. *request* is the clip as JSON, if that was made already.
        """
        fields: dict[str, Any] = {
            "request": request or written(clip),
            "priority": clip.priority,
            "project": clip.project,
            "quote": quote,
        }
        if sharing.wants:
            fields |= {"wants": sharing.wants, "film": sharing.film, "leader": sharing.leader}
        if background:
            fields["background"] = background
        return self.scripts.enter(
            job_id,
            clip.priority,
            fields,
            boost_us=BOOST_US[clip.priority],
            sent=sent,
            unique=(clip.project, clip.unique_key) if clip.unique_key else None,
            sharing=sharing,
            share_ttl_s=self.retention_s,
            look_us=self._look(clip),
            background=background,
            later=later,
        )

    def _look(self, clip: Clip) -> int:
        """Return how long (µs) a job that waits for another is left alone: until its deadline at the longest."""
        left = 0 if clip.deadline is None else round(clip.deadline.timestamp() * SECOND) - self.about_now()
        return min(LOOK_FOR_LEADER, left) if left > 0 else LOOK_FOR_LEADER

    def leaders(self, films: Iterable[str]) -> dict[str, str]:
        """Return the job that makes each of the films; nothing of those that nobody does."""
        names = list(films)
        found = self.redis.mget([self.keys.film(name) for name in names]) if names else []
        return {name: leader for name, leader in zip(names, found, strict=True) if leader}

    def lead(self, job: Job, sharing: Sharing) -> Any:
        """Have a follower whose leader has no clip lead and be queued, unless another leads by now.

        Return ("leads" | "follows" | "led" | "stale", ...).
        """
        return self.scripts.lead(
            job.id,
            job.priority,
            sharing,
            version=job.version,
            gone=job.leader,
            share_ttl_s=self.retention_s,
            look_us=LOOK_FOR_LEADER,
        )

    def named(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return the jobs that are named, each in its project by its id or its unique key; those that there are."""
        wanted = list(names)
        if not wanted:
            return {}
        pipe = self.redis.pipeline(transaction=False)
        for project, name in wanted:
            pipe.hget(self.keys.job(name), "project") if is_id(name) else pipe.get(self.keys.unique(project, name))
        there = {}
        for (project, name), said in zip(wanted, pipe.execute(), strict=True):
            if said and not (is_id(name) and said != project):
                there[project, name] = name if is_id(name) else said
        return there

    def promise(self, job_id: str, users: int) -> None:
        """Say how many jobs will have the clip of a job as their background, those that are entered among them."""
        self.redis.hset(self.keys.job(job_id), "promised", users)

    def take_share(self, job: Job, background: Job) -> int:
        """Book a job's part of what its background cost; return it (µ$), the same each time."""
        cost = background.cost or 0
        while True:
            answer, amount = self.scripts.take(job.id, background.id, cost)
            if answer == "share":
                return int(amount)
            cost = int(amount)

    def await_end(self, job: Job, other: str) -> Job | None:
        """Have *job* looked at again when the job *other* ends; return that one, None where there is none.

        Where that has ended by what is returned, nobody tells.
        """
        pipe = self.redis.pipeline(transaction=False)
        pipe.sadd(self.keys.followers(other), job.id)
        pipe.expire(self.keys.followers(other), self.retention_s)
        pipe.zadd(self.keys.due, {job.id: self.about_now() + self._look(job.clip)}, xx=True)
        pipe.hgetall(self.keys.job(other))
        stored = pipe.execute()[-1]
        return read_job(other, stored) if stored.get("state") else None

    def sent(self, job_ids: Iterable[str]) -> None:
        """Note that the messages of these jobs have left."""
        ids = list(job_ids)
        if ids:
            self.redis.zrem(self.keys.unsent, *ids)

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            UnknownJob: there is none with this id, or it has been retired.
        """
        return self._known(job_id, self.redis.hgetall(self.keys.job(job_id)))

    @staticmethod
    def _known(job_id: str, stored: dict[str, str]) -> Job:
        if not stored.get("state"):
            raise UnknownJob(f"there is no job {job_id}: it never was submitted here, or it ended long ago")
        return read_job(job_id, stored)

    def get_many(self, job_ids: Iterable[str]) -> list[Job]:
        """Return those of the jobs that are known, in one round trip."""
        ids = list(job_ids)
        found = together(self.redis, *(("HGETALL", self.keys.job(job_id)) for job_id in ids)) if ids else []
        return [read_job(i, stored) for i, stored in zip(ids, found, strict=True) if stored.get("state")]

    def running(self, job_ids: Iterable[str]) -> set[str]:
        """Return those of the jobs that have not ended."""
        return {job.id for job in self.get_many(job_ids) if not job.ended}

    def move(self, job: Job, new: State, **how: Any) -> Job | None:
        """Compare and set, as `moving` does; return the job as it is then, or None where it was another by then."""
        return self.moving(job, new, **how)[0]

    def moving(
        self,
        job: Job,
        new: State,
        *,
        due_in: float | None = None,
        error: JobError | None = None,
        unsent: bool = False,
        stamp: str | None = None,
        release: bool = False,
        book: int | None = None,
        sure: int = DECIDED,
        beside: Sequence[Command] = (),
        **fields: Any,
    ) -> tuple[Job | None, list[Any]]:
        """Compare and set: take *job* to *new* if it still is as *job* says; return it, or None, and more answers.

        *due_in* is in seconds; a job in flight always has one, so that somebody comes back to it. *stamp* names the
        moment to set. *release* says that its attempt bought nothing: its reservation and its slot are given back in
        the same step; *book* that it cost so many µ$, and how *sure* that is. A job that ends stays due until its
        result has been handed over: by the caller, or else by whoever looks at it after the caller's lease; who waits
        for that is read in the same round trip. The other answers are those to the commands *beside* it.
        """
        if not allowed(job.state, new):
            raise AssertionError(f"{job.id}: {job.state} -> {new} is no move of the life cycle")
        if error is not None:
            fields |= {"error_kind": type(error).__name__, "error": str(error)[:1000]}
        fields = _returned(job) | fields
        ends = new in ENDS
        moment = stamp or ("ended" if ends else None)
        if moment:
            fields.setdefault(moment, self.about_now())
        due = max(0, round(due_in * SECOND)) if due_in is not None else self.lease_us if ends else None
        booked = None
        if job.books and (release or book is not None):
            booked = (job.attempt, job.books, book or 0, OBSERVED if book is None else sure)
        reads = self._reads_waiting(job.id) if ends else ()
        answer = self.scripts.move(
            job.id,
            job.state,
            new,
            job.priority,
            fields,
            version=job.version,
            due_in_us=due,
            ttl_s=self.retention_s + MENDED_WITHIN if ends else None,
            unsent=unsent,
            booked=booked,
            project=job.project,
            unique=job.clip.unique_key if ends else None,
            keep_for=keep_for(self._retention),
            beside=(*reads, *beside),
        )
        more: list[Any] = []
        if reads or beside:
            answer, *more = answer
        waiting, more = _waiting(*more[: len(reads)]) if reads else None, more[len(reads) :]
        if answer[0] != "moved":
            return None, more
        if answer[3] == "orphan":
            cost = book or 0
            self._tell("budget.orphan", orphaned(job.attempt, cost), attempt=job.attempt, cost_usd=plain(cost))
        if not job.stored:
            return self.get(job.id), more
        return changed_job(job, **fields, state=new, version=answer[1], waiting=waiting), more

    def sending(self, job: Job, version: int, at: int, **frozen: Any) -> Job:
        """Return *job* as the claim that let it be sent has left it."""
        return changed_job(job, state=State.SUBMITTING, version=version, sent=at, **frozen)

    def body(self, job: Job) -> str:
        """Return what was sent for the job's current attempt; nothing where that is booked or was not kept."""
        return str(self.redis.hget(self.keys.attempt(job.attempt), "body") or "")

    def requeue(self, job: Job, *, held: bool = False, **fields: Any) -> Job | None:
        """Put a job that bought nothing back in its place in line, for another attempt with a key of its own.

        What its attempt had reserved is given back, unless *book* says what it cost.
        *held* says that the caller has the job's message; otherwise a new one has to be sent.
        """
        fields = {**ANEW, "attempt_no": job.attempt_no + 1, **fields}
        return self.move(job, State.QUEUED, unsent=not held, release=True, **fields)

    def look_again(self, job: Job, seconds: float, **fields: Any) -> bool:
        """Compare and set: say when somebody must look at *job* again, and note *fields*, if it still is as it says.

        What an operator decided meanwhile, or another worker found out, stays; tell whether it was noted.
        """
        due = max(0, round(seconds * SECOND))
        fields = _returned(job) | fields
        return self.scripts.look(job.id, job.state, fields, version=job.version, due_in_us=due)[0] == "set"

    def note(self, job: Job, **fields: Any) -> None:
        """Note *fields* of no consequence, unless the job has moved on; when it is due stays as it is."""
        self.scripts.look(job.id, job.state, fields, version=job.version, due_in_us=None)

    def bought(self, job: Job, name: str, *, due_in: float, **fields: Any) -> tuple[Job | None, str]:
        """Note under which name the provider has a job; return it, and the attempt that was the first with this name.

        That is its own, where no other had it.
        """
        key = self.keys.generation(name)
        moved, (_, first) = self.moving(
            job, State.GENERATING, due_in=due_in, stamp="accepted", generation_id=name, **fields,
            beside=(("SET", key, job.attempt, "NX", "EX", self.retention_s), ("GET", key)),
        )  # fmt: skip
        return moved, str(first or job.attempt)

    def rest(self, seconds: float) -> None:
        """Note that the provider asked for no status calls for a while; half a minute of that is believed."""
        wait = min(seconds, LONGEST_REST)
        if wait > 0:
            self.redis.set(self.keys.tick("rest"), 1, px=max(1, round(wait * 1000)))

    def resting(self) -> bool:
        """Tell whether it asked for that; jobs that are due wait meanwhile."""
        return bool(self.redis.exists(self.keys.tick("rest")))

    def begun(self, job: Job) -> int:
        """Count a look at the job; return how many have begun and not come back, this one among them."""
        self._tell_who_came_back()
        return int(self.redis.hincrby(self.keys.job(job.id), "runs", 1))

    def grip(self, job_id: str, worker: str, lease_ms: int, *, counted: bool) -> int | None:
        """Take a job's bytes in hand for a run of *worker*; return None where another run has them.

        Else return how many runs have begun and not come back, this one among them; 0 where it is not *counted*.
        """
        self._tell_who_came_back()
        runs = self.scripts.grip(job_id, worker, lease_ms, counted=counted)
        return None if runs < 0 else runs

    def came_back(self, job: Job) -> None:
        """Note that whoever looked at the job came back, however it went; what can not be noted now is noted later."""
        self._back.add(job.id)
        self._tell_who_came_back()

    def _tell_who_came_back(self) -> None:
        for job_id in tuple(self._back):
            if self.redis.exists(self.keys.job(job_id)):  # it may have been retired meanwhile
                self.redis.hset(self.keys.job(job_id), "runs", 0)
            self._back.discard(job_id)

    def now(self) -> int:
        """Return the server's time in epoch microseconds."""
        seconds, rest = self.redis.time()
        now = int(seconds) * SECOND + int(rest)
        self._ahead = (now, time.monotonic_ns() // 1000)
        return now

    def about_now(self) -> int:
        """Return the server's time, asked for every few seconds and carried on by this machine's steady clock."""
        then, at = self._ahead
        since = time.monotonic_ns() // 1000 - at
        return then + since if since < ASK_TIME_EVERY else self.now()

    # who waits for a job's result

    def attend(self, job_id: str, task_id: str, canvas: dict[str, Any]) -> Job:
        """Note that a Celery request waits for the job, and return it; the first canvas for a task id counts.

        Raises:
            UnknownJob: there is none with this id.
        """
        audience = self.keys.audience(job_id)
        *_, stored = together(
            self.redis,
            ("HSETNX", audience, task_id, json.dumps(canvas)),
            ("EXPIRE", audience, 2 * self.retention_s, "NX"),
            ("HGETALL", self.keys.job(job_id)),
        )
        return self._known(job_id, stored)

    def audience(self, job_id: str) -> dict[str, dict[str, Any] | None]:
        """Return the Celery requests that wait for the job: task id to canvas, None where it was told already."""
        waiting = self.redis.hgetall(self.keys.audience(job_id))
        return {task_id: json.loads(text) if text else None for task_id, text in waiting.items()}

    def waiting(self, job_id: str) -> Waiting:
        """Return the audience of a job that has ended, and the jobs that wait for its end."""
        return _waiting(*together(self.redis, *self._reads_waiting(job_id)))

    def _reads_waiting(self, job_id: str) -> tuple[Command, Command]:
        return ("HGETALL", self.keys.audience(job_id)), ("SMEMBERS", self.keys.followers(job_id))

    def told(
        self, job_id: str, task_ids: Iterable[str], followers: Iterable[str] = (), *, everybody: bool = True,
        after: Iterable[Command] = (),
    ) -> None:  # fmt: skip
        """Note that the job's result has been handed to these requests; if *everybody* has it, nobody comes back.

        The jobs that waited for its end become due. It is noted *after* these commands, in the same round trip.
        """
        key, now = self.keys.audience(job_id), self.about_now()
        commands = [*after]
        if due := [part for follower in followers for part in (now, follower)]:
            commands += [
                ("ZADD", self.keys.due, "XX", *due), ("DEL", self.keys.followers(job_id)),
                ("PUBLISH", self.keys.wake, DUE),
            ]  # fmt: skip
        commands += [("HSET", key, task_id, TOLD) for task_id in task_ids]
        commands.append(("EXPIRE", key, self.retention_s))
        if everybody:
            commands += [("ZREM", self.keys.due, job_id), ("DEL", self.keys.hand(job_id))]
        together(self.redis, *commands)

    # lists

    def ids(self, state: State, priority: Priority = Priority.NORMAL, most: int = 100) -> list[str]:
        """Return up to *most* jobs in a state: the queued in the order of their turn, others the latest first."""
        key = self.keys.state(state, priority)
        found: list[str] = self.redis.zrange(key, 0, most - 1, desc=state is not State.QUEUED)
        return found

    def latest(self, states: Iterable[State] = State, most: int = 100) -> list[Job]:
        """Return up to *most* jobs in the given states, the youngest first."""
        ids: list[str] = []
        for state in states:
            for priority in Priority if state is State.QUEUED else [Priority.NORMAL]:
                ids += self.redis.zrange(self.keys.state(state, priority), 0, most - 1, desc=True)
        return self.get_many(sorted(ids, reverse=True)[:most])

    def every(self, state: State) -> Iterator[str]:
        """Go through all jobs in a state, whatever their number."""
        for priority in Priority if state is State.QUEUED else [Priority.NORMAL]:
            for job_id, _ in self.redis.zscan_iter(self.keys.state(state, priority), count=500):
                yield job_id
