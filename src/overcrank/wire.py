"""What goes through Celery: the names of queues and tasks, and how a job's message and its canvas look."""

from typing import Any

from .clip import Clip, Priority
from .money import dollars

GENERATE = "overcrank.generate"
POLL = "overcrank.poll"
FETCH = "overcrank.fetch"
RENDER = "overcrank.render"
BUDGET_TICK = "overcrank.budget_tick"
POLL_TICK = "overcrank.poll_tick"
SWEEP = "overcrank.sweep"

QUEUES = {priority: f"video.{priority}" for priority in Priority}
"""The queue of each priority, in the order they are consumed."""
POLL_QUEUE, FETCH_QUEUE, RENDER_QUEUE, BEAT_QUEUE = "video.poll", "video.fetch", "video.render", "overcrank.beat"
COMMON_QUEUE = "celery"
"""Where Celery sends what names no queue: clips from code that knows nothing of ours, and what follows a clip."""
ALL_QUEUES = (BEAT_QUEUE, POLL_QUEUE, FETCH_QUEUE, RENDER_QUEUE, *QUEUES.values(), COMMON_QUEUE)

JOB = "job"
"""The keyword argument by which a message of ours names its job; others send the clip's fields themselves."""

CANVAS = ("callbacks", "errbacks", "chain", "chord", "group", "group_index", "root_id", "parent_id")
"""The fields of a Celery request that say what follows a task."""


def broker_url(url: str) -> str:
    """Return a Redis URL in the form the broker library knows: it has its own scheme for sockets."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    database = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
    return f"redis+socket://{path}?virtual_host={database}"


def is_redis(url: str) -> bool:
    """Tell whether a broker's URL is that of a Redis."""
    return url.startswith(("redis://", "rediss://", "unix://"))


def arguments(job_id: str) -> dict[str, str]:
    """Return the keyword arguments of a job's message."""
    return {JOB: job_id}


def headline(clip: Clip, quote: int) -> str:
    """Return the one line that monitors show for a job's arguments; never a secret."""
    return f"{clip.duration:g}s @{clip.fps}fps {dollars(quote)} {clip.words}"


def canvas(request: Any) -> dict[str, Any]:
    """Return what is to follow a Celery request, as plain data: it is kept with the job until it ends."""
    kept = {name: getattr(request, name, None) for name in CANVAS}
    return {name: value for name, value in kept.items() if value not in (None, [], {}, "")}  # 0 is a place in a group
