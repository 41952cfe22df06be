"""Hand a job's result to whoever waits for it: the result backend, the rest of a chain or chord, errbacks, Flower.

`overcrank.generate` lets go of its message long before its job ends, so what Celery does when a task returns is done
here, under the job's own task id. It may be done twice, should a process die in between, and never not at all.
"""

import logging
from typing import Any

from celery import group, signature, states
from celery.app.task import Context

from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.wire import GENERATE, headline
from workers.app import app
from workers.process import current

logger = logging.getLogger(__name__)


def announce(job: Job) -> None:
    """Tell everybody who waits for *job*, which has ended."""
    jobs = current().tools.jobs
    there, followers = jobs.waiting(job.id)
    audience: dict[str, Any] = {job.id: {}, **there}
    for task_id, canvas in audience.items():
        if canvas is None:
            continue
        request = Context({"id": task_id, "task": GENERATE, "delivery_info": {}, **canvas})
        match job.state:
            case State.SUCCEEDED:
                _succeeded(job, request)
            case State.CANCELLED:
                _revoked(job, request)
            case _:
                _failed(job, request)
    jobs.told(job.id, audience, followers)
    logger.info("job %s %s%s", job.id, job.state, f": {job.exception}" if job.exception else "")


def started(job_id: str, task_id: str) -> None:
    """Let `AsyncResult(task_id).state` say STARTED while the job is in flight."""
    _keep(task_id, {"job_id": job_id}, states.STARTED, nx=True)


def _keep(task_id: str, result: Any, state: str, *, nx: bool = False) -> None:
    """Store a result in one round trip: Celery looks first whether there is one, and ours do not change.

    *nx* leaves alone what is there.
    """
    backend = app.backend
    meta = backend._get_result_meta(  # noqa: SLF001  (what a stored result looks like is Celery's to say)
        backend.encode_result(result, state), state, traceback=None, request=None
    )
    meta["task_id"] = task_id
    key, value = backend.get_key_for_task(task_id), backend.encode(meta)
    if nx:
        backend.client.set(key, value, ex=backend.expires, nx=True)
    else:
        backend.set(key, value)


def retell(job: Job, task_id: str) -> None:
    """Store the result of a job that ended once more, without running again what follows it."""
    if job.state is State.SUCCEEDED:
        app.backend.mark_as_done(task_id, job.result)
    elif job.state is State.CANCELLED:
        app.backend.mark_as_revoked(task_id, str(job.exception))
    else:
        app.backend.mark_as_failure(task_id, job.exception)


def _succeeded(job: Job, request: Context) -> None:
    result = job.result
    follow = {"parent_id": request.id, "root_id": request.root_id or request.id}
    if request.callbacks:
        group([signature(callback, app=app) for callback in request.callbacks], app=app).apply_async(
            (result,), **follow
        )
    if request.chain:
        signature(request.chain[-1], app=app).apply_async((result,), chain=request.chain[:-1], **follow)
    _keep(request.id, result, states.SUCCESS)
    app.backend.mark_as_done(request.id, result, request, store_result=False)  # counts a chord's parts
    _event("task-succeeded", job, request, result=f"{result['cost_usd']} USD {result['url']}" if result else "")


def _failed(job: Job, request: Context) -> None:
    error = job.exception
    app.backend.mark_as_failure(request.id, error, traceback="", request=request, store_result=True, call_errbacks=True)
    _event("task-failed", job, request, exception=repr(error), traceback="")


def _revoked(job: Job, request: Context) -> None:
    """What others call revoked we call cancelled."""
    app.backend.mark_as_revoked(request.id, str(job.exception), request=request, store_result=True)
    _event("task-revoked", job, request, terminated=False, signum=None, expired=False)


def _event(kind: str, job: Job, request: Context, **fields: Any) -> None:
    dispatcher = current().dispatcher
    if dispatcher is not None and dispatcher.enabled:
        begun, ended = job.moments.get("started", job.moments["created"]), job.moments.get("ended", 0)
        fields["runtime"] = max(0, ended - begun) / 1_000_000
        if job.leader:  # where it followed another all along it had no message, so monitors do not know it yet
            said = headline(job.clip, job.cost or 0)
            dispatcher.send("task-received", uuid=request.id, name=GENERATE, args="()", kwargs=said, retries=0)
        dispatcher.send(kind, uuid=request.id, retry=True, **fields)
