"""Scale out: 1, 2, 4 and 8 worker processes on a vendor that answers at once, with no limit of its own.

Run it as `python benchmarks/scale_out.py --jobs 1000`.
"""

import argparse
import json
import os
from pathlib import Path

from contenders import ours
from house import Figures, House, Load


def main() -> None:
    """Print jobs a second, and what a job costs the workers and the server, by the number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8])
    given = parser.parse_args()
    found: list[tuple[int, Figures]] = []
    for workers in given.workers:
        with House(Load(jobs=given.jobs, seconds=0.0, rate=0, workers=workers)) as house:
            found.append((workers, ours(house)))
    print(f"\nscale out: {given.jobs} jobs, a vendor that answers at once, {os.cpu_count()} cores for everything")
    print("workers  jobs/s  worker CPU ms/job  redis us/job  redis bytes/job  peak MB")
    for workers, each in found:
        print(
            f"{workers:7}  {each.done / each.span:6.0f}  {each.cpu_ms:17.2f}  {each.server_us:12.0f}  "
            f"{each.server_bytes:15.0f}  {each.pss_mb:7.0f}"
        )
    if into := os.environ.get("BENCH_RESULTS"):
        runs = [{"workers": workers, **each.as_dict()} for workers, each in found]
        with Path(into).open("a") as file:
            file.write(json.dumps({"title": "scale out", "scale": runs}) + "\n")


if __name__ == "__main__":
    main()
