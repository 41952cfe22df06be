"""What the demo plays: its clips, its budget, and what goes wrong. The same seed is the same play."""

import random
from dataclasses import dataclass
from typing import Any

from ..clip import Clip, Priority, read_clip
from ..media.render import available
from ..money import MICROS
from ..planning.physics import settled
from ..prices import PriceBook
from ..settings import ProviderSettings

WINDOW = 12
"""Seconds of a budget window: an hour in little."""

PORTION = 2.3
"""How many windows the money of all clips fills: more than two, so that it rolls over twice."""

RATE, BURST, SLOTS = 8, 6, 6

PROMPTS = (
    "A steel ball drops into a tray of glowing sand", "Milk splashes over a strawberry", "A hummingbird hovers at dawn",
    "A light bulb shatters, filament last", "Rain on a tin roof, each drop a crown", "A dog shakes off the sea",
    "A match flares and dies", "Ink blooms in a glass of water", "A skater lands on wet concrete",
    "Popcorn bursts on a black plate", "A balloon full of paint meets a wall", "Sparks leave a grinding wheel",
    "A wave folds over a rock", "Coffee meets cream", "A tennis ball flattens on the strings",
    "Dandelion seeds let go", "An arrow flexes leaving the bow", "Ice cracks across a pond",
)  # fmt: skip

SHAPES = ((2.0, 60, "1080p"), (3.0, 60, "720p"), (2.0, 120, "1080p"), (4.0, 30, "1080p"), (2.0, 120, "720p"))
"""Seconds, frames a second and size."""

WISHES: tuple[dict[str, Any], ...] = (
    {"fps": 120, "deliver_fps": 30, "extras": "poster,preview,sheet"},
    {"mode": "time_lapse", "speed": 4, "extras": "poster,preview,sheet"},
    {"mode": "hyperlapse", "speed": 3, "extras": "poster,preview,sheet"},
)
"""What three of the clips are delivered as, where films can be decoded: slow motion, a time lapse and a hyperlapse."""

FAULTS = (
    ("submit", "rate_429"), ("submit", "error_500"), ("submit", "drop_after"), ("submit", "garbage"),
    ("submit", "drop_before"), ("submit", "html_502"), ("status", "error_500"), ("content", "truncated"),
    ("content", "expired"),
)  # fmt: skip
"""What goes wrong once for sure, each; more comes by chance."""

BY_CHANCE = {
    "submit": {"error_500_after": 0.06},
    "status": {"drop": 0.05, "garbage": 0.03, "backwards": 0.03},
    "content": {"short": 0.04, "corrupt": 0.04},
    "lookup": {"error_500": 0.1},
    "max_per_key": 1,
}


@dataclass(frozen=True)
class Play:
    """What is played.

    Attributes:
        clips: in the order they are submitted.
        cap: µ$ a window.
        faults: stage, fault, and after how many accepted jobs it is let loose.
    """

    clips: list[Clip]
    total: int
    cap: int
    faults: list[tuple[int, str, str]]
    seed: int

    @classmethod
    def write(cls, count: int, seed: int) -> "Play":
        """Return the play of a seed."""
        dice = random.Random(seed)  # noqa: S311  (a play, not a secret)
        prices, model = PriceBook.load(), ProviderSettings().model
        priorities = [list(Priority)[number % 3] for number in range(count)]
        dice.shuffle(priorities)
        clips = []
        for number, priority in enumerate(priorities):
            seconds, fps, size = dice.choice(SHAPES)
            clips.append(
                settled(read_clip({
                    "prompt": PROMPTS[number % len(PROMPTS)], "duration": seconds, "fps": fps, "resolution": size,
                    "priority": priority, "seed": dice.randrange(1000),
                    **(WISHES[number] if number < len(WISHES) and available() else {"mode": "plain"}),
                }))
            )  # fmt: skip
        quotes = [prices.quote(clip, model) for clip in clips]
        cents = MICROS // 100
        cap = max(*quotes, -(-round(sum(quotes) / PORTION) // cents) * cents)
        order = dice.sample(FAULTS, len(FAULTS))
        faults = [(round(count * 0.6 * (i + 1) / len(order)), *fault) for i, fault in enumerate(order)]
        return cls(clips, sum(quotes), cap, faults, seed)

    @property
    def sandbox(self) -> dict[str, Any]:
        """The configuration of the vendor."""
        return {"rate": RATE, "burst": BURST, "concurrency": SLOTS, "seed": self.seed, "faults": BY_CHANCE}

    def environment(self) -> dict[str, str]:
        """Return the settings of everybody who takes part."""
        return {
            "OVERCRANK_LIMITS__RATE": str(RATE),
            "OVERCRANK_LIMITS__BURST": str(BURST),
            "OVERCRANK_LIMITS__CONCURRENCY": str(SLOTS),
            "OVERCRANK_BUDGET__CAP": f"{self.cap / MICROS:.2f}",
            "OVERCRANK_BUDGET__WINDOW": str(WINDOW),
            "OVERCRANK_PROVIDER__POLL_INTERVAL": "0.5",
            "OVERCRANK_PROVIDER__READ_TIMEOUT": "5",
            "OVERCRANK_WORKER__HEARTBEAT": "0.8",
            "OVERCRANK_WORKER__LEASE": "3",
            "OVERCRANK_RETRY__BASE": "0.5",
            "OVERCRANK_RETRY__CAP": "3",
        }
