"""Nothing grows without bound: what a hundred thousand jobs leave behind is what a thousand leave."""

from datetime import timedelta

import pytest

from overcrank.clip import Clip, Priority
from overcrank.ids import new_id
from overcrank.lifecycle import State
from overcrank.runtime import Runtime
from overcrank.server import Command, together
from overcrank.settings import RetentionSettings

BATCH = 5_000


def live_and_end(runtime: Runtime, count: int) -> None:
    """Enter jobs and end them, archive them and let go of them."""
    clip = Clip(prompt="a ball falls")
    for _ in range(0, count, BATCH):
        ids = [new_id() for _ in range(BATCH)]
        commands: list[Command] = []
        for job_id in ids:
            runtime.jobs.enter(job_id, clip, 1000, sent=True, later=commands)
        together(runtime.redis, *commands)
        for job_id in ids:
            runtime.scripts.move(
                job_id, State.QUEUED, State.CANCELLED, Priority.NORMAL, {"error_kind": "Cancelled", "cost": 0},
                version=1, due_in_us=None, ttl_s=600,
            )  # fmt: skip
        while runtime.retention.archive(most=BATCH):
            pass


def left_behind(runtime: Runtime) -> tuple[int, int]:
    """Wait until all jobs' time is over, let go of them, and return keys and entries in lists that are left."""
    over = runtime.jobs.now() + 1_100_000
    while runtime.jobs.now() < over:
        pass
    while runtime.retention.retire(most=BATCH):
        pass
    keys = list(runtime.redis.scan_iter(count=5000))
    return len(keys), sum(runtime.redis.zcard(key) for key in keys if runtime.redis.type(key) == "zset")


@pytest.mark.timeout(300)
def test_a_hundred_thousand_jobs_leave_no_more_than_five_thousand(redis, configured):
    """Keys and lists are as long after the hundred thousandth job as after the five thousandth; the archive has all."""
    runtime = Runtime(configured(retention=RetentionSettings(jobs=timedelta(seconds=1))))
    runtime.redis = redis
    live_and_end(runtime, BATCH)
    few = left_behind(runtime)
    live_and_end(runtime, 100_000 - BATCH)
    many = left_behind(runtime)

    assert few == many
    assert many[1] <= 20
    assert runtime.archive.spend([])[0]["jobs"] == 100_000
