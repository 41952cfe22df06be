"""Ended jobs are archived first, and then Redis lets go of them."""

from datetime import timedelta

import pytest

from overcrank.clip import Clip, Priority
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


def test_a_clock_that_was_set_back_loses_no_job(runtime):
    """What ended before the mark, by the clock of then, is archived before it is let go of."""
    (first,) = cancelled(runtime, 1)
    runtime.retention.archive()
    (late,) = cancelled(runtime, 1)
    runtime.redis.zadd(runtime.keys.state(State.CANCELLED, Priority.NORMAL), {late: runtime.jobs.now() - 120_000_000})
    assert 0 == runtime.retention.archive()
    runtime.retention.retire()

    assert sorted([first, late]) == sorted(row.id for row in runtime.archive.latest())
    assert not runtime.redis.exists(runtime.keys.job(late))


def test_one_record_that_can_not_be_read_stops_nothing(runtime):
    """The others are archived, and it stays where somebody can look at it."""
    bad, good = cancelled(runtime, 2)
    runtime.redis.hset(runtime.keys.job(bad), "request", '{"prompt":"x","of_a_newer_version":1}')

    assert 1 == runtime.retention.archive()
    assert [good] == [row.id for row in runtime.archive.latest()]


def test_one_row_that_can_not_be_written_stops_nothing(runtime, monkeypatch):
    """Each is written by itself where all together can not be."""
    bad, good = cancelled(runtime, 2)
    keep = runtime.archive.keep

    def picky(rows):
        rows = list(rows)
        if bad in {one.id for one in rows}:
            raise StoreUnavailable("a value is wrong")
        return keep(rows)

    monkeypatch.setattr(runtime.archive, "keep", picky)
    assert 1 == runtime.retention.archive()
    assert [good] == [row.id for row in runtime.archive.latest()]


def test_jobs_are_read_some_at_a_time(runtime, monkeypatch):
    """However many have ended since, memory is needed for these; all of them are archived."""
    ids, read, get_many = cancelled(runtime, 7), [], runtime.jobs.get_many
    monkeypatch.setattr("overcrank.store.retention.READ_AT_ONCE", 3)
    monkeypatch.setattr(runtime.jobs, "get_many", lambda some: (read.append(len(some)), get_many(some))[1])

    assert 7 == runtime.retention.archive()
    assert [3, 3, 1] == read
    assert sorted(ids) == sorted(row.id for row in runtime.archive.latest())
