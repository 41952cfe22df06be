"""A job: one requested clip, as our record of it says."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from dataclasses import fields as fields_of
from functools import cached_property
from typing import Any

from .clip import Clip, Priority
from .clock import iso
from .errors import JobError, job_error
from .lifecycle import ENDS, State
from .money import plain

MOMENTS = ("created", "started", "admitted", "sent", "resent", "accepted", "completed", "fetched", "ended")
"""What is timed in a job's life, in order, as epoch microseconds."""


Waiting = tuple[dict[str, dict[str, Any] | None], list[str]]
"""The Celery requests that wait for a job, task id to canvas, None where it was told already; and the jobs that do."""


@dataclass(frozen=True)
class Job:
    """A job's record at one moment.

    Attributes:
        id: UUIDv7; also the Celery task id.
        state: where it is; see `lifecycle.State`.
        version: grows by one with each move.
        quote: µ$, what it should cost; this is what is reserved.
        amount: µ$, what is reserved for its attempt, where that is not the quote.
        cost: µ$, what it did cost; None until that is known.
        paid: µ$, what its attempts before the current one were charged.
        own_risk: an operator had it tried again at their own risk, whatever all its attempts come to.
        books: the keys of the books its attempt is reserved in.
        attempt_no: the number of the current paid try, from 1; with the id it makes the idempotency key.
        tries: tries that bought nothing and used up an attempt, the first of them at *tried* (µs).
        runs: runs of the fetching stage that have begun and not come back.
        resends: how often its attempt was sent again with its own key, the last time at *resent* (µs).
        replaying: it is being sent again; found so, whoever did it went away.
        rejected: it was sent again and rejected, which proves nothing about the first time.
        missed: how many looks in a row told nothing of its generation, the first of them at *missed_since* (µs).
        sent_to: whom its attempt was sent to, as `providers.identity` writes it; *model* is what was asked there.
        deaths: how many workers went away while they had the job in hand, with what is known of each in *evidence*.
        assumed: its answer was lost for good, so its price is booked as charged until an operator says otherwise.
        moments: epoch microseconds by the names in `MOMENTS`.
        file: url, sha256, bytes, and what the film is; once it is stored.
        checked: what a decoder said of the stored bytes (their *sha256*), once it got to their end.
        spoilt: the *sha256* of bytes that came and are no clip, how many *times*, *since* when, and whether that is
            *sure* or only could not be found out.
        leader: the job that makes its film for it, or has made it.
        source: the job under whose name its original is stored, where that is another.
        saved: µ$, what it would have cost, had not another job made its film; None where none did.
        background: the job whose clip is put behind its own.
        share: µ$, its part of what its background cost; that is booked with the background, and not in *cost*.
        shared: µ$, what of its own cost is the part of others, whose background it is.
        stored: the record as it was read.
        waiting: who waits for its end, where that was read as it ended.
    """

    id: str
    state: State
    version: int
    priority: Priority
    project: str
    quote: int
    request: str
    attempt_no: int = 1
    tries: int = 0
    tried: int = 0
    deaths: int = 0
    runs: int = 0
    resends: int = 0
    resent: int = 0
    replaying: bool = False
    rejected: bool = False
    missed: int = 0
    missed_since: int = 0
    sent_to: str = ""
    model: str = ""
    evidence: str = ""
    assumed: bool = False
    amount: int = 0
    cost: int | None = None
    paid: int = 0
    own_risk: bool = False
    books: tuple[str, str, str, str] | None = None
    generation_id: str | None = None
    status_url: str | None = None
    error: tuple[str, str] | None = None
    progress: float | None = None
    note: str | None = None
    moments: Mapping[str, int] = field(default_factory=dict)
    file: Mapping[str, Any] | None = None
    checked: Mapping[str, Any] | None = None
    spoilt: Mapping[str, Any] | None = None
    leader: str = ""
    source: str = ""
    saved: int | None = None
    background: str = ""
    share: int | None = None
    shared: int = 0
    stored: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    waiting: Waiting | None = field(default=None, repr=False, compare=False)

    @cached_property
    def clip(self) -> Clip:
        """What was asked for."""
        return Clip.model_validate_json(self.request)

    @property
    def attempt(self) -> str:
        """The id of the current paid try, which is its idempotency key too."""
        return f"{self.id}.{self.attempt_no}"

    @property
    def let_through(self) -> int:
        """When the gate let its latest call through (µs): its first, or the same once more; 0 before any."""
        return max(self.moments.get("admitted", 0), self.moments.get("resent", 0))

    @property
    def original(self) -> str:
        """The name under which its original is stored."""
        return f"{self.source or self.id}.mp4"

    @property
    def served_by(self) -> str | None:
        """The job that made its film for it, at no cost; None where it was made for this one."""
        return self.leader if self.saved is not None else None

    @property
    def ended(self) -> bool:
        """Whether the job is in a state it will not leave."""
        return self.state in ENDS

    @property
    def chosen(self) -> dict[str, dict[str, Any]]:
        """What was chosen where nothing was said, each with its value and why."""
        why = self.clip.physics_why
        return {"physics_strength": {"value": self.clip.physics_strength, "why": why}} if why else {}

    @property
    def unmade(self) -> dict[str, str]:
        """The steps that could not be done to the clip, and why."""
        made: Mapping[str, Any] = (self.file or {}).get("made", {})
        return {name: str(what["error"]) for name, what in made.items() if "error" in what}

    @property
    def falls_short(self) -> bool:
        """Whether the clip is here, and what it was asked to be delivered as could not be made of it."""
        file = self.file or {}
        asked = self.clip.deliver_fps is not None or self.clip.speed is not None
        undelivered = (file.get("url"), file.get("made", {}).get("composite", {}).get("url"))
        short = asked and (file.get("delivered") or file).get("url") in undelivered
        return self.state is State.SUCCEEDED and (short or "composite" in self.unmade)

    @property
    def exception(self) -> JobError | None:
        """The error the job ended with, or None."""
        return job_error(*self.error) if self.error else None

    @property
    def result(self) -> dict[str, Any] | None:
        """What `AsyncResult(job_id).get()` returns: file, checksum, cost and timings; None before it succeeded."""
        if self.state is not State.SUCCEEDED or self.file is None:
            return None
        return {
            "job_id": self.id,
            **self.file,
            "chosen": self.chosen,
            "cost_usd": plain(self.cost or 0),
            "quote_usd": plain(self.quote),
            **self.shared_with,
            "generation_id": self.generation_id,
            "timings": {name: iso(moment) for name, moment in self.moments.items()},
        }

    @property
    def shared_with(self) -> dict[str, Any]:
        """What it has from other jobs and they from it, in dollars; empty where that is nothing."""
        said: dict[str, Any] = {}
        if self.saved is not None:
            said |= {"served_by": self.leader, "saved_usd": plain(self.saved)}
        if self.share is not None:
            said["background_share_usd"] = plain(self.share)
        if self.shared:
            said["shared_out_usd"] = plain(self.shared)
        return said

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain data, for JSON."""
        return {
            "id": self.id,
            "state": str(self.state),
            "priority": str(self.priority),
            "project": self.project,
            "clip": self.clip.model_dump(mode="json"),
            "chosen": self.chosen,
            "quote_usd": plain(self.quote),
            "cost_usd": None if self.cost is None else plain(self.cost),
            "follows": (self.leader or None) if self.saved is None else None,
            **self.shared_with,
            "attempt": self.attempt_no,
            "tries": self.tries,
            "deaths": self.deaths,
            "evidence": self.evidence or None,
            "assumed": self.assumed,
            "progress": self.progress,
            "generation_id": self.generation_id,
            "error": {"type": self.error[0], "message": self.error[1]} if self.error else None,
            "note": self.note,
            "file": dict(self.file) if self.file else None,
            "timings": {name: iso(moment) for name, moment in self.moments.items()},
        }


def _number(text: str) -> int:
    return int(text or 0)


def _number_or_none(text: str) -> int | None:
    return int(text) if text else None


def _flag(text: str) -> bool:
    return text == "1"


def _text_or_none(text: str) -> str | None:
    return text or None


def _json_or_none(text: str) -> Any:
    return json.loads(text) if text else None


def _books(text: str) -> tuple[str, str, str, str] | None:
    keys = text.split()
    return (keys[0], keys[1], keys[2], keys[3]) if len(keys) == 4 else None


READ: Mapping[str, Callable[[str], Any]] = {
    "state": State, "version": int, "priority": Priority, "project": str, "quote": int, "request": str,
    "attempt_no": int, "tries": int, "tried": _number, "deaths": int, "runs": int, "resends": _number,
    "resent": _number, "replaying": _flag, "rejected": _flag, "missed": _number, "missed_since": _number,
    "sent_to": str, "model": str, "evidence": str, "assumed": _flag, "amount": _number, "cost": _number_or_none,
    "paid": _number, "own_risk": _flag, "books": _books, "generation_id": _text_or_none, "status_url": _text_or_none,
    "progress": lambda text: float(text) if text else None, "note": str, "file": _json_or_none,
    "checked": _json_or_none, "spoilt": _json_or_none, "leader": str, "source": str, "saved": _number_or_none,
    "background": str, "share": _number_or_none, "shared": _number,
}  # fmt: skip
"""How each field of a record is read that has an attribute of its own; what is missing has the attribute's default."""

