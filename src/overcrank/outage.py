"""What callers are told where Redis can not be used."""

from collections.abc import Callable
from typing import TypeVar

from .errors import StoreUnavailable
from .server import OUTAGE

Answer = TypeVar("Answer")


def asked(question: Callable[[], Answer]) -> Answer:
    """Return the answer to a question that may be asked again without harm.

    Raises:
        StoreUnavailable: Redis is away.
    """
    try:
        return question()
    except OUTAGE as error:
        raise away(error) from None


def away(error: Exception) -> StoreUnavailable:
    """Return the error that says so, and where to look."""
    return StoreUnavailable(f"Redis can not be used: {error}; check OVERCRANK_REDIS_URL, or `overcrank doctor`")
