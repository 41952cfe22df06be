"""Submit: the paid call. The attempt is written before the first byte leaves; the answer says what was bought."""

import logging
import time
from dataclasses import replace
from typing import Any

from ..admission.gate import Aged, Go
from ..backoff import later
from ..errors import OutOfAttempts, Rejected
from ..job import Job
from ..lifecycle import State
from ..money import dollars
from ..outcome import Done, Ended, Hold, Next, Outcome, Retry
from ..providers import base as answers
from ..providers.redact import clean
from ..server import OUTAGE
from .evidence import noted
from .tools import Tools

logger = logging.getLogger(__name__)

ID_TRIES, ID_EVERY = 600, 1.0
"""How often the id of what was bought is written while the store is away, and how many seconds lie between."""

STOPPED_WAIT = 5.0
"""Seconds a job waits before it asks a stopped lane again."""

SOON = 0.05
"""Seconds: a clip that is ready so soon is waited for by whoever sent it. Nobody looks sooner than this anyway."""

FIRST_DOUBT = 1.0
"""Seconds after a lost answer before anybody asks what became of it."""


def submit(job: Job, tools: Tools) -> Outcome:
    """Send an admitted job's attempt, if it is ours to send."""
    asked, identity = request(job, tools), str(tools.provider.identity)
    asked = replace(asked, body=tools.provider.body(asked), latest=latest(tools))
    match tools.gate.claim(job, sent_to=identity, model=asked.model, body=asked.body):
        case Go(version, at, troubled):
            pass
        case Aged():
            return give_back(job, tools, Hold(job.moments["admitted"], "permit", 0.0))
        case elsewhere:
            return Done(f"the job is {elsewhere.state}")
    sending = tools.jobs.sending(job, version, at, sent_to=identity, model=asked.model)
    answer = tools.provider.create(asked)
    outcome = book(sending, tools, answer, goes_on=True)
    tell(sending, tools, answer, troubled=troubled)
    return outcome


def latest(tools: Tools) -> float:
    """Return until when, by this process's steady clock, the first byte of a call may leave that is asked for now.

    A worker that stood still must not send what others have given up meanwhile.
    """
    settings = tools.settings
    return time.monotonic() + (settings.worker.permit + settings.provider.connect_timeout).total_seconds()


def tell(job: Job, tools: Tools, answer: answers.CreateAnswer, *, troubled: bool, again: bool = False) -> None:
    """Tell the breaker where a call went wrong, or went well again. What the answer means is written before that."""
    bad = isinstance(answer, answers.NotSent | answers.InDoubt)
    if not bad and not troubled:
        return
    try:
        tools.gate.heard(job, good=not bad, again=again)
    except OUTAGE as error:  # the next call will tell it
        logger.warning("the breaker could not be told of job %s: %s", job.id, type(error).__name__)


def request(job: Job, tools: Tools, body: str = "") -> answers.CreateRequest:
    """Return the attempt for the adapter; its *body*, once it is frozen, is the same each time it is sent."""
    public = tools.settings.webhook.public_url
    return answers.CreateRequest(
        body=body,
        clip=job.clip,
        model=job.model if body else tools.provider.model,
        job_id=job.id,
        idempotency_key=job.attempt,
        callback_url=f"{public}/hooks/{job.id}" if public else None,
    )


def book(job: Job, tools: Tools, answer: answers.CreateAnswer, *, goes_on: bool = False) -> Outcome:
    """Write down what the provider's answer means for a job that is being sent.

    *goes_on* says that the caller looks at once at a clip that is ready at once.
    """
    match answer:
        case answers.Accepted():
            return accepted(job, tools, answer, goes_on=goes_on)
        case answers.Throttled(retry_after, kind):
            until = tools.lane.throttled(retry_after, kind, job.let_through)
            wait = max(0.0, (until - tools.clock.now()) / 1_000_000)
            return give_back(job, tools, Hold(until, kind, wait), note=f"429 ({kind})")
        case answers.Stopped(reason, message):
            tools.lane.stop(reason, message)
            return give_back(job, tools, Hold(0, "stopped", STOPPED_WAIT), note=message)
        case answers.Rejected(code, message):
            error = Rejected(f"the provider refused it ({code}): {message}; {charged(job)}")
            return (
                Ended()
                if tools.jobs.move(job, State.FAILED, release=True, error=error, cost=job.paid)
                else Done("moved")
            )
        case answers.NotSent(message):
            return try_again(job, tools, f"it could not be sent: {message}")
        case answers.InDoubt(message):
            tools.jobs.move(job, State.IN_DOUBT, due_in=FIRST_DOUBT, note=message)
            return Done("in doubt")


