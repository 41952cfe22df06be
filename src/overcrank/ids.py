"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that ids sort by the time they were made."""

import os
import re
import threading
import time

_CANONICAL = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_lock = threading.Lock()
_last = 0


def _forget() -> None:
    """Start anew in a forked child, whose parent may have held the lock."""
    global _lock, _last
    _lock, _last = threading.Lock(), 0


os.register_at_fork(after_in_child=_forget)


def new_id() -> str:
    """Return a new UUIDv7 as text, later than any this process returned before.

    48 bits of Unix milliseconds, then 12 bits that count within the millisecond (RFC 9562, method 1), then 62
    random bits.
    """
    global _last  # noqa: PLW0603  (likewise)
    tick = (time.time_ns() << 12) // 1_000_000  # milliseconds with a 12-bit fraction
    with _lock:
        _last = tick = max(tick, _last + 1)
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (tick >> 12) << 80 | 7 << 76 | (tick & 0xFFF) << 64 | 2 << 62 | random
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: object) -> bool:
    """Tell whether *text* is the canonical text of a UUID, of whatever version."""
    return isinstance(text, str) and _CANONICAL.fullmatch(text) is not None
