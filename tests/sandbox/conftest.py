"""Sandboxes and receivers that end with the test that asked for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from overcrank.sandbox import Sandbox

from .talk import Talker


@pytest.fixture
def start() -> Iterator[Callable[..., Talker]]:
    """Starts a sandbox with some fields of its configuration; generations end at once unless told otherwise."""
    running: list[Sandbox] = []

    def begin(**fields: Any) -> Talker:
        running.append(Sandbox(**{"generation_seconds": 0, "clips": "tiny", **fields}))
        return Talker(running[-1])

    yield begin
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def talker(start: Callable[..., Talker]) -> Talker:
    """A caller of a sandbox that does everything right."""
    return start()


class Inbox:
    """An HTTP server that keeps what is posted to it, and answers with the given codes in turn, then 200."""

    def __init__(self, codes: list[int]) -> None:
        self.letters: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.letters.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(codes.pop(0) if codes else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def take(self, seconds: float = 5) -> tuple[dict[str, str], bytes]:
        """The next letter."""
        return self.letters.get(timeout=seconds)

    def close(self) -> None:
        """Stop receiving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def inbox() -> Iterator[Callable[..., Inbox]]:
    """Opens an inbox for webhooks."""
    opened: list[Inbox] = []

    def begin(*codes: int) -> Inbox:
        opened.append(Inbox(list(codes)))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()
