"""Connections to Redis. A money client never repeats a call by itself: whoever called decides."""

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from .errors import StoreUnavailable

Server = Any
"""A connected client. redis-py annotates every answer as bytes, text or awaitable: its own type says nothing."""

TIMEOUT = 10.0
"""Seconds for one answer. redis-py's default of ten silent repeats would apply a write twice (measured)."""

OUTAGE = (RedisConnectionError, RedisError)
"""What a call raises while the server is away or still loading."""


def connect(url: str, pool_size: int = 64) -> Server:
    """Return a client for *url*; it connects on first use, so it may be made before a fork and used after."""
    return Redis.from_url(
        url,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=TIMEOUT,
        socket_connect_timeout=5.0,
        socket_keepalive=True,
        health_check_interval=15,
        max_connections=pool_size,
    )


def check(redis: Server) -> str:
    """Return the server's version, or say what is wrong with it.

    Raises:
        StoreUnavailable: it can not be reached, refuses us, is too old, or would evict keys.
    """
    try:
        info = redis.info()
    except RedisError as error:
        raise StoreUnavailable(
            f"Redis can not be used: {error}. Start a server, or set OVERCRANK_REDIS_URL to one that runs"
        ) from None
    version = str(info.get("valkey_version") or info["redis_version"])
    if int(version.partition(".")[0]) < 6:
        raise StoreUnavailable(f"Redis {version} is too old: 6.2 or newer is needed")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and info.get("maxmemory", 0):
        raise StoreUnavailable(
            f"Redis has maxmemory-policy {policy} and may throw money records away: set it to noeviction"
        )
    return version
