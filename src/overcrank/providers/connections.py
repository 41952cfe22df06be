"""Connections that report when they begin to send, read to one deadline, and look at whom they reached.

urllib3 builds on `http.client`; these classes are put in by urllib3's own two hooks: the pools by scheme
of a pool manager, and the connection class of a pool.
"""

import http.client
import io
import math
import re
import socket
import threading
import time
from functools import lru_cache
from typing import Any, Literal

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection, port_by_scheme
from urllib3.poolmanager import PoolKey

from .address import is_public

PLAIN = re.compile(
    r"(https?)://([a-z0-9.-]+)(?::([0-9]{1,4}|[1-5][0-9]{4}))?"  # the highest ports are left to the library
    r"((?:/(?!\.)[A-Za-z0-9._~?=&-]*)+)"
)
"""A URL in which nothing has to be encoded, and no dots stand for folders: its parts are what they seem to be."""

HOSTS = 64
"""Hosts of which is remembered under what their pools are kept."""

IDLE = 2.0
"""Seconds: a kept connection that rested longer is not used again, because the other end may be closing it."""


class Call(threading.local):
    """What the connections of this thread need to know of the call under way, and what they report."""

    stage: Literal["unknown", "connecting", "sending"] = "unknown"
    deadline: float = math.inf
    patience: float = 60.0
    latest: float = math.inf
    public_only: bool = False
    refused: str | None = None


call = Call()


class _TimedReads(io.RawIOBase):
    """Reads from a socket, none past the deadline of the call."""

    def __init__(self, sock: socket.socket, deadline: float, patience: float) -> None:
        self._sock, self._deadline, self._patience = sock, deadline, patience
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole answer took too long")
        self._sock.settimeout(min(left, self._patience))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What `http.client` needs of a socket to read an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002  (the signature is the library's)
        return io.BufferedReader(_TimedReads(self._sock, call.deadline, call.patience))


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **more)  # type: ignore[arg-type]


def _check_peer(sock: Any) -> None:
    peer = str(sock.getpeername()[0])
    if call.public_only and not is_public(peer):
        call.refused = "the host's address is not a public one"
        sock.close()
        raise ConnectionRefusedError(call.refused)


def _begin_to_send() -> None:
    """Refuse the first byte of a call that should have left long ago: its sender may have stood still meanwhile."""
    if call.stage != "sending" and time.monotonic() > call.latest:
        call.stage, call.refused = "connecting", "this worker was held up, and it is too late to send it"
        raise ConnectionRefusedError(call.refused)
    call.stage = "sending"


class _PlainConnection(HTTPConnection):
    response_class = _TimedResponse
    _used = math.inf

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._used < IDLE

    def connect(self) -> None:
        call.stage = "connecting"
        super().connect()
        _check_peer(self.sock)

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        _begin_to_send()
        self._used = time.monotonic()
        super().send(data)


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse
    _used = math.inf

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - self._used < IDLE

    def connect(self) -> None:
        call.stage = "connecting"
        super().connect()
        _check_peer(self.sock)

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        _begin_to_send()
        self._used = time.monotonic()
        super().send(data)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Pools(PoolManager):
    """Keeps connections of ours, by host."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        self._where = lru_cache(HOSTS)(self._key)

    def send(self, method: str, url: str, **how: Any) -> BaseHTTPResponse:
        """Send a request as `urlopen` does, without taking a plain URL apart twice."""
        plain = PLAIN.fullmatch(url)
        if plain is None:
            return self.urlopen(method, url, **how)
        scheme, host, port, target = plain.groups()
        key, context = self._where(scheme, host, port)
        pool = self.connection_from_pool_key(key, dict(context))
        return pool.urlopen(method, target, assert_same_host=False, **how)

    def _key(self, scheme: str, host: str, port: str | None) -> tuple[PoolKey, dict[str, Any]]:
        """Return under what a host's pool is kept, and what it is made of, as `connection_from_host` does each time."""
        number = int(port) if port else port_by_scheme[scheme]
        context = {**self.connection_pool_kw, "scheme": scheme, "host": host, "port": number}
        return self.key_fn_by_scheme[scheme](context), context
