"""What planning saves on a mixed batch of fifty requests: `python benchmarks/media_savings.py`.

First by the price book, by purpose; then by the ledger, after the same requests went as real jobs to the sandbox and
came home, once as they come and once as planned (`--book` leaves that out, `--jobs` says how many).
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from typing import Any

from overcrank.clip import Clip
from overcrank.money import dollars, micros
from overcrank.planning.planner import Plan, Purpose, Wanted, plan
from overcrank.planning.reuse import fingerprint
from overcrank.prices import PriceBook

MODEL = "pixverse-v6-physics"
PROMPTS = (
    "a glass of milk tips over", "a ball bounces down the stairs", "a dancer turns in the rain", "an old town at noon",
    "debris and fragments tumble after an explosion", "a candle goes out", "leaves fall from a tree",
    "waves break on a rock", "a hummingbird at a flower", "coins spin on a table",
)  # fmt: skip
MIX = (Purpose.PREVIEW,) * 5 + (Purpose.STANDARD,) * 3 + (Purpose.PREMIUM,) * 2
"""Of ten requests: five to look at, three to use, two to show."""

REPEATED = 5
"""The last so many requests are the first ones once more, each with the same seed."""


def batch(count: int = 50) -> list[Plan]:
    """Return the plans of so many requests: every prompt some times, for different purposes and lengths."""
    book, found = PriceBook.load(), []
    for place in range(count):
        number = place - (count - REPEATED) if place >= count - REPEATED else place
        clip = Clip(
            prompt=PROMPTS[number % len(PROMPTS)], duration=(5, 5, 8, 3, 10)[number // 10], seed=number, mode="plain"
        )
        found.append(plan(Wanted(clip, MIX[(number * 3 + number // 10) % 10]), book, MODEL))
    return found


def bill(plans: Iterable[Plan]) -> dict[str, tuple[int, int, int]]:
    """Return clips, the naive bill and the planned one in µ$, by purpose and for all.

    The naive one pays for every request; the planned one pays for a request that is made twice once.
    """
    naive: Counter[str] = Counter()
    planned: Counter[str] = Counter()
    clips: Counter[str] = Counter()
    paid: set[str] = set()
    for one in plans:
        print_of = fingerprint(one.clip, MODEL)
        for name in (one.wanted.purpose, "all"):
            naive[name] += one.naive
            planned[name] += 0 if print_of in paid else one.chosen.cost
            clips[name] += 1
        paid.add(print_of)
    return {name: (clips[name], naive[name], planned[name]) for name in (*Purpose, "all")}


def ledger(clips: list[dict[str, Any]]) -> tuple[int, int]:
    """Send clips as jobs to the sandbox and wait for all; return what our ledger and the vendor's meter say, in µ$."""
    from contenders import settled
    from house import House, Load

    from overcrank.client import Client
    from overcrank.settings import load

    with House(Load(jobs=len(clips), seconds=0.05, rate=0, workers=1)) as house:
        settled(house)
        client = Client(load())
        house.start("overcrank", "worker", "--slots", "8", "--name", "w0", ready="ready: ")
        jobs = {job.id: job for job in client.submit_many(clips)}
        ended = list(client.as_completed(jobs.values(), timeout=300))
        if any(job.state != "succeeded" for job in ended):
            raise RuntimeError("a job did not succeed, so the bills can not be compared")
        return micros(client.stats()["spent_usd"]), int(house.sandbox.meter()["total_micros"])


def measured(plans: list[Plan]) -> dict[str, tuple[int, int]]:
    """Return what the requests cost as real jobs, naive and planned: our ledger and the vendor's bill."""
    naive = [one.wanted.clip.model_dump(exclude_unset=True) | {"reuse": "never"} for one in plans]
    return {
        "naive": ledger(naive),
        "planned": ledger([one.clip.model_dump(exclude_unset=True) for one in plans]),
    }


def main() -> None:
    """Print the bill of each purpose, planned and naive; and that of real jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50, help="how many requests, 5 to 50")
    parser.add_argument("--book", action="store_true", help="only what the price book says; no job is sent")
    given = parser.parse_args()
    plans = batch(given.jobs)
    print(f"{'purpose':10}{'clips':>6}{'naive':>14}{'planned':>14}{'saved':>8}")
    for name, (clips, naive, planned) in bill(plans).items():
        print(f"{name:10}{clips:6}{dollars(naive):>14}{dollars(planned):>14}{_share(naive, planned):>8}")
    if not given.book:
        found = measured(plans)
        for name, which in (("by our ledger", 0), ("the bill", 1)):
            naive, planned = (found[run][which] for run in ("naive", "planned"))
            print(f"{name:16}{dollars(naive):>14}{dollars(planned):>14}{_share(naive, planned):>8}")


def _share(naive: int, planned: int) -> str:
    return f"{100 * (naive - planned) / naive:.1f}%" if naive else ""


if __name__ == "__main__":
    main()
