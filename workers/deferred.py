"""A Celery request whose task lets go of its message long before its job ends.

Celery's own way to say so is to raise `Ignore`, for which it formats a traceback: a millisecond a job. So the task
returns, and its request is told beforehand that nothing follows from that: no result, no event, no rest of a chain.
"""

from typing import Any

from celery.worker.request import Request

NOTHING: dict[str, Any] = {"ignore_result": True, "callbacks": None, "chain": None, "chord": None}
"""What a request is told so that nothing follows when its task returns."""


class Deferred(Request):
    """Sends all events but the one that it succeeded: `tasks/announce.py` sends that when the job has ended."""

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002  (the name is the library's)
        """Send an event."""
        if type != "task-succeeded":
            super().send_event(type, **fields)
