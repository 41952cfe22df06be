"""Swift: a provider that answers at once and sets no limits, so that only a queue's own cost is left.

Run it as `python benchmarks/swift.py --jobs 2000`.
"""

import argparse

from contenders import CONTENDERS, compete
from house import Load
from table import show


def main() -> None:
    """Let everybody do it and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--only", choices=[*CONTENDERS], nargs="*", default=["ours", "prefork", "threads", "taskiq"])
    given = parser.parse_args()
    load = Load(jobs=given.jobs, seconds=0.0, rate=0)
    show(f"swift: {given.jobs} jobs, a provider that answers at once", load, compete(load, given.only))


if __name__ == "__main__":
    main()
