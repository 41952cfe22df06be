"""One Redis client for each channel of the broker's: the transport makes a new one for every acknowledgement.

Making a client takes redis-py half a millisecond; the connections come from the channel's pool either way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport import redis


@contextmanager
def conn_or_acquire(channel: Any, client: Any = None) -> Iterator[Any]:
    """Give the client that was given, or the channel's own one, as long as its pool is still the channel's."""
    kept = channel.__dict__.get("_overcrank_client")
    if client is None and (kept is None or kept.connection_pool is not channel.pool):
        kept = channel.__dict__["_overcrank_client"] = channel._create_client()  # noqa: SLF001  (as the transport does)
    yield kept if client is None else client


def share() -> None:
    """Let every channel of this process keep its client."""
    redis.Channel.conn_or_acquire = conn_or_acquire
