"""Bringing a clip home: one run at a time, and each is counted until it has come back."""

import threading
from collections import Counter

import pytest

from overcrank.clip import Clip
from overcrank.ids import new_id
from overcrank.lifecycle import State
from overcrank.outcome import Done
from overcrank.runtime import Runtime
from tasks import fetch
from workers.process import Process
from workers.turnstile import Turnstile


@pytest.fixture
def process(configured, redis, monkeypatch):
    """Return what one worker process has, without its threads."""
    made = Process.__new__(Process)
    made.runtime = Runtime(configured())
    made.turnstile, made._lock, made._lease_ms = Turnstile(), threading.Lock(), 5000
    made._hands, made._in_hand = set(), Counter()
    monkeypatch.setattr(fetch, "current", lambda: made)
    monkeypatch.setattr(fetch, "PATIENCE", 0.0)
    yield made
    redis.flushall()


def test_a_run_that_waits_for_its_place_is_not_counted_yet(process, redis, monkeypatch):
    """A kill while it waits says nothing about the job; from its place on, and until it has come back, it counts."""
    jobs, keys, job_id = process.runtime.jobs, process.runtime.keys, new_id()
    jobs.enter(job_id, Clip(prompt="a ball"), 1000, sent=True)
    redis.hset(keys.job(job_id), mapping={"state": State.UNDELIVERED, "runs": 1})
    seen = []
    wait = process.turnstile._wait
    monkeypatch.setattr(process.turnstile, "_wait", lambda *given: seen.append(jobs.get(job_id).runs) or wait(*given))
    monkeypatch.setattr(
        fetch.flow, "deliver", lambda job, *_, **__: seen.extend([job.runs, jobs.get(job_id).runs]) or Done("seen")
    )
    fetch.bring(jobs.get(job_id))

    assert [1, 2, 2] == seen


@pytest.mark.parametrize("runs", [0, 1])
def test_a_run_that_gets_no_place_is_not_counted(process, redis, runs):
    """Where another has the process to itself the job is put off: innocent as it was, or the suspect that it was."""
    jobs, keys, job_id = process.runtime.jobs, process.runtime.keys, new_id()
    jobs.enter(job_id, Clip(prompt="a ball"), 1000, sent=True)
    redis.hset(keys.job(job_id), mapping={"state": State.UNDELIVERED, "runs": runs})
    redis.zadd(keys.due, {job_id: 1})
    with process.turnstile.enter(alone=True, patience=0) as alone:
        fetch.bring(jobs.get(job_id))
    job = jobs.get(job_id)

    assert (True, runs, 0) == (alone, job.runs, redis.exists(keys.hand(job_id)))
    assert redis.zscore(keys.due, job_id) > jobs.now() - 1_000_000
