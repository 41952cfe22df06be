"""Keeps processes running: starts them again when they end, stops them in order when asked to.

Standard library only, and nothing of ours: `overcrank worker` turns itself into this (`python -m
overcrank.cli.supervisor`) once its settings are checked, so that it costs little memory beside the worker.
"""

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

TETHER = str(Path(__file__).with_name("tether.py"))
STEADY = 10.0
"""Seconds after which a process that ends counts as having run, not as crashing at once."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before a process is started again: the first time, and at most."""

GAVE_UP = 8
"""The exit code when a process was given up: `exits.Exit.CRASHED`."""


@dataclass(frozen=True)
class Spec:
    """A process to keep running.

    Attributes:
        env: added to the environment.
        rank: those with the lowest stop first; the others wait for them.
        grace: seconds it may take to stop before it is killed.
        crashes: how often in a row it may end at once before it is given up.
        essential: whether everything stops where it is given up.
    """

    name: str
    command: Sequence[str]
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    rank: int = 0
    grace: float = 20.0
    crashes: int = 5
    essential: bool = True


class Child:
    """One process, through all its restarts."""

    def __init__(self, spec: Spec, output: Callable[["Child", IO[str]], None] | None = None) -> None:
        self.spec, self._output = spec, output
        self.process: subprocess.Popen[str] | None = None
        self.restarts = self.fast = 0
        self.begun = 0.0
        self.again_at: float | None = None
        self.gave_up = False

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start it, tied to this process, in a session of its own: Ctrl-C in a terminal is for us alone."""
        self.again_at, self.begun = None, time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  (commands are made by us, not read from anywhere)
            [sys.executable, "-I", "-S", TETHER, str(os.getpid()), *self.spec.command],
            cwd=self.spec.cwd,
            env={**os.environ, **self.spec.env},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self._output else None,
            stderr=subprocess.STDOUT if self._output else None,
            text=True,
            errors="replace",
        )
        if self._output and self.process.stdout:
            self._output(self, self.process.stdout)

    def reap(self) -> int | None:
        """Return the code it ended with, if it just did."""
        code = self.process.poll() if self.process else None
        if code is not None:
            self.kill()  # what it left behind in its own group
            self.process = None
        return code

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it and everything in its process group, at once."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Keeps children running until it is asked to stop.

    Args:
        say: called with a line for people whenever something happened to a child.
        output: called with each child that is started and its output; without it, children write where we do.
    """

    def __init__(self, say: Callable[[str], None], output: Callable[[Child, IO[str]], None] | None = None) -> None:
        self.children: list[Child] = []
        self.asked = self._obeyed = 0
        self.failed: Child | None = None
        self._say, self._output = say, output
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def add(self, spec: Spec) -> Child:
        """Start a process and keep it running."""
        child = Child(spec, self._output)
        self.children.append(child)
        child.start()
        return child

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as the wish to stop, while the block runs."""

        def ask(*_: Any) -> None:
            self.asked += 1

        handlers = {signal.SIGINT: ask, signal.SIGTERM: ask, signal.SIGHUP: ask, signal.SIGCHLD: lambda *_: None}
        old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in old.items():
                signal.signal(number, handler)

    def run(self, each: Callable[[], None] = lambda: None) -> int:
        """Keep everything running until a signal or until a child is given up; stop all; return the exit code."""
        with self.signals():
            while not self.asked and self.failed is None:
                self.step(1.0)
                each()
            self.stop()
        return GAVE_UP if self.failed else 0

    def step(self, seconds: float) -> None:
        """Wait up to *seconds* for something to happen, and start again what has ended."""
        due = [child.again_at for child in self.children if child.again_at is not None]
        self._wait(max(0.0, min([seconds, *(at - time.monotonic() for at in due)])))
        for child in self.children:
            code = child.reap()
            if code is not None:
                self._ended(child, code)
            if child.again_at is not None and child.again_at <= time.monotonic():
                child.restarts += 1
                child.start()

    def _ended(self, child: Child, code: int) -> None:
        ran, name = time.monotonic() - child.begun, child.spec.name
        child.fast = child.fast + 1 if ran < STEADY else 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if child.fast >= child.spec.crashes:
            child.gave_up = True
            self._say(f"{name} {how} after {ran:.1f} s, for the {child.fast}th time in a row: it is given up")
            if child.spec.essential:
                self.failed = child
            return
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2**child.fast) * random.uniform(0.5, 1.0)  # noqa: S311  (jitter)
        child.again_at = time.monotonic() + wait
        self._say(f"{name} {how} after {ran:.1f} s; it is started again in {wait:.1f} s")

    def stop(self) -> None:
        """Stop everything, rank by rank: ask, wait, then kill. Being asked once more makes it short."""
        self._obeyed = max(self._obeyed, min(self.asked, 1))
        for child in self.children:
            child.again_at = None
        for rank in sorted({child.spec.rank for child in self.children}):
            self._stop([child for child in self.children if child.spec.rank == rank and child.process])

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        began, orders = time.monotonic(), [signal.SIGQUIT, signal.SIGKILL]  # Celery's cold shutdown, and the end
        while left := [child for child in children if child.process and child.reap() is None]:
            if self.asked > self._obeyed and orders:
                self._obeyed, order = self._obeyed + 1, orders.pop(0)
                for child in left:
                    child.kill() if order == signal.SIGKILL else child.signal(order)
            for child in left:
                if time.monotonic() - began > child.spec.grace:
                    self._say(f"{child.spec.name} did not stop in {child.spec.grace:g} s and is killed")
                    child.kill()
            self._wait(0.2)

    def _wait(self, seconds: float) -> None:
        select.select([self._reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)


def stamp(line: str) -> None:
    """Write a line for people to standard error."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} overcrank: {line}\n")
    sys.stderr.flush()


def become(spec: Spec) -> None:
    """Turn this process into a supervisor of one child. Secrets go through the environment, never as arguments."""
    os.environ.update(spec.env)
    known = {"name": spec.name, "command": list(spec.command), "cwd": spec.cwd, "grace": spec.grace}
    sys.stdout.flush()
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, json.dumps(known)]
    os.execv(sys.executable, command)  # noqa: S606  (likewise)


if __name__ == "__main__":
    supervisor = Supervisor(stamp)
    with supervisor.signals():
        supervisor.add(Spec(**json.loads(sys.argv[1])))
        code = supervisor.run()
    sys.exit(code)
