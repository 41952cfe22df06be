"""HTTP for one account: no retries, no redirects, no proxies, no cookies; and it knows whether a request left.

urllib3 limits each socket operation, not the whole call, and its errors do not say whether bytes were sent. Both
matter where a call costs money, so the connections made here report when they begin to send, and every read, of
headers too, looks at one deadline for the whole call.
"""

import http.client
import math
import re
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, Self

import certifi
from urllib3 import BaseHTTPResponse, Retry, Timeout
from urllib3 import exceptions as urllib3_errors

from ..turns import aside
from .connections import Pools, call

LARGEST_ANSWER = 1024 * 1024
LONGEST_RETRY_AFTER = 3600.0
CHUNK = 16 * 1024

Flaw = Literal["cut off", "too large", "not readable"]


class TransportError(Exception):
    """There is no whole answer. *sent* is False only where it is certain that no byte of the request left."""

    def __init__(self, sent: bool, message: str) -> None:
        super().__init__(message)
        self.sent = sent
        self.message = message


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Where its body can not be had, *body* is empty and *flaw* says why."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    flaw: Flaw | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body has not been read yet. Closing it lets go of its connection."""

    status_code: int
    headers: Mapping[str, str]
    raw: BaseHTTPResponse

    def close(self) -> None:
        """Give the connection back where the body was read to its end, and close it otherwise."""
        self.raw.close()
        self.raw.release_conn()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_TROUBLE = (urllib3_errors.HTTPError, http.client.HTTPException, OSError, ValueError)

_NEVER_LEFT = (
    urllib3_errors.LocationValueError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NewConnectionError,
    urllib3_errors.LocationParseError,
)

_SAID = (
    (ssl.SSLCertVerificationError, "the host's certificate can not be trusted"),
    (urllib3_errors.NameResolutionError, "the host's name is not known"),
    (urllib3_errors.NewConnectionError, "the connection was refused, or there is no way to the host"),
    (urllib3_errors.ConnectTimeoutError, "there was no connection in time"),
    (urllib3_errors.SSLError, "TLS failed"),
    (urllib3_errors.ReadTimeoutError, "there was no answer in time"),
    (TimeoutError, "there was no answer in time"),
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    (ConnectionResetError, "the connection was reset"),
    (BrokenPipeError, "the connection broke while sending"),
    (urllib3_errors.IncompleteRead, "the answer was cut off"),
    (urllib3_errors.InvalidChunkLength, "the answer was cut off"),
    (http.client.IncompleteRead, "the answer was cut off"),
    (http.client.HTTPException, "the answer is not HTTP"),
)


def _chain(error: BaseException) -> list[BaseException]:
    """Return *error* and what it wraps: libraries keep the cause as `reason`, or among the arguments."""
    found: list[BaseException] = [error]
    for one in found:
        inner = [getattr(one, "reason", None), *one.args]
        found += [cause for cause in inner if isinstance(cause, BaseException) and cause not in found]
        if len(found) > 8:
            break
    return found


def _describe(error: BaseException) -> str:
    """Say what happened in our own words: a library's message may hold a URL or a header."""
    causes = list(reversed(_chain(error)))
    for cause in causes:
        for kind, words in _SAID:
            if isinstance(cause, kind):
                return words
    return f"the connection failed ({type(causes[0]).__name__})"


def _left(error: BaseException) -> bool:
    """Tell whether bytes of the request may have left. In doubt they have."""
    if call.stage == "sending":
        return True
    if call.stage == "connecting":
        return False
    return not any(isinstance(cause, _NEVER_LEFT) for cause in _chain(error))


class Http:
    """Calls for one account, from many threads. Made after a fork, never before.

    Args:
        connect: seconds to open a connection.
        read: seconds for the next bytes of an answer.
        total: seconds for a whole call, where the call does not say otherwise.
        pool: how many idle connections are kept for each host.
        verify: True, or a file of certificates to trust.
    """

    def __init__(self, *, connect: float, read: float, total: float, pool: int = 32, verify: bool | str = True) -> None:
        self._read, self._total, self._verify = read, total, verify
        self._timeout = Timeout(connect=connect, read=read)  # what it counts, it counts in a copy for each call
        ca_certs = self._verify if isinstance(self._verify, str) else certifi.where()
        self._once = Retry(0, read=False, respect_retry_after_header=False)
        self._pools = Pools(8, maxsize=pool, retries=self._once, cert_reqs="CERT_REQUIRED", ca_certs=ca_certs)

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        total: float | None = None,
        public_only: bool = False,
        latest: float = math.inf,
    ) -> Answer:
        """Send one request and return the answer with its body unread; the caller closes it.

        urllib3's pools are used as they are: what `requests` adds takes longer than the call.

        Raises:
            TransportError: there was no answer.
        """
        call.stage, call.refused, call.public_only, call.latest = "unknown", None, public_only, latest
        call.deadline, call.patience = time.monotonic() + (total or self._total), self._read
        try:
            all_headers = {"Accept-Encoding": "identity", **headers}
            with aside():
                raw = self._pools.send(
                    method, url, body=body, headers=all_headers, redirect=False, preload_content=False,
                    decode_content=False, timeout=self._timeout,
                )  # fmt: skip
            return Answer(raw.status, raw.headers, raw)
        except _TROUBLE as error:
            raise TransportError(_left(error), call.refused or _describe(error)) from None

    def call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, latest: float = math.inf
    ) -> Reply:
        """Send one request and return the answer with its body, up to a mebibyte; after *latest* nothing is sent.

        Raises:
            TransportError: there was no answer.
        """
        with aside(), self.open(method, url, headers, body, latest=latest) as response:
            content, flaw = _body(response)
        return Reply(response.status_code, response.headers, content, flaw)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._pools.clear()


def chunks(response: Answer) -> Iterator[bytes]:
    """Yield the body as it comes, not decoded.

    Raises:
        TransportError: it was cut off, or took too long.
    """
    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except _TROUBLE as error:
        raise TransportError(sent=True, message=_describe(error)) from None


def _body(response: Answer) -> tuple[bytes, Flaw | None]:
    declared = response.headers.get("Content-Length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > LARGEST_ANSWER:
        return b"", "too large"
    content = bytearray()
    try:
        for chunk in chunks(response):
            content += chunk
            if len(content) > LARGEST_ANSWER:
                return b"", "too large"
    except TransportError:
        return b"", "cut off"
    return _decoded(bytes(content), response.headers.get("Content-Encoding", "").strip().lower())


def _decoded(content: bytes, encoding: str) -> tuple[bytes, Flaw | None]:
    """Undo gzip and deflate, which were not asked for, without ever unpacking more than an answer may hold."""
    if encoding in {"", "identity"} or not content:
        return content, None
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return b"", "not readable"
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = unpack.decompress(content, LARGEST_ANSWER + 1)
    except zlib.error:
        return b"", "not readable"
    if len(plain) > LARGEST_ANSWER:
        return b"", "too large"
    return (plain, None) if unpack.eof else (b"", "cut off")


_SECONDS = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Return how many seconds a Retry-After header asks to wait: at least 0, at most an hour, None where unclear.

    Args:
        text: the header: whole or broken seconds, or an HTTP date.
        now: seconds since the epoch.
    """
    text = (text or "").strip()
    if not text or len(text) > 100:
        return None
    if _SECONDS.fullmatch(text):
        wait = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
            return None
    return None if math.isnan(wait) else min(max(wait, 0.0), LONGEST_RETRY_AFTER)
