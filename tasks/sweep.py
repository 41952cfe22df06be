"""The sweep: messages that never left or were lost are sent again; what ended long ago is retired.

A broker on Redis can lose a message when a worker is killed between taking it and noting that it has. The job's record
is the truth; a message only brings it forward, so one too many does no harm.
"""

import logging

from overcrank import wire
from overcrank.client import send
from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State
from overcrank.storage.retention import Rules, tidy
from workers.app import app
from workers.broker import backlog
from workers.process import Process, current

logger = logging.getLogger(__name__)

ON_ITS_WAY = 3 * SECOND
"""A message younger than this may still be on its way."""

AGAIN_AFTER = 10
"""Seconds before a message that was sent again is sent once more: whoever did it may have died over it."""

TIDY_EVERY = 3600
"""Seconds between two looks for files that are kept no longer."""

REAP_EVERY = 30
"""Seconds between two looks for money and slots whose job is gone."""

MOST = 500
"""Messages one sweep sends at the most, for each priority."""


def sweep_once() -> None:
    """Run the sweep."""
    process = current()
    _unsent(process)
    _abandoned(process)
    for priority in Priority:
        _lost(process, priority)
    _gone(process)
    _reap(process)
    _tidy(process)  # before the archive: where that can not be written, files go all the same
    process.runtime.retention.archive()
    process.runtime.retention.retire()


def _tidy(process: Process) -> None:
    """Remove, once an hour, the files that the settings say are kept no longer."""
    runtime = process.runtime
    storage = runtime.settings.storage
    rules = Rules(storage.keep_for, storage.keep_bytes)
    if rules != Rules() and runtime.redis.set(runtime.keys.tick("tidy"), 1, nx=True, ex=TIDY_EVERY):
        gone = tidy(process.tools.storage, rules, running=runtime.jobs.running)
        if gone:
            logger.info("%d files are kept no longer, the oldest of %s", len(gone), gone[0].when.date())


def _reap(process: Process) -> None:
    """Give back what jobs that have ended or are gone still have; there is none unless something was lost."""
    runtime = process.runtime
    if runtime.redis.set(runtime.keys.tick("reap"), 1, nx=True, ex=REAP_EVERY):
        runtime.reaper.reap(runtime.jobs.now())


def _unsent(process: Process) -> None:
    """Send the messages of jobs whose producer died between writing the job and sending its message."""
    runtime = process.runtime
    old = runtime.jobs.now() - ON_ITS_WAY
    ids = runtime.redis.zrangebyscore(runtime.keys.unsent, "-inf", old, start=0, num=MOST)
    _send(process, ids, "was not sent")


def _lost(process: Process, priority: Priority) -> None:
    """Send again the messages of queued jobs that are neither in their queue nor held by a worker.

    A queue is first in, first out, so where it holds fewer messages than there are jobs waiting, the oldest jobs that
    nobody holds are those whose messages are gone.
    """
    runtime = process.runtime
    redis, keys = runtime.redis, runtime.keys
    now = runtime.jobs.now()
    queue = wire.QUEUES[priority]
    waiting = backlog(app, [queue])[queue]
    index = keys.state(State.QUEUED, priority)
    missing = redis.zcard(index) - waiting
    if missing <= 0:
        return
    oldest = redis.zrange(index, 0, min(missing, MOST) - 1)
    held = redis.zmscore(keys.present, oldest)
    fresh = {job.id for job in runtime.jobs.get_many(oldest) if now - max(job.moments.values()) < ON_ITS_WAY}
    _again(process, [i for i, until in zip(oldest, held, strict=True) if (until or 0) < now and i not in fresh])


def _abandoned(process: Process) -> None:
    """Send again the messages of jobs whose holder has not asked for longer than it would: its worker is gone."""
    runtime = process.runtime
    gone = runtime.jobs.now() - SECOND
    _again(process, runtime.redis.zrangebyscore(runtime.keys.present, "-inf", gone, start=0, num=MOST))


def _again(process: Process, ids: list[str]) -> None:
    redis, keys = process.runtime.redis, process.runtime.keys
    _send(process, [i for i in ids if redis.set(keys.tick(f"resent:{i}"), 1, nx=True, ex=AGAIN_AFTER)], "was lost")


def _send(process: Process, ids: list[str], why: str) -> None:
    jobs = process.runtime.jobs
    for job in jobs.get_many(ids):
        if job.state is State.QUEUED:
            logger.info("the message of job %s %s; it is sent again", job.id, why)
            send(app, job.id, job.clip, job.quote)
    jobs.sent(ids)


def _gone(process: Process) -> None:
    """Take holders that have not asked for a minute out of the line."""
    runtime = process.runtime
    gone = runtime.jobs.now() - 60 * SECOND
    for job_id in runtime.redis.zrangebyscore(runtime.keys.present, "-inf", gone, start=0, num=MOST):
        runtime.scripts.leave(job_id)
