"""Submit: the paid call. The attempt is written before the first byte leaves; the answer says what was bought."""

from typing import Any

from ..admission.gate import Aged, Go
from ..errors import OutOfAttempts, Rejected
from ..job import Job
from ..lifecycle import State
from ..money import dollars
from ..outcome import Done, Ended, Hold, Next, Outcome, Retry
from ..providers import base as answers
from .tools import Tools

STOPPED_WAIT = 5.0
"""Seconds a job waits before it asks a stopped lane again."""

SOON = 0.05
"""Seconds: a clip that is ready so soon is waited for by whoever sent it. Nobody looks sooner than this anyway."""

FIRST_DOUBT = 1.0
"""Seconds after a lost answer before anybody asks what became of it."""


def submit(job: Job, tools: Tools) -> Outcome:
    """Send an admitted job's attempt, if it is ours to send."""
    match tools.gate.claim(job):
        case Go(version, at, troubled):
            pass
        case Aged():
            return give_back(job, tools, Hold(job.moments["admitted"], "permit", 0.0))
        case elsewhere:
            return Done(f"the job is {elsewhere.state}")
    sending = tools.jobs.sending(job, version, at)
    return book(sending, tools, send(sending, tools, troubled=troubled))


def send(job: Job, tools: Tools, *, troubled: bool) -> answers.CreateAnswer:
    """Make the paid call, and tell the breaker where it went wrong, or went well again."""
    answer = tools.provider.create(request(job, tools))
    bad = isinstance(answer, answers.NotSent | answers.InDoubt)
    if bad or troubled:
        tools.gate.heard(job, good=not bad)
    return answer


def request(job: Job, tools: Tools) -> answers.CreateRequest:
    """Return the attempt as it goes over the wire: the same each time it is sent."""
    public = tools.settings.webhook.public_url
    return answers.CreateRequest(
        clip=job.clip,
        model=tools.provider.model,
        job_id=job.id,
        idempotency_key=job.attempt,
        callback_url=f"{public}/hooks/{job.id}" if public else None,
    )


def book(job: Job, tools: Tools, answer: answers.CreateAnswer) -> Outcome:
    """Write down what the provider's answer means for a job that is being sent."""
    match answer:
        case answers.Accepted():
            return accepted(job, tools, answer)
        case answers.Throttled(retry_after, kind):
            until = tools.lane.throttled(retry_after, kind, job.moments.get("admitted", 0))
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


def accepted(job: Job, tools: Tools, answer: answers.Accepted) -> Outcome:
    """Note the provider's id for a job it has accepted, and when to ask how it is doing."""
    interval = tools.settings.provider.poll_interval.total_seconds()
    wait = interval if answer.eta is None else max(SOON, bounded(answer.eta, tools))
    now = answer.eta is not None and answer.eta <= SOON  # then it is not worth coming back for
    fields: dict[str, Any] = {"generation_id": answer.generation_id, "status_url": answer.status_url or ""}
    if job.assumed:  # what was booked as charged is found after all
        fields["assumed"] = 0
    due_in = tools.lease if now else wait
    moved = tools.jobs.move(job, State.GENERATING, due_in=due_in, stamp="accepted", **fields)
    return Next("wait", moved, now=now) if moved else Done("moved")


def bounded(eta: float, tools: Tools) -> float:
    """Return an ETA as far as it is believed: when the provider surely is at work no more, somebody looks."""
    return min(eta, tools.settings.provider.horizon.total_seconds())


def give_back(job: Job, tools: Tools, outcome: Outcome, note: str = "") -> Outcome:
    """Return permit, slot and money of an attempt that bought nothing; the job goes back to its place in line."""
    moved = tools.jobs.requeue(job, held=True, note=note)
    return outcome if moved else Done("moved")


def try_again(job: Job, tools: Tools, why: str) -> Outcome:
    """Use up one of the job's tries; it bought nothing."""
    wait = tools.retries.wait(job.tries + 1)
    if wait is None:
        error = OutOfAttempts(f"{why}; it was tried {job.tries + 1} times; {charged(job)}")
        return (
            Ended() if tools.jobs.move(job, State.FAILED, release=True, error=error, cost=job.paid) else Done("moved")
        )
    moved = tools.jobs.requeue(job, held=True, tries=job.tries + 1, note=why)
    return Retry(wait, why) if moved else Done("moved")


def charged(job: Job) -> str:
    """Return what a job that ends here has cost, in words: attempts before this one may have been charged."""
    return f"{dollars(job.paid)} was charged for attempts before" if job.paid else "nothing was charged"
