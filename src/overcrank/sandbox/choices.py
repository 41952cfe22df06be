"""How a wrong name is answered: with the name, what is allowed, and the nearest allowed one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(kind: str, name: object, allowed: Iterable[str]) -> ValueError:
    """The error for a name that nobody knows, with the nearest known one."""
    known = sorted(allowed)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f" — did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint} Allowed: {', '.join(known)}")
