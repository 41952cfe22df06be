"""A TCP proxy that loses what a test wants lost: connections cut, or one direction frozen."""

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any


class WireCutter:
    """Forwards a loopback port to another until it is told to do harm. Runs in a thread of its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows: dict[str, asyncio.Event] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, name="wire-cutter", daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def cut(self) -> None:
        """Reset every connection there is; new ones are let through."""
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in list(self._open)])

    def freeze(self, *directions: str) -> None:
        """Hold back everything that goes `up` (to the server) or `down`; none lets all go on."""

        def hold() -> None:
            for direction, flows in self._flows.items():
                flows.clear() if direction in directions else flows.set()

        self._loop.call_soon_threadsafe(hold)

    def close(self) -> None:
        """Cut everything and stop."""

        def end() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows = {"up": asyncio.Event(), "down": asyncio.Event()}
        for flows in self._flows.values():
            flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self._loop), return_exceptions=True))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        with suppress(asyncio.CancelledError):
            await asyncio.gather(self._pump(reader, back, "up"), self._pump(there, writer, "down"))
        self._open -= {writer, back}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: str) -> None:
        with suppress(OSError, RuntimeError):
            while data := await source.read(65536):
                await self._flows[direction].wait()
                sink.write(data)
                await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.close()


def cut_under_way(plant: Any, cutter: WireCutter) -> None:
    """Reset every connection again and again, while twenty clips are under way."""
    for accepted in (4, 8, 12, 16):
        plant.until(lambda seen=accepted: plant.sandbox.meter()["accepted"] >= seen)
        cutter.cut()


def freeze_for_a_while(plant: Any, cutter: WireCutter, direction: str) -> None:
    """Let nothing come through in one direction for some seconds, once a few clips are under way."""
    plant.until(lambda: plant.sandbox.meter()["accepted"] >= 4)
    cutter.freeze(direction)
    time.sleep(4)  # the fault itself lasts this long
    cutter.freeze()
