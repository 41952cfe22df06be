"""Hand a job's result to whoever waits for it: the result backend, the rest of a chain or chord, errbacks, Flower.

`overcrank.generate` lets go of its message long before its job ends, so what Celery does when a task returns is done
here, under the job's own task id. It may be done twice, should a process die in between, and never not at all.
"""

import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from celery import signature, states
from celery.app.task import Context
from celery.exceptions import TaskRevokedError
from kombu.utils.functional import maybe_list

from overcrank.errors import Cancelled, JobError, UnknownJob
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.server import OUTAGE, Command, together
from overcrank.transport import TROUBLE
from overcrank.wire import GENERATE, broker_url, headline
from workers.app import app
from workers.process import current

logger = logging.getLogger(__name__)

AWAY = (*OUTAGE, *TROUBLE)
"""What is raised while the broker or the result backend is away."""

FOLLOWING = ("callbacks", "errbacks", "chain", "chord")
"""What a request may name to follow it."""

KINDS = {states.SUCCESS: "task-succeeded", states.FAILURE: "task-failed", states.REVOKED: "task-revoked"}
"""The event that monitors are sent, by how a task ended."""


def announce(job: Job) -> None:
    """Tell everybody who waits for *job*, which has ended.

    Raises:
        Exception: one of `AWAY`. The job stays due, and whoever was not told is told then.
    """
    process = current()
    jobs = process.tools.jobs
    there, followers = job.waiting or jobs.waiting(job.id)
    told, away = [], None
    alone: list[Context] = []
    for task_id, canvas in {job.id: {}, **there}.items():
        if canvas is None:
            continue
        request = Context({"id": task_id, "task": GENERATE, "delivery_info": {}, **canvas})
        try:
            if _one_server() and not any(canvas.get(name) for name in FOLLOWING):
                alone.append(request)
            else:
                tell(job, job.exception, request)
            told.append(task_id)
        except AWAY as error:
            away = error
    state, result = _ending(job, job.exception)
    kept = [command for request in alone for command in _keeping(request.id, result, state)]
    jobs.told(job.id, told, followers, everybody=away is None, after=kept)
    for request in alone:
        _event(job, request, state, result)
    if away is not None:
        raise away
    process.let_go(job.id)
    logger.info("job %s %s%s", job.id, job.state, f": {job.exception}" if job.exception else "")


def tell(job: Job | None, error: JobError | UnknownJob | None, request: Context) -> None:
    """Store the result of one request, send on what follows it, each by itself, and the event.

    The result comes first: whatever becomes of the rest, it is there. What can not be sent because a server is away is
    sent when the job is announced again; with it what had been sent before, for that is what "at least once" means.
    What could never be sent, as its signature is wrong, is said in the log and left out. *job* is None for a message
    that made none.

    Raises:
        Exception: one of `AWAY`.
    """
    state, result = _ending(job, error)
    _keep(request.id, result, state)
    away = None
    for name, send in _followers(request, state, result):
        try:
            send()
        except AWAY as trouble:
            away = trouble
        except Exception:
            logger.exception("what follows task %s can not be sent and is left out: its %s", request.id, name)
    if away is not None:
        raise away
    _event(job, request, state, result)


def _ending(job: Job | None, error: JobError | UnknownJob | None) -> tuple[str, Any]:
    """Return Celery's state of a request that ended, and its result."""
    if error is None and job is not None:
        return states.SUCCESS, job.result
    if isinstance(error, Cancelled):  # what others call revoked we call cancelled
        return states.REVOKED, TaskRevokedError(str(error))
    return states.FAILURE, error


