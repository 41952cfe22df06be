"""Lets many fetch at once, and a suspect alone: a job whose last run never came back must not take others with it.

When a worker dies, every job in its hands is a suspect, and most are innocent. The next run of each has the process to
itself, so that if the worker dies again, it is clear which job it was.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from overcrank.turns import aside


class Turnstile:
    """Shared by all who fetch in a process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._suspects = 0
        self._alone = False

    @contextmanager
    def enter(self, *, alone: bool, patience: float) -> Iterator[bool]:
        """Wait up to *patience* seconds for a place, or for all others to be gone; tell whether there is one."""
        admitted = self._wait(alone, patience)
        try:
            yield admitted
        finally:
            if admitted:
                with self._changed:
                    self._inside -= 1
                    self._alone = False
                    self._changed.notify_all()

    def _wait(self, alone: bool, patience: float) -> bool:
        until = time.monotonic() + patience
        with aside(), self._changed:
            self._suspects += alone
            try:
                while self._alone or (self._inside if alone else self._suspects):
                    if not self._changed.wait(until - time.monotonic()):
                        return False
                self._inside += 1
                self._alone = alone
                return True
            finally:
                self._suspects -= alone
                self._changed.notify_all()
