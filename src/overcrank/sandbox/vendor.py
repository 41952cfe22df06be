"""The vendor behind the HTTP server: all that it knows, and what every call shares."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from overcrank.sandbox.asked import Asked
from overcrank.sandbox.clips import SHELF, ClipShape, ClipShelf, shape
from overcrank.sandbox.config import SandboxConfig
from overcrank.sandbox.exchange import Call, Reply, refusal
from overcrank.sandbox.faults import FaultDeck
from overcrank.sandbox.generations import Generation, GenerationBook
from overcrank.sandbox.limits import TokenBucket, retry_after
from overcrank.sandbox.meter import Meter
from overcrank.sandbox.prices import RESOLUTIONS, price_micros, to_micros


def steady_clock() -> Callable[[], float]:
    """Epoch seconds that never step back or jump."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Vendor:
    """All that the simulated vendor knows.

    Args:
        config: how it behaves.
        clock: epoch seconds.
        shelf: of rendered clips.
        accepted: called with each new generation.
    """

    def __init__(
        self,
        config: SandboxConfig,
        clock: Callable[[], float] | None = None,
        shelf: ClipShelf = SHELF,
        accepted: Callable[[Generation], None] = lambda _: None,
    ) -> None:
        self.clock = clock or steady_clock()
        self.shelf = shelf
        self._accepted = accepted
        self._first_config = config
        self.epoch = 0
        self.reset()

    def reset(self) -> None:
        """Be as freshly started: nothing generated, nothing billed, the configuration of the start."""
        self.epoch += 1
        self.config = self._first_config
        self.book = GenerationBook()
        self.meter = Meter(self.book)
        self.deck = FaultDeck(self.config.plan, self.config.seed)
        self.bucket = TokenBucket(self.config.rate, self.config.burst, whole_micros(self.clock()))
        self.balance_micros = _balance(self.config)

    def configure(self, changes: dict[str, Any]) -> SandboxConfig:
        """Change some fields of the configuration from now on; a ValueError changes nothing."""
        self.config = config = self.config.changed(changes)
        if changes.keys() & {"rate", "burst"}:
            self.bucket = self.bucket.changed(config.rate, config.burst, whole_micros(self.clock()))
        if "faults" in changes:
            self.deck.replan(config.plan)
        if "balance_usd" in changes:
            self.balance_micros = _balance(config)
        return config

    def deal(self, stage: str, key: str, possible: set[str] | None = None) -> str | None:
        """The fault this call meets, noted by the meter."""
        fault = self.deck.deal(stage, key, possible)
        if fault is not None:
            self.meter.faults[f"{stage}.{fault}"] += 1
        return fault

    def clip_shape(self, asked: Asked) -> ClipShape:
        """The clip that stands for what was asked."""
        config = self.config
        return shape(
            RESOLUTIONS[asked.resolution][0],
            asked.fps,
            asked.frames,
            asked.seed,
            clip_size=config.clip_size,
            gravity=config.gravity,
            clips=config.clips,
            encoder=config.encoder,
        )

    def unauthorised(self, call: Call) -> Reply | None:
        """The refusal of a wrong key, or None."""
        given = call.headers.get("authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {self.config.api_key}".encode()):
            return None
        return refusal(401, "invalid_api_key", "the API key is missing or wrong")

    def throttled(self, code: str, wait: float, now: float) -> Reply:
        """A 429 in the configured form."""
        value = retry_after(self.config.retry_after_form, wait, now, self.meter.answered_429)
        return refusal(429, code, f"try again in {wait:.3f} s", retry_after=value)

    def price(self, asked: Asked, factor: Decimal = Decimal(1)) -> int:
        """The price in micro-dollars on the configured list."""
        return price_micros(
            self.config.price,
            duration=asked.duration,
            fps=asked.fps,
            resolution=asked.resolution,
            strength=asked.strength,
            mode=asked.mode,
            factor=factor,
        )

    def take_in(self, generation: Generation, slot_until: float) -> None:
        """Own a new generation: bill it, start its clip, tell whoever waits for it."""
        self.book.add(generation, slot_until)
        self.meter.accepted += 1
        if self.balance_micros is not None:
            self.balance_micros -= generation.amount_micros
        if generation.end == "completed":
            self.shelf.ask(self.clip_shape(generation.asked))
        self._accepted(generation)


def _balance(config: SandboxConfig) -> int | None:
    return None if config.balance_usd is None else to_micros(config.balance_usd)


def whole_micros(seconds: float) -> int:
    """Whole microseconds, as the bucket counts them."""
    return int(seconds * 1_000_000)
