"""Where held jobs wait: until their time has come, something came free, or the worker stops."""

import os
import threading
import time

from overcrank.admission.gate import PATIENCE
from overcrank.keys import DUE
from overcrank.runtime import Runtime
from overcrank.turns import aside

QUIET, LOST = "quiet", "lost"
"""How a parent tells its children, by its process id, to hand back what they hold: as it stops, or as its connection to
the broker was lost and with it every message."""


class Room:
    """The waiting room of one process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._changed = threading.Condition()
        self._calls = self._losses = 0
        self._closed = False
        self.money = threading.Event()
        """Set when some budget came free: parked jobs may go on."""
        self.due = threading.Event()
        """Set when the provider has called: a job is due now."""

    @property
    def closed(self) -> bool:
        """Whether the worker is stopping: what is held is to be handed back."""
        return self._closed

    def wait(self, seconds: float) -> bool:
        """Wait up to *seconds*, less if something came free; return False where the message is to be handed back."""
        until = time.monotonic() + min(seconds, PATIENCE)
        with aside(), self._changed:
            heard, lost = self._calls, self._losses
            while not self._closed and self._calls == heard and self._losses == lost:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return not self._closed and self._losses == lost

    def wake(self) -> None:
        """Let everybody ask the gate again."""
        with self._changed:
            self._calls += 1
            self._changed.notify_all()

    def lose(self) -> None:
        """Let everybody who waits hand back what they hold; whoever comes later may stay."""
        with self._changed:
            self._losses += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let everybody hand back what they hold."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def listen(self) -> None:
        """Wake everybody whenever a slot or some budget came free, as long as the server is there to say so."""
        with self._runtime.redis.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(self._runtime.keys.wake)
            while not self._closed:
                message = heard.get_message(timeout=5.0)
                if message and message["data"] == f"{QUIET} {os.getppid()}":
                    self.close()
                elif message and message["data"] == f"{LOST} {os.getppid()}":
                    self.lose()
                elif message and message["data"] == DUE:
                    self.due.set()
                elif message:
                    self.wake()
                    if message["data"] != "slot":
                        self.money.set()
