"""The lane: what the provider allows this account, and whether it lets us call at all."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..backoff import later
from ..clock import SECOND
from ..errors import BooksLost
from ..keys import Keys
from ..scripts import Scripts
from ..server import Server
from ..settings import LimitSettings
from .alarm import Alarms

logger = logging.getLogger(__name__)

LEAST_WAIT, MOST_WAIT = 0.5, 3600.0
"""Seconds the lane waits after a 429, whatever the provider said."""

RETRY_PRICE = 5
"""What a retry takes of the lane's credit, of which each call brings one back: one call in five may be a retry."""

OVERTAKING = SECOND // 10
"""Microseconds in which a burst leaves and calls pass each other on the way to the provider; as in `pace.lua`."""

FULL = 1_000_000
"""The full rate in millionths of itself."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where the lane stands.

    *permits* are calls that could leave at once; *cool_until* and *broken_until* (the breaker's) are µs or None;
    *at_most* are the generations at once that count now, which a 429 may have lowered.
    """

    rate: float
    burst: int
    concurrency: int
    permits: int | None
    in_flight: int
    cool_until: int | None
    stopped: str | None
    slowed_to: float
    broken_until: int | None = None
    at_most: int = 0


class Lane:
    """Rate, slots and cool-down over all workers.

    *account* stands for the address and the key that calls are made with, without saying either.
    """

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, account: str = "", alarms: Alarms | None = None
    ) -> None:
        self._redis, self._keys, self._scripts, self._account = redis, keys, scripts, account
        self._alarms = alarms

    def configure(self, limits: LimitSettings, window: timedelta) -> None:
        """Write what the settings allow; every gate reads it from here, so all workers obey the same.

        What an operator said instead goes on counting.
        """
        length = round(window.total_seconds()) * SECOND
        said = {
            **self._rate(limits.rate), **self._burst(limits.burst), "concurrency": limits.concurrency, "window": length,
        }  # fmt: skip
        if self._scripts.allow(self._keys.limits, "configured", said, entry="limit") < 0:
            logger.critical("the limits an operator set are lost: nothing is admitted until `overcrank budget rebuild`")

    def set(self, rate: float | None = None, burst: int | None = None, concurrency: int | None = None) -> bool:
        """Have an operator's limits count from now on (calls a second, 0: none); tell whether that is new."""
        said: dict[str, int | None] = {}
        if rate is not None:
            said |= self._rate(rate)
        if burst is not None:
            said |= self._burst(burst)
        if concurrency is not None:
            said["concurrency"] = concurrency
        return self._allow(said)

    def set_back(self) -> bool:
        """Have the settings count again; tell whether an operator had said otherwise."""
        names = dict.fromkeys(("interval", "burst", "burst_set", "concurrency"))
        return self._allow(names)

    def _allow(self, said: Mapping[str, int | None]) -> bool:
        changed = self._scripts.allow(self._keys.limits, "override", said, entry="limit")
        if changed < 0:
            raise BooksLost("what an operator allowed is not all there: `overcrank budget rebuild` puts it back")
        return bool(changed)

    @staticmethod
    def _rate(rate: float) -> dict[str, int]:
        """Return the interval in µs, rounded up."""
        return {"interval": int(-(-SECOND // rate)) if rate else 0}

    @staticmethod
    def _burst(burst: int) -> dict[str, int]:
        """Return the burst less a margin of one call, which may overtake another on its way.

        Else the provider's bucket would see two closer together than they were let through, and answer 429 (measured at
        10/s: 1 of 300 without the margin, none with it). At higher rates more calls are on their way at once, so
        `pace.lua` lets the burst go after a pause, and then leaves as many permits unused as come in `OVERTAKING`.
        """
        return {"burst": max(1, burst - 1), "burst_set": burst}

    def throttled(self, retry_after: float | None, kind: str, admitted_at: int) -> int:
        """Say that the provider answered 429; return until when to wait (µs).

        Too many calls make the whole lane wait. Too many generations at once only mean that there shall be fewer.
        """
        wait = min(max(retry_after if retry_after is not None else 1.0, LEAST_WAIT), MOST_WAIT)
        until, _ = self._scripts.cool(round(later(wait) * SECOND), admitted_at, kind=kind)
        return until

    def may_retry(self) -> bool:
        """Tell whether a retry is within what the lane's calls allow; else it has to wait longer."""
        return self._scripts.retry(RETRY_PRICE)

    def stop(self, reason: str, message: str) -> None:
        """Let nobody call: the key is wrong, or the balance is gone. `resume` opens the lane again."""
        said = {"stopped": f"{reason}: {message}", "stopped_for": self._account}
        if not self._redis.hset(self._keys.lane, mapping=said):
            return  # it was stopped already, and whoever was first has said so
        why = f"nothing is sent any more ({reason}: {message}): mend the key or the balance, then `overcrank resume`"
        logger.critical("the lane is stopped: %s", why)
        if self._alarms is not None:
            self._alarms.tell("lane.stopped", why, reason=reason)

    def reopen(self) -> bool:
        """Open the lane if it was stopped for another address or key than ours; tell whether it was.

        A worker does so when it starts: a key that was mended goes on by itself, a wrong one is not tried again.
        """
        stopped_for = self._redis.hget(self._keys.lane, "stopped_for")
        return stopped_for is not None and stopped_for != self._account and self.resume()

    def resume(self) -> bool:
        """Open a stopped lane; tell whether it was stopped."""
        stopped = bool(self._redis.hdel(self._keys.lane, "stopped", "stopped_for"))
        if stopped:
            self._redis.publish(self._keys.wake, "lane")
        return stopped

    def state(self) -> LaneState:
        """Return where the lane stands now."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.hgetall(self._keys.limits)
        pipe.hgetall(self._keys.lane)
        (seconds, rest), limits, lane = pipe.execute()
        now = int(seconds) * SECOND + int(rest)
        in_flight = self._redis.zcount(self._keys.slots, f"({now}", "+inf")
        interval, burst = int(limits.get("interval", 0)), int(limits.get("burst", 1))
        recovered = timedelta(microseconds=now - int(lane.get("ppm_at", 0))) // timedelta(seconds=1) * 20_000
        ppm = min(FULL, int(lane.get("ppm", FULL)) + recovered)
        permits = None
        if interval:
            spacing = -(-interval * FULL // ppm)
            tat = int(lane.get("tat", 0))
            steady = max(1, burst + 1 - -(-OVERTAKING // interval))
            at_once = burst if now - tat >= OVERTAKING else steady
            permits = max(0, (now + at_once * spacing - max(tat, now)) // spacing)
        cool = int(lane.get("cool", 0))
        return LaneState(
            rate=SECOND / interval if interval else 0.0,
            burst=int(limits.get("burst_set", burst)),
            concurrency=int(limits.get("concurrency", 0)),
            permits=0 if cool > now or lane.get("stopped") else permits,
            in_flight=in_flight,
            cool_until=cool if cool > now else None,
            stopped=lane.get("stopped"),
            slowed_to=ppm / FULL,
            broken_until=int(lane["open_until"]) if "open_until" in lane else None,
            at_most=_at_most(int(limits.get("concurrency", 0)), lane, now),
        )


def _at_most(configured: int, lane: dict[str, str], now: int) -> int:
    """Return how many generations there may be at once: one more every ten seconds after it was lowered."""
    if "ceiling" not in lane:
        return configured
    lowered = int(lane["ceiling"]) + (now - int(lane.get("ceiling_at", 0))) // (10 * SECOND)
    return min(configured, lowered) if configured else lowered
