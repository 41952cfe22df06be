"""One call as the vendor reads it, and one reply as it is to be put on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes:
        method: "GET" or "POST".
        path: without the query.
        query: the last value of each parameter.
        headers: by lower-case name.
        body: bytes.
        base: scheme and host under which the caller knows this server.
        at: epoch seconds of arrival.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str
    at: float


@dataclass(frozen=True)
class Reply:
    """An answer, or what stands in for one.

    Attributes:
        status: of HTTP; 0 where nothing is answered.
        body: bytes.
        headers: beside `Content-Length`.
        wire: "send"; "reset" the connection without a word; "hang" until the caller leaves; "cut" the connection
            after `part` bytes of the body; "pause" for `wait` seconds after `part` bytes.
        wait: seconds before the answer, or in the middle of it.
        part: bytes of the body.
        code: of the refusal, for the meter.
        delivers: the generation whose whole content this is.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: str = "send"
    wait: float = 0.0
    part: int = 0
    code: str | None = None
    delivers: str | None = None

    def after(self, seconds: float) -> Reply:
        """The same, this much later."""
        return replace(self, wait=self.wait + seconds) if seconds else self


RESET = Reply(0, wire="reset")
HANG = Reply(0, wire="hang")

_JSON = {"Content-Type": "application/json"}
_HTML = {"Content-Type": "text/html"}


def answer(values: Any, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(values).encode(), _JSON)


def refusal(status: int, code: str, message: str, *, name: str | None = None, retry_after: str | None = None) -> Reply:
    """An error in the vendor's form.

    Args:
        status: of HTTP.
        code: the vendor's word for it.
        message: for people.
        name: the field at fault.
        retry_after: the value of that header.
    """
    error = {"code": code, "message": message} | ({"field": name} if name else {})
    headers = _JSON | ({"Retry-After": retry_after} if retry_after is not None else {})
    return Reply(status, json.dumps({"error": error}).encode(), headers, code=code)


def page(status: int, title: str) -> Reply:
    """A page for people where a program expected something else."""
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status, body.encode(), _HTML, code="html")


def garbage() -> Reply:
    """An answer of 200 whose body is cut JSON."""
    return Reply(200, b'{"id": "gen_', _JSON)


def server_error() -> Reply:
    """The vendor's own failure."""
    return refusal(500, "internal_error", "something went wrong on our side")
