"""What planning saves on a mixed batch of fifty requests, by the price book: `python benchmarks/media_savings.py`."""

from collections import Counter

from overcrank.clip import Clip
from overcrank.money import dollars
from overcrank.planning.planner import Plan, Purpose, Wanted, plan
from overcrank.prices import PriceBook

MODEL = "pixverse-v6-physics"
PROMPTS = (
    "a glass of milk tips over", "a ball bounces down the stairs", "a dancer turns in the rain", "an old town at noon",
    "debris and fragments tumble after an explosion", "a candle goes out", "leaves fall from a tree",
    "waves break on a rock", "a hummingbird at a flower", "coins spin on a table",
)  # fmt: skip
MIX = (Purpose.PREVIEW,) * 5 + (Purpose.STANDARD,) * 3 + (Purpose.PREMIUM,) * 2
"""Of ten requests: five to look at, three to use, two to show."""


def batch() -> list[Plan]:
    """Return the plans of fifty requests: every prompt five times, for different purposes and lengths."""
    book = PriceBook.load()
    found = []
    for number in range(50):
        clip = Clip(prompt=PROMPTS[number % len(PROMPTS)], duration=(5, 5, 8, 3, 10)[number // 10])
        found.append(plan(Wanted(clip, MIX[(number * 3 + number // 10) % 10]), book, MODEL))
    return found


def main() -> None:
    """Print the bill of each purpose, planned and naive."""
    naive: Counter[str] = Counter()
    planned: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for one in batch():
        for name in (one.wanted.purpose, "all"):
            naive[name] += one.naive
            planned[name] += one.chosen.cost
            count[name] += 1
    print(f"{'purpose':10}{'clips':>6}{'naive':>14}{'planned':>14}{'saved':>8}")
    for name in (*Purpose, "all"):
        share = 100 * (naive[name] - planned[name]) / naive[name]
        print(f"{name:10}{count[name]:6}{dollars(naive[name]):>14}{dollars(planned[name]):>14}{share:7.1f}%")


if __name__ == "__main__":
    main()
