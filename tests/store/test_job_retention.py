"""Ended jobs are archived first, and then Redis lets go of them."""

from datetime import timedelta

import pytest

from overcrank.clip import Clip
from overcrank.errors import Cancelled, StoreUnavailable
from overcrank.ids import new_id
from overcrank.lifecycle import State
from overcrank.runtime import Runtime
from overcrank.settings import RetentionSettings


@pytest.fixture
def runtime(redis, configured):
    """Return a runtime that keeps ended jobs for one second."""
    made = Runtime(configured(retention=RetentionSettings(jobs=timedelta(seconds=1))))
    made.redis = redis
    return made


def cancelled(runtime, count):
    """Enter jobs and cancel them; return their ids."""
    ids = []
    for _ in range(count):
        job_id = new_id()
        runtime.jobs.enter(job_id, Clip(prompt="a ball"), 1000, sent=True)
        runtime.jobs.move(runtime.jobs.get(job_id), State.CANCELLED, error=Cancelled("for the test"), cost=0)
        runtime.jobs.told(job_id, [job_id])
        ids.append(job_id)
    return ids


def test_every_ended_job_is_archived_once_however_few_at_a_time(runtime):
    """In small steps, and again when nothing is new, the archive has each job exactly once."""
    ids = cancelled(runtime, 7)
    for _ in range(12):
        runtime.retention.archive(most=3)

    assert sorted(ids) == sorted(row.id for row in runtime.archive.latest())
    assert runtime.retention.archive(most=3) == 0


def test_nothing_is_retired_that_is_not_archived(runtime, monkeypatch):
    """While the archive can not be written the lists keep every job, and afterwards it has them all."""
    ids = cancelled(runtime, 3)

    def full(_rows):
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(runtime.archive, "keep", full)
        with pytest.raises(StoreUnavailable):
            runtime.retention.archive()
        runtime.retention.retire()

    assert sorted(ids) == sorted(job.id for job in runtime.jobs.latest([State.CANCELLED]))
    assert runtime.retention.archive() == 3


def test_redis_lets_go_of_what_is_archived_and_old(runtime):
    """When their time is over, ended jobs leave the lists and their records are gone; the archive has them."""
    ids = cancelled(runtime, 3)
    runtime.retention.archive()
    early = runtime.retention.retire()
    over = runtime.jobs.now() + 1_100_000
    while runtime.jobs.now() < over:
        pass

    assert (0, 3) == (early, runtime.retention.retire())
    assert [] == runtime.jobs.latest(list(State))
    assert not runtime.redis.exists(*(runtime.keys.job(job_id) for job_id in ids))
    assert sorted(ids) == sorted(row.id for row in runtime.archive.latest())