NEEDED = ("state", "version", "priority", "project", "quote", "request", "attempt_no", "tries")
"""What every record has."""

DEFAULTS = {one.name: one.default for one in fields_of(Job) if one.default is not MISSING}


def new_job(job_id: str, clip: Clip, quote: int, request: str, now: int, leader: str = "") -> Job:
    """Return a job as it was just written, *request* being its clip as JSON; with a *leader* it follows that one."""
    values = {
        **DEFAULTS, "id": job_id, "state": State.FOLLOWING if leader else State.QUEUED, "version": 1,
        "priority": clip.priority, "project": clip.project, "quote": quote, "request": request, "leader": leader,
    }  # fmt: skip
    return _made(values, {}, {"created": str(now)}, None)


def read_job(job_id: str, stored: Mapping[str, str], waiting: Waiting | None = None) -> Job:
    """Return the job that a stored record describes."""
    for name in NEEDED:
        stored[name]
    return _made({**DEFAULTS, "id": job_id}, stored, stored, waiting)


def changed_job(job: Job, waiting: Waiting | None = None, **fields: Any) -> Job:
    """Return a job as it is after *fields* of its record were written."""
    written = {name: str(value) for name, value in fields.items()}
    values = dict(vars(job))  # the clip among them, once it was read: reading it again would tell nothing new
    if written.get("request", job.request) != job.request:
        values.pop("clip", None)
    return _made(values, written, {**job.stored, **written}, waiting)


def _made(values: dict[str, Any], read: Mapping[str, str], stored: Mapping[str, str], waiting: Waiting | None) -> Job:
    """Return a job with these *values* of its attributes, and those that are to be *read*.

    Its attributes are set without its constructor, which takes longer than to read them all.
    """
    for name, text in read.items():
        if reads := READ.get(name):
            values[name] = reads(text)
    kind = stored.get("error_kind")
    values |= {
        "error": (kind, stored.get("error", "")) if kind else None,
        "moments": {name: int(stored[name]) for name in MOMENTS if name in stored},
        "stored": stored,
        "waiting": waiting,
    }
    job = object.__new__(Job)
    vars(job).update(values)
    return job
