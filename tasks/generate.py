"""`overcrank.generate`: one requested clip. It admits, submits and lets go; the job goes on without it."""

import logging
import time
from contextlib import suppress
from typing import Any

from celery import signals, states
from celery.app.task import Context
from celery.exceptions import Reject
from celery.worker.state import revoked

from overcrank import wire
from overcrank.errors import Cancelled, JobError, OverBudget, TooLate, UnknownJob
from overcrank.ids import is_id
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.money import dollars
from overcrank.outcome import Ended, Hold, Next, Park, Retry
from overcrank.pipeline import flow, share
from overcrank.pipeline.cancel import cancel
from overcrank.planning.physics import settled
from overcrank.turns import taken
from tasks.announce import AWAY, announce, retell, started, tell
from tasks.poll import attend
from workers.app import app
from workers.asked import clip_of
from workers.deferred import NOTHING
from workers.process import Process, current

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds before a message goes back whose trouble may be there still."""


@app.task(name=wire.GENERATE, bind=True, ignore_result=False, Request="workers.deferred:Deferred")
def generate(self: Any, previous: Any = None, /, **fields: Any) -> None:
    """Generate the clip that the fields describe; the result is the file, its checksum, its cost and its timings.

    Nothing but `Reject` leaves it: whoever waits is told by `tasks/announce.py`, once the job has ended, and what went
    wrong here is no end. Where a server is away, or for whatever we did not think of, the message is handed back.
    """
    process = current()
    canvas = wire.canvas(self.request)
    self.request.update(NOTHING)
    try:
        with taken():
            try:
                job = _job(process, self.request, canvas, previous, fields)
            except (JobError, UnknownJob) as error:
                logger.info("a message for a clip is refused: %s: %s", type(error).__name__, error)
                refused = {"id": self.request.id, "task": wire.GENERATE, "delivery_info": {}, **canvas}
                tell(None, error, Context(refused))
                return
            _run(process, job, self.request.id)
    except Reject:
        raise
    except AWAY as error:
        logger.warning("a message is handed back, as a server is away: %s", error)
        _hand_back(process)
    except Exception:
        logger.exception("a message is handed back, as something went wrong with it")
        _hand_back(process)


def _hand_back(process: Process) -> None:
    until = time.monotonic() + PAUSE  # it comes again at once
    while (left := until - time.monotonic()) > 0 and process.room.wait(left):
        pass
    raise Reject("handed back", requeue=True)


def _run(process: Process, job: Job, task_id: str) -> None:
    """Bring a job on its way, or hand its message back."""
    if job.ended:
        audience = process.tools.jobs.audience(job.id)
        retell(job, task_id) if audience.get(task_id, {}) is None else announce(job)
        return
    patience = process.runtime.settings.worker.hold.total_seconds()
    handed_back_at = time.monotonic() + patience
    with process.hand(job.id, State.ADMITTED, State.SUBMITTING):
        while job.state is State.QUEUED:
            outcome = flow.start(job, process.tools)
            match outcome:
                case Hold(wait=wait) | Retry(wait=wait):
                    if not process.room.wait(wait) or time.monotonic() > handed_back_at:
                        process.tools.gate.leave(job)
                        raise Reject("handed back", requeue=True)
                    if task_id in revoked:
                        _cancel(process, job.id)
                    if isinstance(outcome, Hold) and outcome.same:
                        continue  # where it is another by now, the gate says so
                case Ended(ended):
                    announce(ended or process.tools.jobs.get(job.id))
                    return
                case Park(limit):  # the budget tick queues it again, with a message of its own
                    logger.info("job %s is parked: %s", job.id, limit)
                    return
                case Next("wait", sent, _, True) if sent:
                    with process.hand(job.id, State.GENERATING):
                        attend(sent, counted=True)
                    return
                case Next("wait"):
                    started(job.id, task_id)
                    return
            job = process.tools.jobs.get(job.id)


@signals.task_revoked.connect
def discarded(request: Any = None, **_: Any) -> None:
    """Cancel the job whose message was revoked: the worker does not run it."""
    if getattr(request, "task_name", "") == wire.GENERATE:
        _cancel(current(), (request.kwargs or {}).get(wire.JOB, request.id))


def _cancel(process: Process, job_id: str) -> None:
    with suppress(TooLate, UnknownJob):
        cancel(job_id, process.tools.jobs, process.tools.gate)


def _job(process: Process, request: Any, canvas: dict[str, Any], previous: Any, fields: dict[str, Any]) -> Job:
    """Return the job that a message stands for, entering one that somebody sent without knowing us."""
    jobs = process.tools.jobs
    named = fields.get(wire.JOB)
    if named is not None:
        if not isinstance(named, str) or not is_id(named):
            raise UnknownJob(f"a message named the job {str(named)[:80]!r}, which is no id of ours")
        job_id = named
    else:
        job_id = _enter(process, request, previous, fields)
    return jobs.attend(job_id, request.id, canvas)


def _enter(process: Process, request: Any, previous: Any, fields: dict[str, Any]) -> str:
    """Write the job of a message that carries a clip's own fields; a repeated message finds it there."""
    if app.backend.get_state(request.id) == states.REVOKED:  # before any worker knew of it, so no record says so
        raise Cancelled("it was revoked before it was sent")
    clip = settled(clip_of(previous, fields, request.delivery_info))
    settings = process.runtime.settings
    quote = process.runtime.prices.quote(clip, settings.provider.model)
    if quote > settings.budget.cap and quote > process.runtime.ledger.window().cap:
        raise OverBudget(f"{clip.line} costs {dollars(quote)}, more than a whole budget window holds")
    return share.enter(process.tools.jobs, request.id, clip, quote, settings.provider.model)
