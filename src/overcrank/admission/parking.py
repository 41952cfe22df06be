"""Parking: jobs that only their project's budget stops. They wait in Redis, in order, and go on when there is room."""

from ..keys import Keys, Period
from ..scripts import Scripts
from ..server import Server

MOST = 100
"""Jobs one call lets go at the most; what is left goes with the next."""


class Parking:
    """The parked jobs of every project."""

    def __init__(self, redis: Server, keys: Keys, scripts: Scripts) -> None:
        self._redis, self._keys, self._scripts = redis, keys, scripts
        self._period = Period(0, 1, 0)

    def release(self) -> list[str]:
        """Let go what there is room for, of every project; return the jobs, whose messages are to be sent.

        Nothing is remembered here about who was blocked and why: the scripts look at the books each time, so a call
        that was missed is made good by the next.
        """
        released = []
        for project in sorted(self._redis.smembers(self._keys.parks)):
            released += self._release(project)
        return released

    def _release(self, project: str) -> list[str]:
        heads = self._redis.zrange(self._keys.parked(project), 0, MOST - 1)
        while True:
            match self._scripts.release(project, heads, period=self._period):
                case ["window", *period]:
                    self._period = Period(*map(int, period))
                case answer:
                    return list(answer[1:])

    def counts(self) -> dict[str, int]:
        """Return how many jobs each project has parked."""
        projects = sorted(self._redis.smembers(self._keys.parks))
        return {project: self._redis.zcard(self._keys.parked(project)) for project in projects}
