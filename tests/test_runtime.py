"""The parts of a process, and whose clock they go by."""

import time

import pytest

from overcrank import ids
from overcrank.job import read_job
from overcrank.lifecycle import State
from overcrank.runtime import Runtime


@pytest.mark.parametrize("minutes", [-30, 0, 30])
def test_a_machine_whose_clock_is_off_goes_by_the_servers(redis, configured, monkeypatch, minutes):
    """However wrong this machine's clock is, what is compared with the server's moments is the server's time."""
    monkeypatch.setattr(ids, "_last", ids._last)  # ids made meanwhile are not to lead the later ones
    right = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: right() + minutes * 60 * 10**9)
    monkeypatch.setattr(time, "time", lambda: right() / 1e9 + minutes * 60)
    runtime = Runtime(configured())
    runtime.redis = redis
    off = runtime.tools.clock.now() - runtime.jobs.now()

    assert abs(off) < 1_000_000


def test_a_record_of_an_older_version_is_read():
    """A job that was written before a field existed is read as if it had none of it."""
    job = read_job(
        "01a20b5e-9345-7801-83fd-cb108b86176b",
        {
            "state": "generating", "version": "4", "priority": "normal", "project": "default", "quote": "1000",
            "request": '{"prompt":"a ball"}', "attempt_no": "1", "tries": "0", "created": "1", "score": "1",
        },
    )  # fmt: skip

    assert (State.GENERATING, 0, 0, None, "a ball") == (job.state, job.deaths, job.runs, job.cost, job.clip.prompt)
