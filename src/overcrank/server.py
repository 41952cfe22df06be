"""Connections to Redis. A money client never repeats a call by itself: whoever called decides."""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, RedisError, ResponseError
from redis.retry import Retry

from .errors import ConfigError, StoreUnavailable

Command = tuple[Any, ...]
"""A command's name and arguments, as they go out."""

Server = Any
"""A connected client. redis-py annotates every answer as bytes, text or awaitable: its own type says nothing."""

TIMEOUT = 10.0
"""Seconds for one answer. redis-py's default of ten silent repeats would apply a write twice (measured)."""

MOST = 4096
"""Connections of a client at the most. A thread keeps one, and a worker of 1,000 slots has 1,500 threads and more."""

READ_SIZE = 16_384
"""Bytes of the buffer that each connection reads into, and keeps: redis-py's 64 KB for every thread add up."""

OLDEST = (7, 0)
"""The first version that has all we use: `EXPIRE ... NX` came with it."""

OUTAGE = (RedisConnectionError, RedisError)
"""What a call raises while the server is away or still loading."""


class _Own(threading.local):
    """What a thread keeps for its next call."""

    spare: Any = None
    used: float = 0.0


JUST_USED = 0.2
"""Seconds for which a connection that was used is taken to be there: to look costs four system calls, and one that has
gone meanwhile is told of by the call, as one that goes in the middle of it."""


class _Packer:
    """Packs commands for the wire.

    redis-py's own way looks at each argument before hiredis does (90 and 19 microseconds for a script with forty of
    them, redis-py 8.1).
    """

    @staticmethod
    def pack(*command: Any) -> list[bytes]:
        """Return a command as it goes over the wire."""
        name = command[0]
        if isinstance(name, str) and " " in name:  # "SCRIPT LOAD" is two words to the server
            command = (*name.split(), *command[1:])
        try:
            return [pack_command(command)]
        except TypeError as error:
            raise DataError(f"{name} has an argument that is neither text nor number: {error}") from None


class _OwnFirst(ConnectionPool):
    """Gives a thread the connection it used last, without a lock; what else it needs comes from the pool."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._own = _Own()
        super().__init__(*args, **options)

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return a connection that nobody else uses."""
        spare, self._own.spare = self._own.spare, None
        if spare is None or spare.pid != os.getpid():  # a forked child must not use its parent's
            return super().get_connection(*args, **options)
        if time.monotonic() - self._own.used < JUST_USED:
            return spare
        try:
            stale = spare.can_read()  # closed by the server, or out of step
        except (RedisError, OSError):
            stale = True
        if stale:
            spare.disconnect()  # it connects again when it is used
        return spare

    def release(self, connection: Any) -> None:
        """Keep the connection for this thread's next call, or give it back."""
        if self._own.spare is None and connection.pid == os.getpid():
            self._own.spare, self._own.used = connection, time.monotonic()
        else:
            super().release(connection)


class _Direct(Redis):
    """Sends a command and reads its answer, and no more.

    redis-py's own way counts, times and wraps each call in a retry of which there is none here; that is half of what a
    call costs (19 and 10 microseconds on one core, redis-py 8.1).
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answer: Any = self.parse_response

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command and return its answer."""
        connection: Server = self.connection_pool.get_connection()
        try:
            connection.send_command(*args)
            return self._answer(connection, args[0], **options)
        except ResponseError:  # an answer like any other
            raise
        except BaseException:  # the answer may still come, and must not be taken for that of the next call
            connection.disconnect()
            raise
        finally:
            self.connection_pool.release(connection)

    def send_together(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one go and return their answers, an error among them where one was refused."""
        connection: Server = self.connection_pool.get_connection()
        try:
            packed = [part for command in commands for part in _Packer.pack(*command)]
            connection.send_packed_command([b"".join(packed)])  # redis-py would send some kilobytes at a time
            return [self._or_error(connection, command[0]) for command in commands]
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self.connection_pool.release(connection)

    def _or_error(self, connection: Server, name: str) -> Any:
        try:
            return self._answer(connection, name)
        except ResponseError as error:
            return error


def together(redis: Server, *commands: Command) -> list[Any]:
    """Run commands in one round trip, each by itself, and return their answers in order.

    redis-py's own pipeline takes three times as long for the same bytes (90 and 30 microseconds, redis-py 8.1).

    Raises:
        ResponseError: the first command that was refused; the others were run.
    """
    if isinstance(redis, _Direct):
        answers = redis.send_together(commands)
    else:
        pipe = redis.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        answers = pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def direct(pool: Any) -> Server:
    """Return a client of ours over somebody else's pool of connections."""
    return _Direct(connection_pool=pool)


def connect(url: str, pool_size: int = MOST) -> Server:
    """Return a client for *url*; it connects on first use, so it may be made before a fork and used after.

    Raises:
        ConfigError: it is no address of a Redis.
    """
    try:
        pool = _OwnFirst.from_url(
            url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT,
            socket_connect_timeout=5.0,
            socket_keepalive=True,
            health_check_interval=15,
            max_connections=pool_size,
            socket_read_size=READ_SIZE,
            command_packer=_Packer(),
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"OVERCRANK_REDIS_URL can not be used: {error}") from None
    return _Direct(connection_pool=pool)


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
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise StoreUnavailable(f"Redis {version} is too old: Redis 7.0 or newer is needed, or any Valkey")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and info.get("maxmemory", 0):
        raise StoreUnavailable(
            f"Redis has maxmemory-policy {policy} and may throw money records away: set it to noeviction"
        )
    return version