def _followers(request: Context, state: str, result: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Return what follows a request that ended, each by its name, as something to be called."""
    backend = app.backend
    if state == states.SUCCESS:
        lineage = {"parent_id": request.id, "root_id": request.root_id or request.id}
        for callback in maybe_list(request.callbacks) or ():
            yield "callback", partial(_send, callback, (result,), **lineage)
        if chain := maybe_list(request.chain):
            yield "chain", partial(_send, chain[-1], (result,), chain=chain[:-1], **lineage)
    if request.chord:  # each part counts, however it ended
        yield "chord", partial(backend.on_chord_part_return, request, state, result)
    if state == states.FAILURE:
        if request.chain:
            yield "chain", partial(backend._fail_chain, request.chain, result)  # noqa: SLF001  (Celery's way to fail it)
        for errback in maybe_list(request.errbacks) or ():
            alone = Context({**vars(request), "errbacks": [errback]})
            yield "errback", partial(backend._call_task_errbacks, alone, result, "")  # noqa: SLF001  (likewise)


def _send(follower: Any, arguments: tuple[Any, ...], **options: Any) -> None:
    signature(follower, app=app).apply_async(arguments, **options)


def started(job_id: str, task_id: str) -> None:
    """Let `AsyncResult(task_id).state` say STARTED while the job is in flight."""
    key, value = _entry(task_id, {"job_id": job_id}, states.STARTED)
    if _one_server():  # its client takes a third of the time
        until = ("EX", int(app.backend.expires)) if app.backend.expires else ()
        together(current().runtime.redis, ("SET", key, value, *until, "NX"))
    else:
        app.backend.client.set(key, value, ex=app.backend.expires, nx=True)


def _keep(task_id: str, result: Any, state: str) -> None:
    """Store a result in one round trip: Celery looks first whether there is one, and ours do not change."""
    app.backend.set(*_entry(task_id, result, state))


def _entry(task_id: str, result: Any, state: str) -> tuple[Any, Any]:
    """Return the key and the value of a stored result."""
    backend = app.backend
    meta = backend._get_result_meta(  # noqa: SLF001  (what a stored result looks like is Celery's to say)
        backend.encode_result(result, state), state, traceback=None, request=None
    )
    meta["task_id"] = task_id
    return backend.get_key_for_task(task_id), backend.encode(meta)


def _keeping(task_id: str, result: Any, state: str) -> list[Command]:
    """Return what stores a result, and tells those who wait for it, as Celery's backend for Redis does it."""
    key, value = _entry(task_id, result, state)
    kept = ("SETEX", key, int(app.backend.expires), value) if app.backend.expires else ("SET", key, value)
    return [kept, ("PUBLISH", key, value)]


@cache
def _one_server() -> bool:
    """Tell whether results are kept where jobs are, so that one round trip can reach both."""
    return bool(app.conf.result_backend == broker_url(current().runtime.settings.redis_url))


def retell(job: Job, task_id: str) -> None:
    """Store the result of a job that ended once more, without running again what follows it."""
    if job.state is State.SUCCEEDED:
        app.backend.mark_as_done(task_id, job.result)
    elif job.state is State.CANCELLED:
        app.backend.mark_as_revoked(task_id, str(job.exception))
    else:
        app.backend.mark_as_failure(task_id, job.exception)


def _event(job: Job | None, request: Context, state: str, result: Any) -> None:
    """Send the event that monitors wait for, if there is one who sends any."""
    dispatcher = current().monitors()
    if dispatcher is None or not dispatcher.enabled:
        return
    fields: dict[str, Any] = {"exception": repr(result), "traceback": ""}
    if state == states.SUCCESS:
        fields = {"result": f"{result['cost_usd']} USD {result['url']}" if result else ""}
    elif state == states.REVOKED:
        fields = {"terminated": False, "signum": None, "expired": False}
    if job is not None:
        begun, ended = job.moments.get("started", job.moments["created"]), job.moments.get("ended", 0)
        fields["runtime"] = max(0, ended - begun) / 1_000_000
        if job.leader:  # where it followed another all along it had no message, so monitors do not know it yet
            said = headline(job.clip, job.cost or 0)
            dispatcher.send("task-received", uuid=request.id, name=GENERATE, args="()", kwargs=said, retries=0)
    dispatcher.send(KINDS[state], uuid=request.id, retry=True, **fields)
