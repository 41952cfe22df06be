"""`overcrank.render`: check a clip that is here, make what was asked for of it, and hand its result over."""

import logging

from overcrank import wire
from overcrank.errors import UnknownJob
from overcrank.lifecycle import State
from overcrank.outcome import Ended
from overcrank.pipeline import flow
from tasks.announce import announce
from workers.app import app
from workers.process import current

logger = logging.getLogger(__name__)


@app.task(name=wire.RENDER, send_events=False)
def render(job_id: str) -> None:
    """Make what was asked for of one job's clip, if nobody else is at it; the work is done in a child process."""
    process = current()
    jobs = process.tools.jobs
    with process.only(job_id) as runs:
        if runs is None:
            return
        try:
            job = jobs.get(job_id)
        except UnknownJob as error:
            logger.warning("a message asked to render for a job that is not there: %s", error)
            return
        if job.state is State.FETCHED:
            with process.hand(job_id, State.FETCHED):
                outcome = flow.produce(job, process.tools)
            if isinstance(outcome, Ended):
                announce(jobs.get(job_id))
        elif job.ended and jobs.audience(job_id):
            announce(job)
