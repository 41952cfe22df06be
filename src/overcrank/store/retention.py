"""Retention: a summary of every ended job is archived, and then Redis lets go of the job in its time."""

from ..clock import SECOND
from ..keys import Keys
from ..lifecycle import ENDS
from ..scripts import ANY
from ..server import Server
from .archive import Archive, row
from .jobs import Jobs


class Retention:
    """Moves ended jobs of one namespace from Redis to the archive."""

    def __init__(self, redis: Server, keys: Keys, jobs: Jobs, archive: Archive, model: str) -> None:
        self._redis, self._keys, self._jobs, self._archive, self._model = redis, keys, jobs, archive, model

    def archive(self, most: int = 500) -> int:
        """Archive up to *most* jobs of each end that ended since the last time; return how many.

        The mark moves on only when the rows are written, so a full disk loses none; a row written twice is one row.
        """
        kept = 0
        for state in ENDS:
            name = f"archived_{state}"
            mark = int(self._redis.hget(self._keys.counters, name) or 0)
            found = self._redis.zrangebyscore(
                self._keys.state(state, ANY), f"({mark}", "+inf", start=0, num=most, withscores=True
            )
            if found:
                jobs = self._jobs.get_many(job_id for job_id, _ in found)
                kept += self._archive.keep(row(job, self._model) for job in jobs)
                # jobs of one microsecond may be cut in two by *most*: the mark stays before the last of them
                last = int(found[-1][1])
                self._redis.hset(self._keys.counters, name, last if len(found) < most else last - 1)
        return kept

    def retire(self, most: int = 1000) -> int:
        """Let go of up to *most* jobs of each end whose time is over and that are archived; return how many.

        Their records would expire by themselves some time later; until then a broken archive can be mended. Slots the
        provider surely no longer uses go too.
        """
        gone, now = 0, self._jobs.now()
        for state in ENDS:
            index = self._keys.state(state, ANY)
            archived = int(self._redis.hget(self._keys.counters, f"archived_{state}") or 0)
            old = min(archived, now - self._jobs.retention_s * SECOND)
            ids = self._redis.zrangebyscore(index, "-inf", old, start=0, num=most)
            if ids:
                pipe = self._redis.pipeline(transaction=False)
                pipe.delete(*(self._keys.job(job_id) for job_id in ids))
                pipe.delete(*(self._keys.audience(job_id) for job_id in ids))
                pipe.zrem(index, *ids)
                pipe.execute()
                gone += len(ids)
        self._redis.zremrangebyscore(self._keys.slots, "-inf", now)
        return gone
