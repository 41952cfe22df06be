"""Growth: what an urgent job costs and how long it takes, with little and with much waiting and in flight beside it.

Run it as `python benchmarks/growth.py --queued 100000 --flying 10000`. What waits is bulk, and the worker that
is measured takes urgent jobs; what flies is at the vendor for an hour.
"""

import argparse
import json
import os
import time
from pathlib import Path
from statistics import median
from typing import Any

from contenders import settled
from house import House, Load
from processes import Watch

from overcrank.client import Client
from overcrank.settings import load as load_settings

LONG = 3600.0


def measure(queued: int, flying: int, jobs: int) -> dict[str, float]:
    """Have so many wait and fly, then run *jobs* urgent ones: together for their cost, one by one for their latency."""
    with House(Load(jobs=flying, seconds=LONG, rate=0)) as house:
        settled(house)
        client = Client(load_settings())
        house.start("overcrank", "worker", "--slots", "32", "--name", "all", ready="ready: ")
        for _ in client.submit_many({"prompt": f"flies {n}", "mode": "plain"} for n in range(flying)):
            pass
        _until(lambda: client.stats()["at_provider"] >= flying, 900)
        house.stop()
        house.sandbox.configure(generation_seconds=0.0)
        for _ in client.submit_many(
            ({"prompt": f"waits {n}", "mode": "plain"} for n in range(queued)), priority="bulk"
        ):
            pass
        for role in ("urgent", "wait", "fetch"):
            house.start("overcrank", "worker", "--role", role, "--slots", "16", "--name", role, ready="ready: ")
        client.wait(client.submit({"prompt": "the first one warms up", "mode": "plain"}, priority="urgent"), timeout=60)
        latency = [_one(client, n) for n in range(20)]
        house.redis.config_resetstat()
        with Watch([process.pid for process in house.processes]) as watch:
            clips = ({"prompt": f"urgent {n}", "mode": "plain"} for n in range(jobs))
            for job in list(client.submit_many(clips, priority="urgent")):
                client.wait(job, timeout=120)
        scripts: Any = house.redis.info("commandstats")["cmdstat_evalsha"]
        asked = [_timed(client.stats) for _ in range(5)], [_timed(client.latest) for _ in range(5)]
    return {
        "cpu_ms": watch.seconds / jobs * 1000, "ended_ms": median(latency) * 1000,
        "script_us": scripts["usec_per_call"], "stats_ms": median(asked[0]) * 1000, "list_ms": median(asked[1]) * 1000,
        "pss_mb": watch.peak,
    }  # fmt: skip


def _one(client: Client, n: int) -> float:
    begun = time.monotonic()
    client.wait(client.submit({"prompt": f"alone {n}", "mode": "plain"}, priority="urgent"), timeout=60)
    return time.monotonic() - begun


def _timed(ask: Any) -> float:
    begun = time.monotonic()
    ask()
    return time.monotonic() - begun


def _until(true: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"it did not come true in {seconds:g} s")
        time.sleep(0.5)


def main() -> None:
    """Print both cases and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--flying", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=500)
    given = parser.parse_args()
    few, many = measure(100, 100, given.jobs), measure(given.queued, given.flying, given.jobs)
    print(
        f"\ngrowth: {given.jobs} urgent jobs beside 100 queued and 100 in flight, and {given.queued} and {given.flying}"
    )
    for name, value in few.items():
        print(f"{name.replace('_', ' '):12} {value:10.2f} {many[name]:10.2f}   x {many[name] / value:.2f}")
    if into := os.environ.get("BENCH_RESULTS"):
        with Path(into).open("a") as file:
            file.write(json.dumps({"title": "growth", "few": few, "many": many}) + "\n")


if __name__ == "__main__":
    main()
