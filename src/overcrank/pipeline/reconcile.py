"""Reconcile: find out what became of an attempt whose answer was lost. It never buys a second one.

The provider is asked with the attempt's own key. Only a provider that answers a repeated key with its first answer is
sent the attempt again, and then with that key. Where neither is offered, the money stays reserved until the horizon.
"""

import logging

from ..admission.gate import Deferred, Go
from ..clock import SECOND
from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Next, Outcome
from ..providers import base as answers
from ..scripts import ASSUMED
from .poison import death, set_aside
from .submit import STOPPED_WAIT, accepted, book, send
from .tools import Tools

logger = logging.getLogger(__name__)

ASSUMED_EVERY = 3600.0
"""Seconds between two looks at a job that waits for an operator: what the provider offers may have changed."""

SLOWEST = 15.0
"""Seconds between two looks at a job in doubt, at most."""


def doubt(job: Job, tools: Tools) -> Outcome:
    """A job whose worker went away while sending it may have been bought."""
    noted = death(job, tools)
    moved = tools.jobs.move(job, State.IN_DOUBT, due_in=0, note="its worker went away while sending it", **noted)
    return reconcile(moved, tools) if moved else Done("moved")


def reconcile(job: Job, tools: Tools) -> Outcome:
    """Ask the provider what became of the attempt, in the ways it offers."""
    can = tools.provider.capabilities
    if can.lookup:
        found = tools.provider.lookup(job.attempt, job.id)
        match found:
            case answers.Unavailable(message, retry_after):
                return later(job, tools, max(retry_after or 0, wait(job, tools)), message)
            case answers.Stopped(reason, message):
                tools.lane.stop(reason, message)
                return later(job, tools, STOPPED_WAIT, message)
            case [first, *others]:
                if others:
                    extra = ", ".join(repr(other.generation_id) for other in others)
                    tools.jobs.look_again(job, 0, note=f"the provider made more than one for this key: also {extra}")
                return accepted(job, tools, answers.Accepted(first.generation_id, first.status_url, eta=0.0))
    if can.replay:
        return replay(job, tools)
    if can.lookup and age(job, tools) > tools.settings.provider.doubt_window.total_seconds():
        # old enough that the request can not still be on its way, and the provider never saw it: nothing was bought
        if job.deaths >= tools.settings.worker.deaths:
            return set_aside(job, tools, {"deaths": job.deaths, "evidence": job.evidence}, release=True)
        return Next("enter") if tools.jobs.requeue(job, note="the provider never received it") else Done("moved")
    if age(job, tools) > tools.settings.provider.horizon.total_seconds():
        return assume(job, tools)
    return later(job, tools, wait(job, tools), job.note or "")


def replay(job: Job, tools: Tools) -> Outcome:
    """Send the attempt again with its own key: the provider answers as it did, or accepts it now, once."""
    match tools.gate.resend(job):
        case Go(version, _, troubled):
            job = tools.jobs.get(job.id)  # its reservation may have come along into another window
        case Deferred() as deferred:
            return later(job, tools, deferred.wait, job.note or "")
        case elsewhere:
            return Done(f"the job is {elsewhere.state}")
    if job.version != version:
        return Done("moved")
    match send(job, tools, troubled=troubled):
        case answers.Accepted() as answer:
            return accepted(job, tools, answer)
        case answers.Rejected() as answer:
            return book(job, tools, answer)
        case answers.Throttled(retry_after, kind):
            until = tools.lane.throttled(retry_after, kind, job.let_through)
            wait_for = max(wait(job, tools), (until - tools.clock.now()) / SECOND)
            return later(job, tools, wait_for, f"429 ({kind})")
        case answers.Stopped(reason, message):
            tools.lane.stop(reason, message)
            return later(job, tools, STOPPED_WAIT, message)
        case answers.NotSent(message) | answers.InDoubt(message):
            return later(job, tools, wait(job, tools), message)


def assume(job: Job, tools: Tools) -> Outcome:
    """Book a job that can not be found out about as charged, free its slot, and leave the rest to an operator.

    It is never sent again by itself, and it does not end: `overcrank jobs doubt` lists it, and says what can be done.
    """
    if not job.assumed:
        if not tools.ledger.settle(job, job.quote, version=ASSUMED):
            return Done("moved")
        logger.error("job %s: its answer was lost for good; its price is booked; see `overcrank jobs doubt`", job.id)
    tools.jobs.look_again(job, ASSUMED_EVERY, assumed=1, cost=job.paid + job.quote)
    return Done("for an operator")


def age(job: Job, tools: Tools) -> float:
    """Return seconds since the attempt was sent."""
    return (tools.clock.now() - job.moments.get("sent", 0)) / SECOND


def wait(job: Job, tools: Tools) -> float:
    """Return seconds until the next look: half the attempt's age, within bounds."""
    return max(1.0, min(SLOWEST, age(job, tools) / 2))


def later(job: Job, tools: Tools, seconds: float, note: str) -> Outcome:
    """Leave the job in doubt, its money and slot kept, and look again."""
    tools.jobs.look_again(job, seconds, note=note)
    return Done("in doubt")
