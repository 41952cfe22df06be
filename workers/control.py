"""The remote control: `celery control rate_limit overcrank.generate 20/s`, or Flower's button, changes the lane."""

from typing import Any

from celery import Celery
from celery.utils.time import rate
from celery.worker.control import control_command
from celery.worker.control import rate_limit as celery_rate_limit

from overcrank.runtime import Runtime
from overcrank.settings import LimitSettings
from overcrank.wire import GENERATE
from workers.process import current


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
    answer: dict[str, str] = celery_rate_limit(state, task_name, rate_limit, **given)
    if task_name == GENERATE and "ok" in answer:
        current().runtime.lane.set(rate=rate(rate_limit) if rate_limit else 0)
        return {"ok": "new rate limit set, for all workers together"}
    return answer
