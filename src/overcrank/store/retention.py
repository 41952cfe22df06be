"""Retention: a summary of every ended job is archived, and then Redis lets go of the job in its time."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from ..clock import SECOND
from ..errors import StoreUnavailable
from ..job import Job
from ..keys import Keys
from ..lifecycle import ENDS
from ..scripts import ANY
from ..server import Server
from .archive import Archive, Row, row
from .jobs import Jobs

logger = logging.getLogger(__name__)

READ_AT_ONCE = 50
"""Jobs read in one round trip."""


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
                kept += self._keep(self._read([job_id for job_id, _ in found]))
                # jobs of one microsecond may be cut in two by *most*: the mark stays before the last of them
                last = int(found[-1][1])
                self._redis.hset(self._keys.counters, name, last if len(found) < most else last - 1)
        return kept

    def _read(self, ids: Sequence[str]) -> Iterator[Job]:
        """Go through jobs, reading some at a time: a row is small, and a job with all its fields is not."""
        for first in range(0, len(ids), READ_AT_ONCE):
            yield from self._jobs.get_many(ids[first : first + READ_AT_ONCE])

    def _keep(self, jobs: Iterable[Job]) -> int:
        """Write what can be written of these jobs: one bad record is not the others' trouble.

        Raises:
            StoreUnavailable: the archive itself can not be used.
        """
        rows: list[Row] = []
        for job in jobs:
            try:
                rows.append(row(job, job.model or self._model))
            except (ValueError, LookupError) as error:
                logger.warning(
                    "job %s can not be archived: its record can not be read (%s)", job.id, type(error).__name__
                )
        try:
            return self._archive.keep(rows)
        except StoreUnavailable:
            self._archive.latest(1)  # where this does not work either, nothing does
            kept = sum(self._keep_one(one) for one in rows)
            if not kept:
                raise
            return kept

    def _keep_one(self, one: Row) -> int:
        try:
            return self._archive.keep([one])
        except StoreUnavailable as error:
            logger.warning("job %s can not be archived: %s", one.id, error)
            return 0

    def _confirmed(self, ids: Sequence[str]) -> list[str]:
        """Return those of the jobs that the archive has; what it lacks is written first, whatever clock said when."""
        known = self._archive.known(ids)
        lacking = [job_id for job_id in ids if job_id not in known]
        if not lacking:
            return list(ids)
        there = self._jobs.get_many(lacking)
        self._keep(there)
        known, here = self._archive.known(ids), {job.id for job in there}
        return [job_id for job_id in ids if job_id in known or job_id not in here]

    def retire(self, most: int = 1000) -> int:
        """Let go of up to *most* jobs of each end whose time is over and that are archived; return how many.

        Their records would expire by themselves some time later; until then a broken archive can be mended. Slots the
        provider surely no longer uses go too.
        """
        gone, now = 0, self._jobs.now()
        for state in ENDS:
            index = self._keys.state(state, ANY)
            old = now - self._jobs.retention_s * SECOND
            ids = self._redis.zrangebyscore(index, "-inf", old, start=0, num=most)
            if ids:
                ids = self._confirmed(ids)
            if ids:
                pipe = self._redis.pipeline(transaction=False)
                pipe.delete(*(self._keys.job(job_id) for job_id in ids))
                pipe.delete(*(self._keys.audience(job_id) for job_id in ids))
                pipe.zrem(index, *ids)
                pipe.execute()
                gone += len(ids)
        self._redis.zremrangebyscore(self._keys.slots, "-inf", now)
        return gone
