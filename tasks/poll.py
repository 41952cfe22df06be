"""`overcrank.poll`: look at many jobs in flight that are due, and go on with each as it needs."""

import logging
from contextlib import ExitStack

from overcrank import wire
from overcrank.client import send
from overcrank.errors import UnknownJob
from overcrank.job import Job
from overcrank.outcome import Ended, Next
from overcrank.pipeline import flow
from overcrank.turns import taken
from tasks.announce import announce
from tasks.fetch import bring
from workers.app import app
from workers.process import current

logger = logging.getLogger(__name__)

MOST = 16
"""Jobs one run takes: few enough that their leases outlast the run."""


@app.task(name=wire.POLL, send_events=False)
def poll() -> int:
    """Attend to jobs that are due; return to how many."""
    process = current()
    jobs = process.tools.jobs
    ids = process.runtime.scripts.due(MOST, jobs.lease_us)
    found = jobs.get_many(ids)
    if gone := set(ids) - {job.id for job in found}:  # retired while they were due
        jobs.redis.zrem(process.runtime.keys.due, *gone)
    with ExitStack() as stack:
        for job in found:
            stack.enter_context(process.hand(job.id, job.state))
        if len(found) == 1:
            _safely(found[0])
        else:
            list(process.hands.map(_safely, found))
    return len(ids)


def _safely(job: Job) -> None:
    try:
        with taken():
            attend(job)
    except Exception:  # one job's trouble is not the others'; its lease brings it back
        logger.exception("attending to job %s went wrong; it comes back", job.id)


def attend(job: Job, *, counted: bool = False) -> None:
    """Do what a job is due for, and send or announce what follows. *counted*: its `runs` have this one among them."""
    process = current()
    match flow.attend(job, process.tools, counted=counted):
        case Next("fetch", moved, there):
            with process.fetching() as here:
                if here:
                    bring(moved or job, there)
                else:
                    app.send_task(wire.FETCH, args=[job.id], queue=wire.FETCH_QUEUE)
        case Next("enter"):
            send(app, job.id, job.clip, job.quote)
            process.tools.jobs.sent([job.id])
        case Ended(ended):
            try:
                announce(ended or process.tools.jobs.get(job.id))
            except UnknownJob:
                logger.warning("job %s was retired before its result was handed over", job.id)
