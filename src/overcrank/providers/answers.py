"""Reads what the vendor says. Anything may come: each function answers in our words and none raises."""

import json
import logging
import math
import re
from decimal import Decimal
from typing import Any

from ..money import micros
from .base import Completed, Failed, Found, Running, Unavailable
from .dialect import Dialect
from .redact import clean

log = logging.getLogger(__name__)

LONGEST_ID = 200
LONGEST_URL = 4000
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Unreadable(Exception):
    """It is not a JSON object."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in *body*; its broken numbers are Decimals, as they were printed.

    Raises:
        Unreadable: it is something else.
    """
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError, ArithmeticError):  # ValueError: not JSON, not Unicode, too many digits
        raise Unreadable from None
    if not isinstance(value, dict):
        raise Unreadable
    return value


def field(entry: Any, path: str) -> Any:
    """Return what *entry* holds at a dotted *path*, or None."""
    for name in path.split("."):
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry


def text_of(value: Any, longest: int) -> str | None:
    """Return a text that can be stored and sent, or None."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.strip():
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def id_of(value: Any) -> str | None:
    """Return a generation's id as text, or None where it can not be one."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**LONGEST_ID:
        return str(value)
    found = text_of(value, LONGEST_ID)
    return None if found in {".", ".."} or (found is not None and "\0" in found) else found  # dots would walk the path


def number_of(value: Any) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def eta_of(value: Any) -> float | None:
    """Return seconds from now, or None."""
    number = number_of(value)
    return number if number is not None and number >= 0 else None


def cost_of(value: Any, *secrets: str) -> tuple[int | None, str]:
    """Return a cost in micro-dollars, and a note where one was said that can not be right."""
    if value is None:
        return None, ""
    if isinstance(value, int | float | Decimal | str):
        try:
            return micros(value), ""
        except (ValueError, ArithmeticError):
            pass
    return None, f"the vendor's cost can not be read: {clean(str(value), *secrets)[:40]}"


def error_of(body: bytes, words: Dialect, *secrets: str) -> tuple[str, str]:
    """Return an error's code and message, each empty where it is not there."""
    try:
        return _error(read_object(body), words, *secrets)
    except Unreadable:
        return "", ""


def _error(entry: dict[str, Any], words: Dialect, *secrets: str) -> tuple[str, str]:
    code = clean(field(entry, words.error_code), *secrets)[:64]
    message = clean(field(entry, words.error_message), *secrets)
    plain = entry.get("error")
    return code, message or clean(plain, *secrets) or clean(entry.get("message"), *secrets)


def state_of(entry: dict[str, Any], words: Dialect, *secrets: str) -> Running | Completed | Failed | Unavailable:
    """Return how a generation is doing by its status object. An unknown word means that it still runs."""
    word = entry.get(words.status)
    word = word.strip().lower() if isinstance(word, str) else None
    if word == words.completed:
        return _completed(entry, words, *secrets)
    if word == words.failed:
        cost, note = cost_of(entry.get(words.cost), *secrets)
        code, message = _error(entry, words, *secrets)
        said = "; ".join(part for part in (message or "the vendor gave no reason", note) if part)
        return Failed(code or "failed", clean(said), cost, note)
    progress = number_of(entry.get(words.progress))
    return Running(None if progress is None else min(max(progress, 0.0), 100.0), eta_of(entry.get(words.eta)))


def _completed(entry: dict[str, Any], words: Dialect, *secrets: str) -> Completed | Unavailable:
    url = text_of(entry.get(words.video_url), LONGEST_URL)
    if url is None:
        return Unavailable("the vendor says completed and does not say where the clip is")
    cost, note = cost_of(entry.get(words.cost), *secrets)
    if note:
        log.warning("%s", note)
    sha256 = entry.get(words.sha256)
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        if sha256 is not None:
            log.warning("the vendor's sha256 is not one; the clip is checked without it")
        return Completed(url, None, cost, note)
    return Completed(url, sha256.lower(), cost, note)


def found_of(entry: Any, words: Dialect, key: str, job_id: str, *secrets: str) -> Found | Unavailable | None:
    """Return what one entry of a look-up shows; None where it is another job's.

    An entry that may be ours and can not be read is no proof that nothing was bought: it is `Unavailable`.
    """
    unreadable = Unavailable("the look-up found something that can not be read")
    if not isinstance(entry, dict):
        return unreadable
    said = [(field(entry, name), ours) for name, ours in ((words.job_id, job_id), (words.lookup_parameter, key))]
    if any(value is not None and value != ours for value, ours in said):
        return None
    if all(value is None for value, _ in said):
        return Unavailable("the look-up found something that does not say whose it is")
    generation_id = id_of(entry.get(words.id))
    if generation_id is None:
        return unreadable
    state = state_of(entry, words, *secrets)
    if isinstance(state, Unavailable):  # completed without an address: ask the status
        state = Running()
    status_url = entry.get(words.status_url)
    return Found(generation_id, status_url if isinstance(status_url, str) else None, state)
