"""Reconcile: find out what became of an attempt whose answer was lost. It never buys a second one.

The provider is asked with the attempt's own key; and only the one it was sent to. Only a provider that answers a
repeated key with its first answer is sent the attempt again, and then as it was, with that key, a bounded number of
times. Whatever stays open goes before an operator: its price is booked, and nothing is sent again by itself.
"""

import logging
from dataclasses import replace
from typing import Any

from ..admission.gate import Deferred, Go
from ..clock import SECOND
from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Outcome
from ..providers import base as answers
from ..providers.redact import clean
from .evidence import noted
from .operator import ASSUMED_EVERY, assume
from .poison import death, set_aside
from .submit import STOPPED_WAIT, accepted, latest, request, tell, try_again
from .tools import Tools

logger = logging.getLogger(__name__)

SLOWEST = 15.0
"""Seconds between two looks at a job in doubt, at most."""

MOST_RESENDS = 50
"""How often an attempt is sent again at the most; the horizon ends it too."""

STRANGERS = {
    "vendor": "it was sent to another vendor than the settings name now: put them back, or decide on it",
    "key": "it was sent with another key than is set now, so an empty look-up proves nothing: put it back, or decide",
    "unknown": "to whom it was sent is not known (any more): decide on it",
}
"""What is said where the provider that could be asked is not the one that was."""


def doubt(job: Job, tools: Tools) -> Outcome:
    """A job whose worker went away while sending it may have been bought."""
    seen = death(job, tools)
    moved = tools.jobs.move(job, State.IN_DOUBT, due_in=0, note="its worker went away while sending it", runs=1, **seen)
    return reconcile(moved, tools) if moved else Done("moved")


def reconcile(job: Job, tools: Tools) -> Outcome:
    """Ask the provider what became of the attempt, in the ways it offers."""
    stranger = tools.provider.identity.stranger(job.sent_to)
    if stranger in {"vendor", "unknown"}:
        return unsettled(job, tools, STRANGERS[stranger])
    if job.generation_id is not None:
        return by_name(job, tools, job.generation_id)
    can, settings = tools.provider.capabilities, tools.settings
    if job.replaying:  # whoever sent it again went away over it
        tools.jobs.note(job, replaying=0, **death(job, tools))
        job = replace(tools.jobs.get(job.id), runs=job.runs)
    if can.lookup:
        found = tools.provider.lookup(job.attempt, job.id)
        match found:
            case answers.Unavailable(message, retry_after):
                return unsettled(job, tools, message, retry_after or 0)
            case answers.Stopped(_, message):
                return unsettled(job, tools, message, STOPPED_WAIT)
            case [first, *others]:
                return taken(job, tools, first, others)
    if stranger:
        return unsettled(job, tools, STRANGERS[stranger])
    again = can.replay and not job.assumed and not job.rejected
    again = again and job.resends < MOST_RESENDS and job.deaths < settings.worker.deaths
    if again and age(job, tools) <= settings.provider.horizon.total_seconds():
        return replay(job, tools)
    proven = can.lookup and not job.assumed and not job.rejected
    if proven and age(job, tools, job.resent) > settings.provider.doubt_window.total_seconds():
        # old enough that the request can not still be on its way, and the provider never saw it: nothing was bought
        if job.deaths >= settings.worker.deaths:
            return set_aside(job, tools, {"deaths": job.deaths, "evidence": job.evidence}, release=True)
        return try_again(job, tools, "the provider never received it", held=False)
    return unsettled(job, tools, job.note or "")


def taken(job: Job, tools: Tools, first: answers.Found, others: list[answers.Found]) -> Outcome:
    """Go on with what a look-up found; where that is more than one, the first counts and people are told."""
    seen: dict[str, Any] = {}
    if others:
        extra = ", ".join(clean(repr(other.generation_id)) for other in others)
        said = f"the provider made more than one for this key: also {extra}"
        tools.alarms.tell("provider.two_ids", f"job {job.id}: {said}; each may be charged", job=job.id)
        seen = {"evidence": noted(job, said), "note": said}
    return accepted(job, tools, answers.Accepted(first.generation_id, first.status_url, eta=0.0), **seen)


