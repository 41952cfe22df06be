"""The HTTP server: requests become calls, replies become bytes, and some connections are broken on purpose."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from http import HTTPStatus
from urllib.parse import parse_qsl

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError

from overcrank.sandbox import creates, reads, switchboard
from overcrank.sandbox.config import SandboxConfig
from overcrank.sandbox.exchange import Call, Reply, refusal
from overcrank.sandbox.vendor import Vendor
from overcrank.sandbox.webhooks import Postman

_LOG = logging.getLogger(__name__)
_STATUS = "/v1/video/status/"
_CONTENT = "/v1/content/"
_MOST_BODY = 1 << 20
_CLOSING_SECONDS = 0.4


class Server:
    """One vendor on some listening sockets; lives in the event loop that starts it."""

    def __init__(self, config: SandboxConfig, sockets: list[socket.socket]) -> None:
        self._postman = Postman()
        self.vendor = Vendor(config, accepted=self._postman.accepted)
        self._postman.vendor = self.vendor
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = HTTPServer(self._arrived, max_body_size=_MOST_BODY)
        self._http.add_sockets(sockets)

    async def close(self) -> None:
        """Stop listening and close every connection, also those that hang."""
        self._http.stop()
        self._postman.close()
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.wait_for(self._http.close_all_connections(), _CLOSING_SECONDS)
        except TimeoutError:
            _LOG.warning("some connections did not close in %s s", _CLOSING_SECONDS)

    def _arrived(self, request: HTTPServerRequest) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: HTTPServerRequest) -> None:
        call = Call(
            method=request.method or "",
            path=request.path,
            query=dict(parse_qsl(request.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.body,
            base=f"http://{request.host}",
            at=self.vendor.clock(),
        )
        epoch = self.vendor.epoch
        try:
            reply = await route(self.vendor, call)
        except Exception as error:  # noqa: BLE001 - logged; the caller gets a 500, the server goes on
            _LOG.exception("%s %s", call.method, call.path)
            reply = refusal(500, "sandbox_bug", f"the sandbox itself is wrong: {error!r}")
        try:
            await put(request, reply)
        except StreamClosedError:
            return
        generation = self.vendor.book.get(reply.delivers) if reply.delivers else None
        if generation is not None and epoch == self.vendor.epoch:
            generation.delivered = True


async def route(vendor: Vendor, call: Call) -> Reply:
    """The reply to a call."""
    if call.path == "/v1/video/generate":
        if call.method == "POST":
            return creates.create(vendor, call)
    elif call.method == "GET":
        if call.path.startswith(_STATUS):
            return await reads.status(vendor, call, call.path.removeprefix(_STATUS))
        if call.path == "/v1/video":
            return await reads.lookup(vendor, call)
        if call.path.startswith(_CONTENT):
            return await reads.content(vendor, call, call.path.removeprefix(_CONTENT).removesuffix(".mp4"))
    return switchboard.handle(vendor, call) or refusal(404, "not_found", f"no {call.method} {call.path} here")


async def put(request: HTTPServerRequest, reply: Reply) -> None:
    """Put a reply on the wire in its way; raises `StreamClosedError` where the caller has left."""
    connection = request.connection
    assert connection is not None
    stream: IOStream = connection.stream  # type: ignore[attr-defined]
    if reply.wire == "hang":
        return
    if reply.wire != "pause" and reply.wait:
        await asyncio.sleep(reply.wait)
    if reply.wire == "reset":
        _reset(stream)
        return
    if stream.closed():
        raise StreamClosedError
    headers = HTTPHeaders({**reply.headers, "Content-Length": str(len(reply.body))})
    start = ResponseStartLine("HTTP/1.1", reply.status, HTTPStatus(reply.status).phrase)
    first = reply.body if reply.wire == "send" else reply.body[: reply.part]
    if request.method == "HEAD":
        first = b""
    await connection.write_headers(start, headers, first)
    if reply.wire == "cut":
        stream.close()
        return
    if reply.wire == "pause":
        await asyncio.sleep(reply.wait)
        await connection.write(reply.body[reply.part :])
    connection.finish()


def _reset(stream: IOStream) -> None:
    # A linger of no time turns the close into a RST: the caller sees a broken connection, not an end.
    sock = stream.socket
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()
