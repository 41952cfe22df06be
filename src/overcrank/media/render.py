"""Doing steps in a child process: a film that makes a decoder crash, hang or swell ends its step, not the worker."""

import importlib.util
import json
import os
import selectors
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
        for line in _lines(rest, patience):
            yield _made(rest.pop(0).step, line)
        if rest:  # it fell silent, or went away, in the middle of a step: the next ones get a new process
            step = rest.pop(0).step
            yield Made(step, {}, Overdue(f"{step.name} was not done in {patience:g} s, or its process crashed"))


def _made(step: Step, line: dict[str, Any]) -> Made:
    if "error" in line:
        kinds: dict[str, type[OvercrankError | NotAFilm]] = {
            kind.__name__: kind for kind in (NotAFilm, Impossible, MissingExtra)
        }
        if line["error"] == "MissingExtra":
            raise MissingExtra
        return Made(step, {}, kinds.get(line["error"], MediaError)(line["message"]))
    return Made(step, line["made"], None, line["cpu"], line["memory"])


def _lines(tasks: Iterable[Task], patience: float) -> Iterator[dict[str, Any]]:
    """Yield what the child says of each task, until it ends or says nothing for too long."""
    asked = [
        {"name": t.step.name, "options": dict(t.step.options), "film": str(t.film), "to": str(t.to)} for t in tasks
    ]
    with _child() as child:
        if child.stdin is None or child.stdout is None:
            raise AssertionError("both were asked for")
        child.stdin.write(json.dumps(asked).encode() + b"\n")
        child.stdin.flush()
        held = b""
        with selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            until = time.monotonic() + patience
            while ready.select(max(0.0, until - time.monotonic())):
                got = os.read(child.stdout.fileno(), 65_536)
                if not got:
                    return
                *whole, held = (held + got).split(b"\n")
                for line in whole:
                    until = time.monotonic() + patience
                    yield json.loads(line)


@contextmanager
def _child() -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: os.environ[name] for name in PASSED if name in os.environ}
    with subprocess.Popen(  # noqa: S603  (our own module, in our own interpreter)
        [sys.executable, "-m", f"{__package__}.child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()
