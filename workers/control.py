"""The remote control, and Flower's buttons.

`celery control rate_limit overcrank.generate 20/s` changes the lane, and `revoke` cancels a clip that was not sent.
"""

from contextlib import suppress
from math import isfinite
from typing import Any

from celery import Celery
from celery.utils.time import rate
from celery.worker.control import control_command
from celery.worker.control import rate_limit as celery_rate_limit
from celery.worker.control import revoke as celery_revoke
from kombu.utils.functional import maybe_list

from overcrank.errors import TooLate, UnknownJob
from overcrank.pipeline.cancel import cancel
from overcrank.runtime import Runtime
from overcrank.settings import LimitSettings
from overcrank.wire import GENERATE
from workers.process import current

FASTEST = 100_000
"""Calls a second that a lane may be allowed at the most."""


def apply_limits(app: Celery, runtime: Runtime) -> None:
    """Make the annotation of `overcrank.generate` the limit of the lane, for all workers."""
    task = app.tasks[GENERATE]
    annotated = LimitSettings(
        rate=rate(task.rate_limit) if task.rate_limit else 0,
        burst=getattr(task, "rate_burst", runtime.settings.limits.burst),
        concurrency=runtime.settings.limits.concurrency,
    )
    runtime.configure(annotated)


@control_command(
    name="rate_limit",
    args=[("task_name", str), ("rate_limit", str)],
    signature="<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>",
)
def rate_limit(state: Any, task_name: str, rate_limit: str, **given: Any) -> dict[str, str]:
    """Change the rate limit of a task; that of `overcrank.generate` holds over all workers."""
    if task_name != GENERATE:
        answer: dict[str, str] = celery_rate_limit(state, task_name, rate_limit, **given)
        return answer
    wanted = read_rate(rate_limit)
    if wanted is None:
        return {"error": f"{rate_limit!r} is no rate: give a number from 0 (no limit) to {FASTEST} a second, as 5/s"}
    current().runtime.lane.set(rate=wanted)
    celery_rate_limit(state, task_name, rate_limit, **given)  # so that monitors show it
    return {"ok": "new rate limit set, for all workers together"}


def read_rate(text: Any) -> float | None:
    """Return calls a second, or None where that is no rate that a lane could have."""
    try:
        calls = float(rate(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return calls if isfinite(calls) and 0 <= calls <= FASTEST else None


@control_command(name="revoke", variadic="task_id", signature="[id1 [id2 [... [idN]]]]")
def revoke(state: Any, task_id: Any, terminate: bool = False, signal: str | None = None, **given: Any) -> Any:
    """Revoke tasks; a clip that was not sent is cancelled at once, wherever its message is."""
    process = current()
    for job_id in maybe_list(task_id) or ():
        with suppress(TooLate, UnknownJob):  # it is Celery's alone, or too late
            cancel(str(job_id), process.tools.jobs, process.tools.gate)
    return celery_revoke(state, task_id, terminate=terminate, signal=signal, **given)
