"""`overcrank.fetch`: bring a paid clip home and hand its result over."""

import logging

from overcrank import wire
from overcrank.client import send
from overcrank.errors import UnknownJob
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Next, Outcome
from overcrank.pipeline import flow
from overcrank.providers.base import Completed
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
    bring(job)


def bring(job: Job, there: Completed | None = None) -> None:
    """Bring a clip home, from where the provider has just said it is, and hand over its result."""
    process = current()
    outcome: Outcome = Done("somebody else is at it")
    with process.only(job.id) as mine, process.turnstile.enter(alone=job.runs > 0, patience=PATIENCE) as admitted:
        if mine and not admitted:
            process.tools.jobs.look_again(job, 1.0)
        elif mine:
            with process.hand(job.id, State.FOLLOWING, State.UNDELIVERED, State.FETCHED):
                outcome = flow.deliver(job, process.tools, there)
            if isinstance(outcome, Ended):
                announce(outcome.job or process.tools.jobs.get(job.id))
    if outcome == Next("enter"):  # nobody has its film, so it is made for it
        send(app, job.id, job.clip, job.quote)
        process.tools.jobs.sent([job.id])
    if outcome == Next("render"):  # now that the clip is in nobody's hand
        queue = wire.RENDER_QUEUE
        if job.state is State.UNDELIVERED or not backlog(app, [queue])[queue]:  # else its message still waits there
            app.send_task(wire.RENDER, args=[job.id], queue=queue)
