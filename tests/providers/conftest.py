"""A vendor on loopback that sends exactly the bytes a test gives it, and an adapter that talks to it."""

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from overcrank.clip import Clip
from overcrank.providers.base import CreateRequest
from overcrank.providers.holysheep import HolySheep
from overcrank.settings import ProviderSettings, Settings

KEY = "hs-very-secret-key-0123456789"


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Step:
    """What the vendor does with one request: these bytes, piece by piece, and then this end."""

    pieces: list[bytes]
    end: Literal["close", "reset", "hang", "keep"] = "close"
    pause: float = 0.0


@dataclass
class Vendor:
    """Answers each request with the next step; remembers what it was asked."""

    script: deque[Step] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def raw(self, *pieces: bytes, end: Any = "close", pause: float = 0.0) -> "Vendor":
        """Send these bytes next."""
        self.script.append(Step(list(pieces), end, pause))
        return self

    def says(self, status: int = 200, body: Any = b"", end: Any = "close", **headers: str) -> "Vendor":
        """Send this answer next: whole, with its length."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(content)}"]
        lines += [] if end == "keep" else ["Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + content, end=end)

    def stop(self) -> None:
        """Stop listening and let go of everything that hangs."""
        self.over.set()
        self.listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while self._read(connection):
                step = self.script.popleft() if self.script else Step([], "reset")
                for piece in step.pieces:
                    connection.sendall(piece)
                    if step.pause:
                        self.over.wait(step.pause)
                if step.end == "hang":
                    self.over.wait(10)
                if step.end == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if step.end != "keep":
                    return

    def _read(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        method, path, _ = first.split(" ")
        self.asked.append(Asked(method, path, headers, body))
        return True


@pytest.fixture
def make_vendor() -> Iterator[Callable[[], Vendor]]:
    """Make vendors, and stop them."""
    made: list[Vendor] = []

    def make() -> Vendor:
        made.append(Vendor())
        return made[-1]

    yield make
    for vendor in made:
        vendor.stop()


@pytest.fixture
def vendor(make_vendor: Callable[[], Vendor]) -> Vendor:
    """One vendor."""
    return make_vendor()


@pytest.fixture
def make_sheep() -> Iterator[Callable[..., HolySheep]]:
    """Make adapters with short patience (the sandbox is slow by 1 s where it is to be too slow), and close them."""
    made: list[HolySheep] = []

    def make(url: str, **more: Any) -> HolySheep:
        given = {"base_url": url, "api_key": KEY, "connect_timeout": 0.8, "read_timeout": 0.8, **more}
        made.append(HolySheep(Settings(provider=ProviderSettings(**given))))
        return made[-1]

    yield make
    for sheep in made:
        sheep.close()


@pytest.fixture
def sheep(vendor: Vendor, make_sheep: Callable[..., HolySheep]) -> HolySheep:
    """An adapter that talks to the vendor."""
    return make_sheep(vendor.url)


@pytest.fixture
def request_() -> CreateRequest:
    """One paid attempt."""
    clip = Clip(prompt="a glass of water falls off a table", seed=7)
    job_id = "0192f0c1-2b3c-7d4e-8f50-0123456789ab"
    return CreateRequest(clip, "pixverse-v6-physics", job_id, f"{job_id}.1", "https://example.org/hook")
