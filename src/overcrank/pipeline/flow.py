"""The order of the stages; nothing else knows it.

A job is either queued, and its message brings it to `start`; or in flight, and the due set brings it to `attend`; or
ended, and the due set brings it to whoever announces it. So wherever a worker dies, somebody comes back to the job.
"""

from collections.abc import Callable
from dataclasses import replace

from ..clock import SECOND
from ..job import Job
from ..lifecycle import ENDS, State
from ..outcome import Done, Ended, Next, Outcome
from ..providers import base as answers
from .admit import admit
from .backdrop import awaited
from .fetch import fetch, finish
from .poison import deadly, death, put_before_operator, set_aside, surviving
from .reconcile import doubt, reconcile
from .render import produce as make
from .render import to_render
from .share import follow, serve
from .submit import submit
from .tools import Tools
from .wait import wait

RENDERED_BY = 10.0
"""Seconds after which a job that waits to be rendered is looked at again: its message may have been lost."""

NOTICED = 60.0
"""Seconds after which such a job says what it waits for: there may be no worker that renders."""

STAGES: dict[State, Callable[[Job, Tools], Outcome]] = {
    State.QUEUED: admit,
    State.ADMITTED: submit,
    State.SUBMITTING: doubt,
    State.IN_DOUBT: reconcile,
    State.GENERATING: wait,
    State.UNDELIVERED: fetch,
    State.FETCHED: finish,
}
"""Which stage a job in a state is ready for."""


def start(job: Job, tools: Tools) -> Outcome:
    """Take a queued job through the gate and over the wire, in one process: permits age."""
    outcome = admit(job, tools)
    if isinstance(outcome, Next) and outcome.job:
        return submit(outcome.job, tools)
    return outcome


def attend(job: Job, tools: Tools, *, counted: bool = False) -> Outcome:
    """Do what a job in flight is due for. Its lease has run out, so nobody else is at it.

    *counted* says that its `runs` have this one among them.
    """
    if job.state in ENDS:
        return Ended(job)
    match job.state:
        case State.QUEUED | State.PARKED:
            return Done("it waits for its turn")
        case State.FOLLOWING:
            return follow(job, tools)
        case State.ADMITTED:  # its worker went away before it sent anything
            return abandon(job, tools)
        case State.UNDELIVERED | State.FETCHED:
            return Next("fetch", job)
        case state:
            return watched(job, tools, STAGES[state], counted=counted)


def watched(job: Job, tools: Tools, stage: Callable[[Job, Tools], Outcome], *, counted: bool) -> Outcome:
    """Run a stage that reads what a provider says, unless the job has stopped the workers that did so before."""
    if not counted:
        job = replace(job, runs=tools.jobs.begun(job))
    if job.runs > tools.settings.worker.deaths:
        return put_before_operator(job, tools)
    try:
        return stage(job, tools)  # that it came back is noted with what came of it
    except Exception:
        tools.jobs.came_back(job)
        raise


def deliver(job: Job, tools: Tools, there: answers.Completed | None = None, *, counted: bool = False) -> Outcome:
    """Fetch and finish a job whose clip is ready, in one process. *counted*: its `runs` have this one among them."""
    return surviving("fetched", job, tools, lambda: _deliver(job, tools, there, counted=counted))


def produce(job: Job, tools: Tools) -> Outcome:
    """Check a clip that is here, make what was asked for of it, and end its job."""
    return surviving("rendered", job, tools, lambda: make(job, tools))


def _deliver(job: Job, tools: Tools, there: answers.Completed | None, *, counted: bool) -> Outcome:
    outcome: Outcome = Next("finish")
    if job.state is State.FOLLOWING:
        outcome = serve(job, tools)
        job = (outcome.job or job) if isinstance(outcome, Next) else job
    if job.state is State.UNDELIVERED:
        if not counted:
            job = replace(job, runs=tools.jobs.begun(job))
        if job.runs > tools.settings.worker.deaths:
            return put_before_operator(job, tools)
        outcome = fetch(job, tools, there, last=not to_render(job, tools))
        if isinstance(outcome, Ended):
            return outcome
        if isinstance(outcome, Next) and outcome.job:
            job = outcome.job
        else:
            tools.jobs.came_back(job)
            job = tools.jobs.get(job.id)
    if outcome == Next("finish") and job.state is State.FETCHED:
        if awaited(job, tools):
            return Done("its background is still to come")
        if to_render(job, tools):
            waited = (tools.clock.now() - job.moments.get("fetched", 0)) / SECOND
            unseen = {"note": "it waits for a worker of role render"} if waited > NOTICED and not job.note else {}
            tools.jobs.look_again(job, RENDERED_BY, **unseen)
            return Next("render", job)
        return finish(job, tools)
    return Ended() if job.state in ENDS else outcome


def abandon(job: Job, tools: Tools) -> Outcome:
    """Give back what a worker that went away had been admitted to; nothing was sent."""
    noted = death(job, tools)
    if deadly(job, tools):
        return set_aside(job, tools, noted, release=True)
    moved = tools.jobs.requeue(job, note="its worker went away before sending it", **noted)
    return Next("enter") if moved else Done("moved")