def by_name(job: Job, tools: Tools, generation_id: str) -> Outcome:
    """Ask once more for a generation that was given up: where the provider knows it after all, it is waited for."""
    said = tools.provider.status(generation_id, job.status_url)
    if isinstance(said, answers.Running | answers.Completed | answers.Failed):
        return accepted(job, tools, answers.Accepted(generation_id, job.status_url, eta=0.0), missed="0")
    return unsettled(job, tools, said.message)


def replay(job: Job, tools: Tools) -> Outcome:
    """Send the attempt again as it was, with its own key: the provider answers as it did, or accepts it now, once."""
    until, body = latest(tools), tools.jobs.body(job)
    if not body:
        return unsettled(job, tools, "what exactly was sent is not known any more, so it is not sent again")
    match tools.gate.resend(job):
        case Go(version, _, _):
            job = tools.jobs.get(job.id)  # its reservation may have come along into another window
        case Deferred() as deferred:
            return unsettled(job, tools, job.note or "", deferred.wait, least=0)
        case elsewhere:
            return Done(f"the job is {elsewhere.state}")
    if job.version != version:
        return Done("moved")
    if not tools.jobs.look_again(job, tools.lease, resends=job.resends + 1, replaying=1, runs=job.runs):
        return Done("moved")
    job = tools.jobs.get(job.id)
    answer = tools.provider.create(replace(request(job, tools, body), latest=until))
    outcome = replayed(job, tools, answer)
    tell(job, tools, answer, troubled=True, again=True)
    return outcome


def replayed(job: Job, tools: Tools, answer: answers.CreateAnswer) -> Outcome:
    """Write down what the answer to a repetition means: only a yes says anything about the first sending."""
    match answer:
        case answers.Accepted():
            return accepted(job, tools, answer)
        case answers.Rejected(code, message):
            said = f"sent again with its own key, it was rejected ({code}: {message})"
            return unsettled(job, tools, said, rejected=1, evidence=noted(job, said))
        case answers.Throttled(retry_after, kind):
            until = tools.lane.throttled(retry_after, kind, job.let_through)
            return unsettled(job, tools, f"429 ({kind})", (until - tools.clock.now()) / SECOND)
        case answers.Stopped(reason, message):
            tools.lane.stop(reason, message)
            return unsettled(job, tools, message, STOPPED_WAIT)
        case answers.NotSent(message) | answers.InDoubt(message):
            return unsettled(job, tools, message)


def unsettled(
    job: Job, tools: Tools, note: str, wait_for: float = 0, *, least: float | None = None, **seen: str | int
) -> Outcome:
    """Leave the job in doubt, its money and slot kept, and look again; or, after long enough, ask an operator."""
    provider = tools.settings.provider
    patience = provider.horizon
    if job.rejected or "rejected" in seen:
        patience = provider.doubt_window
    if job.assumed or age(job, tools) > patience.total_seconds():
        return assume(job, tools, note, max(wait_for, ASSUMED_EVERY), **seen)
    if job.replaying:
        seen["replaying"] = 0
    seconds = max(wait_for, wait(job, tools) if least is None else least)
    tools.jobs.look_again(job, seconds, note=note, **seen)
    return Done("in doubt")


def age(job: Job, tools: Tools, since: int = 0) -> float:
    """Return seconds since the attempt was sent, or since a later moment."""
    return (tools.clock.now() - max(since, job.moments.get("sent", 0))) / SECOND


def wait(job: Job, tools: Tools) -> float:
    """Return seconds until the next look: half the attempt's age, within bounds."""
    return max(1.0, min(SLOWEST, age(job, tools) / 2))
