"""Three ways to run a sandbox: here until a signal, in a thread, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Self

from tornado.netutil import bind_sockets

from overcrank.sandbox.admin import SandboxAdmin
from overcrank.sandbox.clips import SHELF
from overcrank.sandbox.config import SandboxConfig
from overcrank.sandbox.server import Server

_STOPPING_SECONDS = 5.0
LINE = "sandbox listening on "


def serve(config: SandboxConfig | None = None, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: how the vendor behaves.
        ready: called with the port as soon as calls are taken.
    """
    config = config or SandboxConfig()
    sockets, port = _listen(config)

    async def run() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        server = Server(config, sockets)
        if ready is not None:
            ready(port)
        await stopping.wait()
        await server.close()

    try:
        asyncio.run(run())
    finally:
        SHELF.close()


class Sandbox(SandboxAdmin):
    """A sandbox in a thread of this process, from construction to `stop`.

    Args:
        config: how the vendor behaves.
        fields: fields of `SandboxConfig`, over those of `config`.
    """

    def __init__(self, config: SandboxConfig | None = None, /, **fields: Any) -> None:
        self.config = (config or SandboxConfig()).changed(fields, fixed=())
        sockets, self.port = _listen(self.config)
        super().__init__(_url(self.config.host, self.port))
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(sockets,), name="sandbox", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection and end the thread; once more does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOPPING_SECONDS)
        self._session.close()

    def _run(self, sockets: list[socket.socket]) -> None:
        async def run() -> None:
            server = Server(self.config, sockets)
            await self._stopping.wait()
            await server.close()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(run())


class SandboxProcess(SandboxAdmin):
    """A sandbox in a process of its own, so that it does not share the interpreter with what it measures.

    Args:
        config: how the vendor behaves.
        fields: fields of `SandboxConfig`, over those of `config`.
    """

    def __init__(self, config: SandboxConfig | None = None, /, **fields: Any) -> None:
        self.config = (config or SandboxConfig()).changed(fields, fixed=())
        command = [sys.executable, "-m", "overcrank.sandbox", "--config", json.dumps(self.config.as_mapping())]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line.startswith(LINE):
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the sandbox did not start: {line!r}")
        super().__init__(line.removeprefix(LINE))
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process; once more does nothing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._session.close()


def _listen(config: SandboxConfig) -> tuple[list[socket.socket], int]:
    sockets = bind_sockets(config.port, config.host, backlog=1024)
    return sockets, int(sockets[0].getsockname()[1])


def _url(host: str, port: int) -> str:
    name = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - compared, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
