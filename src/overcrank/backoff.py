"""How long to wait before trying again: exponential, with full jitter.

Full jitter (a uniform draw from zero to the exponential bound) spreads a herd best; see Marc Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015.
"""

import random
from dataclasses import dataclass

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Backoff:
    """A bounded exponential wait.

    Attributes:
        base: seconds; the bound of the first wait.
        cap: seconds; no wait is longer.
        tries: how many tries there are in all; after that there is no next wait.
    """

    base: float
    cap: float
    tries: int

    def bound(self, tried: int) -> float:
        """Return the longest wait in seconds after *tried* tries (1 or more)."""
        return float(min(self.cap, self.base * 2.0 ** min(tried - 1, 60)))

    def wait(self, tried: int) -> float | None:
        """Return seconds to wait after *tried* tries, or None where the tries are used up."""
        if tried >= self.tries:
            return None
        return _random.uniform(0, self.bound(tried))


def later(seconds: float, spread: float = 0.2) -> float:
    """Return *seconds* made longer by up to *spread* of itself: positive jitter, for waits that must not be shorter."""
    return seconds * (1 + _random.uniform(0, spread))
