"""`overcrank.generate`: one requested clip. It admits, submits and lets go; the job goes on without it."""

import logging
import time
from contextlib import suppress
from typing import Any

from celery import signals
from celery.exceptions import Reject
from celery.worker.state import revoked

from overcrank import wire
from overcrank.clip import read_clip
from overcrank.errors import InvalidClip, JobError, OverBudget, TooLate, UnknownJob
from overcrank.ids import is_id
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.media.recipe import recipe
from overcrank.money import dollars
from overcrank.outcome import Ended, Hold, Next, Park, Retry
from overcrank.pipeline import flow, share
from overcrank.pipeline.cancel import cancel
from overcrank.planning.physics import settled
from tasks.announce import announce, retell, started
from tasks.poll import attend
from workers.app import app
from workers.deferred import NOTHING
from workers.process import Process, current

logger = logging.getLogger(__name__)


@app.task(
    name=wire.GENERATE,
    bind=True,
    ignore_result=False,
    throws=(JobError, UnknownJob),
    Request="workers.deferred:Deferred",
)
def generate(self: Any, previous: Any = None, /, **fields: Any) -> None:
    """Generate the clip that the fields describe; the result is the file, its checksum, its cost and its timings."""
    process = current()
    job = _job(process, self.request, previous, fields)
    self.request.update(NOTHING)
    if job.ended:
        audience = process.tools.jobs.audience(job.id)
        retell(job, self.request.id) if audience.get(self.request.id, {}) is None else announce(job)
        return
    patience = process.runtime.settings.worker.hold.total_seconds()
    handed_back_at = time.monotonic() + patience
    with process.hand(job.id, State.ADMITTED, State.SUBMITTING):
        while job.state is State.QUEUED:
            outcome = flow.start(job, process.tools)
            match outcome:
                case Hold(_, _, wait) | Retry(wait):
                    if not process.room.wait(wait) or time.monotonic() > handed_back_at:
                        process.tools.gate.leave(job)
                        raise Reject("handed back", requeue=True)
                    if self.request.id in revoked:
                        _cancel(process, job.id)
                case Ended(ended):
                    announce(ended or process.tools.jobs.get(job.id))
                    return
                case Park(limit):  # the budget tick queues it again, with a message of its own
                    logger.info("job %s is parked: %s", job.id, limit)
                    return
                case Next("wait", sent, _, True) if sent:
                    with process.hand(job.id, State.GENERATING):
                        attend(sent)
                    return
                case Next("wait"):
                    started(job.id, self.request.id)
                    return
            job = process.tools.jobs.get(job.id)
    return


@signals.task_revoked.connect
def discarded(request: Any = None, **_: Any) -> None:
    """Cancel the job whose message was revoked: the worker does not run it."""
    if getattr(request, "task_name", "") == wire.GENERATE:
        _cancel(current(), (request.kwargs or {}).get(wire.JOB, request.id))


def _cancel(process: Process, job_id: str) -> None:
    with suppress(TooLate, UnknownJob):
        cancel(job_id, process.tools.jobs, process.tools.gate)


def _job(process: Process, request: Any, previous: Any, fields: dict[str, Any]) -> Job:
    """Return the job that a message stands for, entering one that somebody sent without knowing us."""
    jobs = process.tools.jobs
    named = fields.get(wire.JOB)
    if named is not None:
        if not isinstance(named, str) or not is_id(named):
            raise UnknownJob(f"a message named the job {str(named)[:80]!r}, which is no id of ours")
        job_id = named
    else:
        job_id = _enter(process, request, previous, fields)
    return jobs.attend(job_id, request.id, wire.canvas(request))


def _enter(process: Process, request: Any, previous: Any, fields: dict[str, Any]) -> str:
    """Write the job of a message that carries a clip's own fields; a repeated message finds it there."""
    if isinstance(previous, str):  # the task before it in a chain wrote the prompt
        fields = {"prompt": previous, **fields}
    elif isinstance(previous, dict) and "generation_id" in previous:
        pass  # the task before it was a clip too: it only comes first
    elif isinstance(previous, dict):
        fields = {**{name: value for name, value in previous.items() if name not in fields}, **fields}
    elif previous is not None:
        raise InvalidClip(f"a clip was expected as keyword arguments, got {type(previous).__name__}")
    queue = (request.delivery_info or {}).get("routing_key", "")
    for priority, name in wire.QUEUES.items():
        if name == queue and "priority" not in fields:
            fields = {**fields, "priority": priority}
    clip = settled(read_clip(fields))
    recipe(clip)
    settings = process.runtime.settings
    quote = process.runtime.prices.quote(clip, settings.provider.model)
    if quote > settings.budget.cap and quote > process.runtime.ledger.window().cap:
        raise OverBudget(f"{clip.line} costs {dollars(quote)}, more than a whole budget window holds")
    return share.enter(process.tools.jobs, request.id, clip, quote, settings.provider.model)
