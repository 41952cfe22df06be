"""A Celery request whose task lets go of its message long before its job ends.

Celery's own way to say so is to raise `Ignore`, for which it formats a traceback: a millisecond a job. So the task
returns, and its request is told beforehand that nothing follows from that: no result, no event, no rest of a chain.
"""

from typing import Any

from celery.worker.request import Request

from overcrank import wire
from overcrank.errors import JobError
from workers.asked import clip_of
from workers.process import current

NOTHING: dict[str, Any] = {"ignore_result": True, "callbacks": None, "errbacks": None, "chain": None, "chord": None}
"""What a request is told so that nothing follows when its task returns, or fails."""


class Deferred(Request):
    """Sends all events but the one that it succeeded: `tasks/announce.py` sends that when the job has ended."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        if not isinstance(self._kwargs, dict) or set(self._kwargs) != {wire.JOB}:
            self._argsrepr, self._kwargsrepr = "", self._headline()

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002  (the name is the library's)
        """Send an event."""
        if type != "task-succeeded":
            super().send_event(type, **fields)

    def _headline(self) -> str:
        """Return the line that monitors show of a message of somebody else's, which may hold anything."""
        try:
            clip = clip_of(next(iter(self._args), None), self._kwargs, self._delivery_info)
            runtime = current().runtime
            return wire.headline(clip, runtime.prices.quote(clip, runtime.settings.provider.model))
        except (JobError, TypeError, ValueError):
            return "not a clip that can be made"
