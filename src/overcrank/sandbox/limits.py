"""The vendor's rate limit: a strict token bucket in whole numbers."""

from __future__ import annotations

import math
from email.utils import formatdate
from fractions import Fraction

#: The forms in which `Retry-After` may come.
RETRY_AFTER_FORMS = ("seconds", "fraction", "http-date", "missing")

_MICROS = 1_000_000


class TokenBucket:
    """At most `burst + rate * t` tokens in any span of t seconds, exactly: all arithmetic is on integers.

    Args:
        rate: tokens per second; 0 means no limit.
        burst: tokens that a full bucket holds.
        now: microseconds, on the clock that `take` is given.
    """

    def __init__(self, rate: float, burst: int, now: int) -> None:
        share = Fraction(str(rate))
        self._per_micro = share.numerator
        self._token = share.denominator * _MICROS
        self._full = burst * self._token
        self._level = self._full
        self._at = now

    def take(self, now: int) -> float:
        """Take a token and return 0.0, or leave all as it is and return the seconds until there is one."""
        if not self._per_micro:
            return 0.0
        self._fill(now)
        if self._level >= self._token:
            self._level -= self._token
            return 0.0
        return math.ceil((self._token - self._level) / self._per_micro) / _MICROS

    def changed(self, rate: float, burst: int, now: int) -> TokenBucket:
        """A bucket with another rate that holds no more whole tokens than this one did."""
        other = TokenBucket(rate, burst, now)
        if self._per_micro and other._per_micro:
            self._fill(now)
            other._level = min(other._full, self._level * other._token // self._token)
        return other

    def _fill(self, now: int) -> None:
        passed = max(0, now - self._at)
        self._at += passed
        self._level = min(self._full, self._level + passed * self._per_micro)


def retry_after(form: str, wait: float, now: float, turn: int) -> str | None:
    """The value of a `Retry-After` header, or None where it is left out.

    Args:
        form: one of `RETRY_AFTER_FORMS`, or "mixed" for each in turn.
        wait: seconds.
        now: epoch seconds.
        turn: how many refusals there were before this one.
    """
    if form == "mixed":
        form = RETRY_AFTER_FORMS[turn % len(RETRY_AFTER_FORMS)]
    if form == "seconds":
        return str(max(1, math.ceil(wait)))
    if form == "fraction":
        return f"{math.ceil(wait * 1000) / 1000:.3f}"
    if form == "http-date":
        return formatdate(math.ceil(now + wait), usegmt=True)
    return None
