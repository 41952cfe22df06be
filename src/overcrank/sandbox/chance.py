"""Chance that can be repeated: every draw is a function of the names it is made for."""

from __future__ import annotations

import hashlib


def draw(*names: object) -> float:
    """A number in [0, 1) that depends on the names alone: not on time, nor on what was drawn before."""
    return int.from_bytes(_digest(names)[:7], "big") / (1 << 56)


def token(*names: object) -> str:
    """Sixteen hexadecimal digits that depend on the names alone."""
    return _digest(names)[:8].hex()


def _digest(names: tuple[object, ...]) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=16).digest()
