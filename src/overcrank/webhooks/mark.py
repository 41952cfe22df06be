"""What a trusted call does: it makes its job due now, once, and nothing else."""

import json
from typing import Any

from ..ids import is_id
from ..keys import DUE
from ..lifecycle import State
from ..runtime import Runtime
from .signature import LONGEST_ID, TOLERANCE

AHEAD = frozenset({State.SUBMITTING, State.IN_DOUBT})
"""States of a job whose generation may have ended before we know that it was begun."""


class Marker:
    """Makes jobs due."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def seen(self, message_id: bytes) -> bool:
        """Tell whether a call with this id came before, and was of use or never will be."""
        return bool(self._runtime.redis.exists(self._key(message_id)))

    def remember(self, message_id: bytes) -> None:
        """Remember a call for as long as it could be believed."""
        self._runtime.redis.set(self._key(message_id), 1, ex=2 * TOLERANCE)

    def _key(self, message_id: bytes) -> str:
        return self._runtime.keys.tick(f"hook:{message_id.hex()}")

    def mark(self, job_id: str, body: bytes) -> str | None:
        """Make a job due now, if it is the one that the call speaks of and still waits; say what was done.

        Return None where the call is ahead of the answer to the request that bought the generation: a worker still has
        the job in hand, and nobody may take it from there.
        """
        generation_id = spoken_of(body)
        if generation_id is None or not is_id(job_id):
            return "it speaks of no generation"
        redis, keys = self._runtime.redis, self._runtime.keys
        state, known = redis.hmget(keys.job(job_id), "state", "generation_id")
        if state in AHEAD:
            return None
        if state != State.GENERATING or known != generation_id:
            return "nothing waits for it"
        redis.zadd(keys.due, {job_id: self._runtime.jobs.about_now()}, xx=True, lt=True)
        redis.publish(keys.wake, DUE)
        return "due"


def spoken_of(body: bytes) -> str | None:
    """Return the generation that a call's body speaks of, or None."""
    try:
        entry: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    data = entry.get("data") if isinstance(entry, dict) else None
    name = data.get("id") if isinstance(data, dict) else None
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    return name if isinstance(name, str) and 0 < len(name) <= LONGEST_ID else None
