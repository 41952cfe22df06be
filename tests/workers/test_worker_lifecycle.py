"""How a worker begins: not at all with settings that do not do, and as soon as Redis lets it."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from workers.process import Process

ROOT = Path(__file__).parents[2]


@pytest.mark.system
def test_a_worker_whose_key_can_not_be_used_ends(server_url: str, redis, tmp_path: Path):
    """It says what is wrong and ends with the code of a wrong setting, before it touches a job."""
    done = subprocess.run(
        [sys.executable, "-m", "workers", "--concurrency", "2", "--queues", "video.normal", "--hostname", "w@%h"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={
            **os.environ, "OVERCRANK_REDIS_URL": server_url, "OVERCRANK_DATA_DIR": str(tmp_path),
            "OVERCRANK_PROVIDER__API_KEY": "two words",
        },
    )  # fmt: skip
    redis.flushall()

    assert 4 == done.returncode, done.stderr
    assert "this worker can not work and ends: OVERCRANK_PROVIDER__API_KEY" in done.stderr


def test_what_a_worker_does_first_is_done_until_redis_takes_it():
    """An outage at that moment puts it off; it is done once, and no more after that."""
    calls, done = [], threading.Event()
    process = SimpleNamespace(_stop=threading.Event())
    process._start = lambda *given, **more: Process._start(process, given[0], given[1], 0.001, **more)

    def action():
        calls.append(1)
        if len(calls) < 3:
            raise RedisConnectionError("away")
        done.set()

    Process.until_done(process, "ready", action)
    assert done.wait(10)
    process._stop.set()

    assert 3 == len(calls)
