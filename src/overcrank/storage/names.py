"""The names of kept files: a job's id and an ending, such as `.mp4` or `-poster.jpg`; and the day that an id names."""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from ..ids import is_id

REMEMBERED = 128
"""Ids of which the day is remembered: a clip's place is asked for several times while it is put there."""

UNDATED = "undated"
_NAME = re.compile(r"[0-9a-f-]{36}[A-Za-z0-9_-]{0,80}(\.[A-Za-z0-9]{1,10})?")


def checked(name: str) -> str:
    """Return *name*. Names hold no slash and begin with an id, so none leads out of where clips are kept.

    Raises:
        ValueError: it is no such name.
    """
    if not _NAME.fullmatch(name) or not is_id(name[:36]) or name.endswith(".json"):
        raise ValueError(f"{name[:80]!r} is no name for a clip: it is a job's id and an ending, such as .mp4")
    return name


def checked_id(job_id: str) -> str:
    """Return *job_id*.

    Raises:
        ValueError: it is none.
    """
    if not is_id(job_id):
        raise ValueError(f"{job_id[:80]!r} is no job's id")
    return job_id


@lru_cache(REMEMBERED)
def day(job_id: str) -> tuple[str, ...]:
    """Return the folders of a job: the day in its id (UUIDv7 begins with milliseconds), in UTC."""
    value = uuid.UUID(job_id)
    if value.version != 7:
        return (UNDATED,)
    try:
        when = datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return (UNDATED,)
    return f"{when.year:04d}", f"{when.month:02d}", f"{when.day:02d}"


def as_json(side: Mapping[str, Any]) -> bytes:
    """Return a side file's bytes: the same for the same content."""
    ordered = json.dumps(dict(side), sort_keys=True, default=str)
    return to_json(from_json(ordered), indent=2) + b"\n"  # json indents in Python, at ten times the price
