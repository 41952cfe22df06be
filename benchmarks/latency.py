"""Latency: how soon the vendor is called after `submit` on an idle system, and how soon the result is here.

Run it as `python benchmarks/latency.py --jobs 50`. The vendor notes when a call arrives, by the clock of
the same machine.
"""

import argparse
import json
import os
import time
from pathlib import Path
from statistics import median, quantiles

from contenders import settled
from house import House, Load

from overcrank.client import Client
from overcrank.settings import load as load_settings


def measure(jobs: int, hooks: bool) -> dict[str, float]:
    """Submit one clip at a time, each when the one before it has ended."""
    with House(Load(jobs=jobs, seconds=0.3, rate=0, workers=1)) as house:
        settled(house)
        if hooks:
            house.hooks()
        client = Client(load_settings())
        house.start("overcrank", "worker", "--slots", "16", ready="ready: ")
        client.wait(client.submit("the first one warms up"), timeout=60)
        submitted, posted, ended = [], [], []
        for n in range(jobs):
            begun = time.time()
            job = client.submit({"prompt": f"take {n}", "mode": "plain", "duration": 5})
            submitted.append(time.time() - begun)
            job = client.wait(job, timeout=60)
            ended.append(time.time() - begun)
            posted.append(house.sandbox.meter()["creates_log"][-1][0] - begun)
    last = quantiles(posted, n=20)[-1]
    return {
        "submit_ms": median(submitted) * 1000, "posted_ms": median(posted) * 1000, "posted_p95_ms": last * 1000,
        "ended_ms": median(ended) * 1000,
    }  # fmt: skip


def main() -> None:
    """Print the figures, with the vendor's webhooks and without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    jobs = parser.parse_args().jobs
    figures = {"asked": measure(jobs, hooks=False), "told": measure(jobs, hooks=True)}
    print(f"\nlatency: {jobs} jobs of 0.3 s, one at a time, after `submit` (ms)")
    for name, each in figures.items():
        print(
            f"{name:6}"
            + "".join(f"  {what.removesuffix('_ms').replace('_', ' ')} {ms:.1f}" for what, ms in each.items())
        )
    if into := os.environ.get("BENCH_RESULTS"):
        with Path(into).open("a") as file:
            file.write(json.dumps({"title": f"latency: {jobs} jobs", "latency": figures}) + "\n")


if __name__ == "__main__":
    main()
