"""Doing steps in a child process: a film that makes a decoder crash, hang or swell ends its step, not the worker."""

import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OvercrankError
from .mp4 import NotAFilm
from .steps import Step
from .trouble import Impossible, MediaError, MissingExtra, Overdue

PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""What of the environment the child sees: no settings, so no keys."""

COMMAND = ("-m", f"{__package__}.child")
"""What of Python's is run: our own module."""

LAST_WORDS = 4096
"""Bytes of what the child says besides its answers that are remembered, to explain its end."""

NEEDED = ("av", "numpy", "PIL")


@dataclass(frozen=True, slots=True)
class Task:
    """A step, the film it is done to, and the file it writes."""

    step: Step
    film: Path
    to: Path


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a step.

    Attributes:
        step: which.
        what: what it made, as plain data; empty where it failed.
        error: why it failed, or None.
        cpu: seconds of processor time.
        memory: KiB, the largest the process has been.
    """

    step: Step
    what: dict[str, Any]
    error: OvercrankError | NotAFilm | None = None
    cpu: float = 0.0
    memory: int = 0

    @property
    def costs(self) -> dict[str, float]:
        """Return what it took as plain data: seconds of CPU, and the most MB that the process had by then."""
        return {"cpu_s": self.cpu, "peak_mb": round(self.memory / 1024, 1)}


def available() -> bool:
    """Tell whether films can be decoded here."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def render(tasks: Sequence[Task], patience: float) -> Iterator[Made]:
    """Do the tasks in their order, each within *patience* seconds; one that fails leaves the others alone.

    Raises:
        MissingExtra: films can not be decoded here.
    """
    if not available():
        raise MissingExtra
    rest = list(tasks)
    while rest:
        child = _Child(rest, patience)
        for line in child.lines():
            yield _made(rest.pop(0).step, line)
        if rest:  # it fell silent, or went away, in the middle of a step: the next ones get a new process
            step = rest.pop(0).step
            yield Made(step, {}, Overdue(f"{step.name} was not done: {child.why}"))


def _made(step: Step, line: dict[str, Any]) -> Made:
    if "error" in line:
        kinds: dict[str, type[OvercrankError | NotAFilm]] = {
            kind.__name__: kind for kind in (NotAFilm, Impossible, MissingExtra)
        }
        if line["error"] == "MissingExtra":
            raise MissingExtra
        return Made(step, {}, kinds.get(line["error"], MediaError)(line["message"]))
    return Made(step, line["made"], None, line["cpu"], line["memory"])


class _Child:
    """A process that does tasks, and what is known of its end."""

    def __init__(self, tasks: Iterable[Task], patience: float) -> None:
        self._asked = [
            {"name": t.step.name, "options": dict(t.step.options), "film": str(t.film), "to": str(t.to)} for t in tasks
        ]
        self._patience = patience
        self._tail = b""
        self.why = ""

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it says of each task, until it ends or says nothing for too long."""
        with _child() as child, selectors.DefaultSelector() as ready:
            if child.stdin is None or child.stdout is None or child.stderr is None:
                raise AssertionError("all three were asked for")
            child.stdin.write(json.dumps(self._asked).encode() + b"\n")
            child.stdin.flush()
            for pipe in (child.stdout, child.stderr):
                ready.register(pipe, selectors.EVENT_READ, pipe)
            held, until = b"", time.monotonic() + self._patience
            while found := ready.select(max(0.0, until - time.monotonic())):
                for key, _ in found:
                    got = os.read(key.fd, 65_536)
                    if not got:
                        ready.unregister(key.data)
                    elif key.data is child.stderr:
                        self._tail = (self._tail + got)[-LAST_WORDS:]
                    else:
                        *whole, held = (held + got).split(b"\n")
                        for line in whole:
                            until = time.monotonic() + self._patience
                            yield json.loads(line)
                if not ready.get_map():
                    self.why = self._ended(child.wait())
                    return
            self.why = f"it took longer than {self._patience:g} s{self._last_words()}"

    def _ended(self, code: int) -> str:
        how = f"by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"with code {code}"
        return f"its process ended {how}{self._last_words()}"

    def _last_words(self) -> str:
        lines = self._tail.decode(errors="replace").split("\n")
        return "".join(f": {line.strip()[:200]}" for line in [line for line in lines if line.strip()][-1:])


@contextmanager
def _child() -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    with subprocess.Popen(  # noqa: S603  (our own interpreter)
        [sys.executable, *COMMAND],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()
