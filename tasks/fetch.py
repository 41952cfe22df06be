"""`overcrank.fetch`: bring a paid clip home and hand its result over."""

import logging
from dataclasses import replace

from overcrank import wire
from overcrank.client import send
from overcrank.errors import UnknownJob
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Next, Outcome
from overcrank.pipeline import flow
from overcrank.providers.base import Completed
from overcrank.turns import taken
from tasks.announce import announce
from workers.app import app
from workers.broker import backlog
from workers.process import current

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds a job waits for its turn to fetch before it is put off: others are at it, or one of them must be alone."""


@app.task(name=wire.FETCH, send_events=False)
def fetch(job_id: str) -> None:
    """Fetch, verify, store and finish one job's clip, if nobody else is at it."""
    process = current()
    jobs = process.tools.jobs
    try:
        job = jobs.get(job_id)
    except UnknownJob as error:
        logger.warning("a message asked to fetch for a job that is not there: %s", error)
        return
    with taken():
        bring(job)


def bring(job: Job, there: Completed | None = None) -> None:
    """Bring a clip home, from where the provider has just said it is, and hand over its result."""
    process = current()
    outcome: Outcome = Done("somebody else is at it")
    with process.turnstile.enter(alone=job.runs > 0, patience=PATIENCE) as admitted:
        # only who has a place is counted: a death while it waits for one says nothing about the job
        counted = admitted and job.state is State.UNDELIVERED
        with process.only(job.id, counted=counted) as runs:
            if runs is not None and not admitted:
                process.tools.jobs.look_again(job, 1.0, runs=job.runs)  # a suspect stays one
            elif runs is not None:
                with process.hand(job.id, State.FOLLOWING, State.UNDELIVERED, State.FETCHED):
                    seen = replace(job, runs=runs) if counted else job
                    outcome = flow.deliver(seen, process.tools, there, counted=counted)
                if isinstance(outcome, Ended):
                    announce(outcome.job or process.tools.jobs.get(job.id))
    if outcome == Next("enter"):  # nobody has its film, so it is made for it
        send(app, job.id, job.clip, job.quote)
        process.tools.jobs.sent([job.id])
    if outcome == Next("render"):  # now that the clip is in nobody's hand
        queue = wire.RENDER_QUEUE
        if job.state is State.UNDELIVERED or not backlog(app, [queue])[queue]:  # else its message still waits there
            app.send_task(wire.RENDER, args=[job.id], queue=queue)
