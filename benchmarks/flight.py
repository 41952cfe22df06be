"""Flight: a provider that takes its time and a rate, so that thousands are in flight at once.

Run it as `python benchmarks/flight.py --jobs 2000 --seconds 40 --rate 100`.
"""

import argparse

from contenders import CONTENDERS, compete
from house import Load
from table import show


def main() -> None:
    """Let everybody do it and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--only", choices=[*CONTENDERS], nargs="*", default=["ours", "threads", "taskiq"])
    given = parser.parse_args()
    load = Load(jobs=given.jobs, seconds=given.seconds, rate=given.rate)
    title = f"flight: {given.jobs} jobs of {given.seconds:g} s at {given.rate:g}/s, ideal {load.ideal:.0f} s"
    show(title, load, compete(load, given.only))


if __name__ == "__main__":
    main()