def accepted(job: Job, tools: Tools, answer: answers.Accepted, *, goes_on: bool = False, **seen: str) -> Outcome:
    """Note the provider's id for a job it has accepted, what was *seen*, and when to ask how it is doing."""
    interval = tools.settings.provider.poll_interval.total_seconds()
    wait = interval if answer.eta is None else max(SOON, bounded(answer.eta, tools))
    if job.replaying:
        seen["replaying"] = "0"
    now = answer.eta is not None and answer.eta <= SOON  # then it is not worth coming back for
    if now and goes_on:
        seen["runs"] = "1"  # that look is counted here
    url = answer.status_url or ""  # what has a query may be signed: the id leads there as well
    fields = {"status_url": "" if "?" in url else url, **seen}
    moved = written(job, tools, answer.generation_id, tools.lease if now else wait, fields)
    return Done("moved") if moved is None else Next("wait", moved, now=now)


def written(job: Job, tools: Tools, name: str, due_in: float, fields: dict[str, Any]) -> Job | None:
    """Write under which *name* the provider has the job, for as long as this process lives: nobody else knows it.

    Whoever found the job in doubt meanwhile did not know it either. Return the job, or None where it went on without.
    """
    for tried in range(1, ID_TRIES + 1):
        try:
            assumed: dict[str, Any] = (
                {"assumed": 0, "cost": ""} if job.assumed else {}
            )  # booked as charged, and found after all
            moved, first = tools.jobs.bought(job, name, due_in=due_in, **fields, **assumed)
            now = moved or tools.jobs.get(job.id)
        except OUTAGE as error:
            if tried == ID_TRIES:
                raise
            if tried == 1:
                said = f"job {job.id} was bought as {clean(repr(name))}; that can not be written yet"
                logger.log(logging.ERROR, "%s: %s", said, type(error).__name__)  # the traceback would tell nothing
            tools.clock.sleep(ID_EVERY)
            continue
        if moved or now.attempt != job.attempt or now.state not in {State.SUBMITTING, State.IN_DOUBT}:
            break
        job = now
    if now.attempt == job.attempt and now.generation_id == name and now.state is State.GENERATING:
        if first != now.attempt:
            same_name(now, tools, first)
        return now
    if now.generation_id != name:
        logger.error("job %s was bought as %s, and had gone on without it", job.id, clean(repr(name)))
    return None


def same_name(job: Job, tools: Tools, other: str) -> None:
    """Tell that the provider has given one name to two attempts: one of them will not get what it paid for."""
    said = f"the provider gave it the name {clean(repr(job.generation_id))}, which attempt {other} has already"
    try:
        tools.alarms.tell("provider.same_id", f"job {job.id}: {said}", job=job.id, attempt=job.attempt)
        tools.jobs.note(job, evidence=noted(job, said))
    except OUTAGE as error:
        logger.warning("job %s: %s; that could not be told: %s", job.id, said, type(error).__name__)


def bounded(eta: float, tools: Tools) -> float:
    """Return an ETA as far as it is believed: when the provider surely is at work no more, somebody looks."""
    return min(eta, tools.settings.provider.horizon.total_seconds())


def give_back(job: Job, tools: Tools, outcome: Outcome, note: str = "") -> Outcome:
    """Return permit, slot and money of an attempt that bought nothing; the job goes back to its place in line."""
    moved = tools.jobs.requeue(job, held=True, note=note)
    return outcome if moved else Done("moved")


def try_again(job: Job, tools: Tools, why: str, *, held: bool = True) -> Outcome:
    """Use up one of the job's tries; it bought nothing. *held*: the caller has the job's message."""
    wait = tools.retries.wait(job.tries + 1)
    if wait is None or too_long(job, tools):
        error = OutOfAttempts(f"{why}; it was tried {job.tries + 1} times; {charged(job)}")
        return (
            Ended() if tools.jobs.move(job, State.FAILED, release=True, error=error, cost=job.paid) else Done("moved")
        )
    if not tools.lane.may_retry():  # many fail: an outage must not be multiplied by those that try again
        wait = later(tools.settings.retry.cap.total_seconds())
    tried = job.tried or tools.clock.now()
    moved = tools.jobs.requeue(job, held=held, tries=job.tries + 1, tried=tried, note=why)
    if moved is None:
        return Done("moved")
    return Retry(wait, why) if held else Next("enter")


def too_long(job: Job, tools: Tools) -> bool:
    """Tell whether the job's first try that bought nothing is too long ago for another."""
    since = (tools.clock.now() - job.tried) / 1_000_000
    return job.tried > 0 and since > tools.settings.retry.within.total_seconds()


def charged(job: Job) -> str:
    """Return what a job that ends here has cost, in words: attempts before this one may have been charged."""
    return f"{dollars(job.paid)} was charged for attempts before" if job.paid else "nothing was charged"
