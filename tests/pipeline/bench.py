"""A bench on which a test takes a job through its life by hand, with a vendor that says what the test wrote down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from redis import Redis

from overcrank.clip import Clip, Priority
from overcrank.clock import SECOND, ManualClock
from overcrank.ids import new_id
from overcrank.job import Job
from overcrank.lifecycle import IN_FLIGHT, State
from overcrank.outcome import Ended, Next, Outcome
from overcrank.pipeline import flow
from overcrank.pipeline.submit import request
from overcrank.pipeline.tools import Tools
from overcrank.providers import base as answers
from overcrank.providers.identity import Identity
from overcrank.runtime import Runtime
from overcrank.settings import Settings
from overcrank.storage import open_storage

QUOTE = 1_000_000
BYTES = b"a film, for all a test knows"
SHA256 = hashlib.sha256(BYTES).hexdigest()
READY = answers.Completed("http://127.0.0.1/clip?sig=1", SHA256, 900_000)


@dataclass
class Vendor:
    """A provider without a wire: what it was told to say, and otherwise what a good one says.

    It remembers what was bought by which key, as the real one does.
    """

    name: str = "scripted"
    identity: Identity = field(default_factory=lambda: Identity("scripted", "here", "ours"))
    model: str = "pixverse-v6-physics"
    capabilities: answers.Capabilities = field(default_factory=lambda: answers.Capabilities(replay=True, lookup=True))
    says: dict[str, list[Any]] = field(
        default_factory=lambda: {"create": [], "status": [], "lookup": [], "download": []}
    )
    created: list[answers.CreateRequest] = field(default_factory=list)
    bought: dict[str, str] = field(default_factory=dict)
    failed: dict[str, answers.Failed] = field(default_factory=dict)

    def body(self, request: answers.CreateRequest) -> str:
        """Write an attempt down."""
        return f"{request.model} {request.clip.model_dump_json()} {request.callback_url}"

    def _next(self, verb: str) -> Any:
        return self.says[verb].pop(0) if self.says[verb] else None

    def create(self, request: answers.CreateRequest) -> answers.CreateAnswer:
        """Buy once a key, unless told to say something else; `InDoubt` with the message "bought" buys too."""
        self.created.append(request)
        key = request.idempotency_key
        if key in self.bought:
            return answers.Accepted(self.bought[key], eta=0.0)
        said: answers.CreateAnswer = self._next("create") or answers.Accepted(f"g-{key}", eta=1.0)
        if isinstance(said, answers.Accepted):
            self.bought[key] = said.generation_id
        if said == answers.InDoubt("bought"):
            self.bought[key] = f"g-{key}"
        return said

    def status(self, generation_id: str, status_url: str | None) -> answers.StatusAnswer:
        """Say that it is ready."""
        said: answers.StatusAnswer = self.failed.get(generation_id) or self._next("status") or READY
        if isinstance(said, answers.Failed):  # what has failed stays failed
            self.failed[generation_id] = said
        return said

    def lookup(self, idempotency_key: str, job_id: str) -> answers.LookupAnswer:
        """Say what the key has bought."""
        said = self._next("lookup")
        if said is not None:
            return said
        generation = self.bought.get(idempotency_key)
        return [answers.Found(generation, None, answers.Running())] if generation else []

    def download(self, url: str, to: Path, sha256: str | None = None) -> answers.DownloadAnswer:
        """Write the bytes."""
        said = self._next("download")
        if said is not None:
            return said
        to.write_bytes(BYTES)
        return answers.Downloaded(len(BYTES), SHA256)

    def close(self) -> None:
        """Nothing is open."""


class Bench:
    """Jobs, gate, lane and ledger on a real server; a vendor and a clock that the test rules."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self.vendor = Vendor()
        self.clock = ManualClock(0)
        self.runtime = Runtime(settings, self.clock)
        self.runtime.redis = redis
        self.settings, self.redis, self.keys = settings, redis, self.runtime.keys
        self.runtime.configure()
        self.jobs, self.lane, self.ledger = self.runtime.jobs, self.runtime.lane, self.runtime.ledger
        self.clock.sleep(self.jobs.now() / SECOND)
        self.tools = Tools(
            settings=settings, clock=self.clock, jobs=self.jobs, gate=self.runtime.gate, lane=self.lane,
            ledger=self.ledger, calibration=self.runtime.calibration, alarms=self.runtime.alarms, provider=self.vendor,
            storage=open_storage(settings.storage_url),
        )  # fmt: skip

    def can(self, *, replay: bool, lookup: bool) -> None:
        """Say what the vendor offers to somebody who lost its answer."""
        self.vendor.capabilities = answers.Capabilities(replay=replay, lookup=lookup)

    def say(self, verb: str, *said: Any) -> None:
        """Have the vendor answer the next calls with these."""
        self.vendor.says[verb] += said

    def enter(self, quote: int = QUOTE, **fields: Any) -> Job:
        """Enter a job."""
        job_id = new_id()
        if not {"mode", "speed", "deliver_fps"} & fields.keys():  # nothing is made of it unless a test asks for that
            fields["mode"] = "plain"
        clip = Clip(prompt="a ball falls", **{"priority": Priority.NORMAL, **fields})
        self.jobs.enter(job_id, clip, quote, sent=True)
        return self.jobs.get(job_id)

    def start(self, *, said: Any = None, **fields: Any) -> tuple[Job, Outcome]:
        """Enter a job and take it through gate and wire; return it as it is then, and what came of it."""
        if said is not None:
            self.say("create", said)
        job = self.enter(**fields)
        outcome = flow.start(job, self.tools)
        return self.jobs.get(job.id), outcome

    def at(self, state: State) -> Job:
        """Return a new job in a state in flight."""
        if state is State.ADMITTED:
            job = self.enter()
            self.tools.gate.admit(job)
        elif state is State.SUBMITTING:
            job = self.at(State.ADMITTED)
            asked = request(job, self.tools)
            self.tools.gate.claim(
                job, sent_to=str(self.vendor.identity), model=asked.model, body=self.vendor.body(asked)
            )
        elif state is State.IN_DOUBT:
            job, _ = self.start(said=answers.InDoubt("time-out"))
        else:
            job, _ = self.start()
            if state in {State.UNDELIVERED, State.FETCHED}:
                self.attend(job)
            if state is State.FETCHED:
                STAGES_FETCH(self.jobs.get(job.id), self.tools)
        return self.jobs.get(job.id)

    def attend(self, job: Job) -> Outcome:
        """Do what the job as it is now is due for."""
        return flow.attend(self.jobs.get(job.id), self.tools)

    def step(self, job_id: str) -> Outcome:
        """Do whatever comes next for a job, as the tasks would."""
        job = self.jobs.get(job_id)
        if job.state is State.QUEUED:
            return flow.start(job, self.tools)
        if job.state in {State.UNDELIVERED, State.FETCHED}:
            return flow.deliver(job, self.tools)
        outcome = flow.attend(job, self.tools)
        if job.state is State.FOLLOWING and outcome == Next("fetch"):
            return flow.deliver(job, self.tools)
        return outcome

    def finish(self, job_id: str, most: int = 30) -> Job:
        """Go on with a job until it has ended; what waits need not wait, and a cool-down is over at once."""
        for _ in range(most):
            self.later(0.1)
            outcome = self.step(job_id)
            self.redis.hdel(self.keys.lane, "cool", "tat", "stopped")
            if isinstance(outcome, Ended):
                return self.jobs.get(job_id)
        raise AssertionError(f"it does not end: {self.jobs.get(job_id)}, {outcome}")

    def later(self, seconds: float) -> None:
        """Let time pass for whoever looks at the clock."""
        self.clock.sleep(seconds)

    def money(self) -> tuple[int, int]:
        """Return what is reserved and what is spent."""
        window = self.ledger.window()
        return window.reserved, window.spent

    def slots(self) -> list[str]:
        """Return the attempts that occupy the provider."""
        return list(self.redis.zrange(self.keys.slots, 0, -1))

    def due_in(self, job: Job) -> float | None:
        """Return seconds until somebody must look at the job, or None."""
        at = self.redis.zscore(self.keys.due, job.id)
        return None if at is None else (at - self.jobs.now()) / SECOND

    def in_flight_are_due(self) -> bool:
        """Tell whether every job in flight has somebody who comes back to it."""
        due = set(self.redis.zrange(self.keys.due, 0, -1))
        return all(set(self.jobs.every(state)) <= due for state in IN_FLIGHT)


STAGES_FETCH = flow.STAGES[State.UNDELIVERED]


class Crash(BaseException):
    """The process died here."""


class Fragile:
    """Stands before a part and lets the process die at the n-th call, before or after it has been done."""

    def __init__(self, part: Any, tick: Callable[[str], Callable[[], None]]) -> None:
        self._part, self._tick = part, tick

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        if not callable(value) or name in {"sending", "now", "get"}:
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            afterwards = self._tick(name)
            answer = value(*args, **kwargs)
            afterwards()
            return answer

        return call


def fragile(tools: Tools, nth: int, *, before: bool) -> tuple[Tools, list[str]]:
    """Return tools that die at the n-th call, and the list in which the calls are written."""
    calls: list[str] = []

    def tick(name: str) -> Callable[[], None]:
        calls.append(name)
        mine = len(calls)

        def die() -> None:
            if mine == nth:
                raise Crash(name)

        if before:
            die()
            return lambda: None
        return die

    parts = {
        name: Fragile(getattr(tools, name), tick) for name in ("jobs", "gate", "lane", "ledger", "provider", "storage")
    }
    return replace(tools, **parts), calls
