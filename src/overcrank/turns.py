"""Turns: of a process's threads one at a time does what needs the interpreter, while others wait for the network.

CPython runs one thread at a time anyway. Where sixteen ask for it anew at each of a job's hundreds of system calls,
they wake each other all the time, and that costs more than the job itself (measured: 700 switches a job without turns,
70 with them). So whoever works on a job takes a turn, and steps aside while something else has to answer.

A turn is a courtesy and no lock: who has waited for one too long goes on without it. Nothing may rely on having one.
"""

import os
import threading
from typing import Self

PATIENCE = 0.1
"""Seconds to wait for a turn. Whoever has it may wait for something that forgets to step aside."""

_turn = threading.Lock()


class _Mine(threading.local):
    held = False


_mine = _Mine()


class taken:  # noqa: N801  (read as `with taken():`)
    """Have a turn while the block runs."""

    __slots__ = ("_began",)

    def __enter__(self) -> Self:
        self._began = not _mine.held
        if self._began:
            _take()
        return self

    def __exit__(self, *_: object) -> None:
        if self._began:
            _give()


class aside:  # noqa: N801  (read as `with aside():`)
    """Let others have their turn while the block runs, which waits for something; without a turn it does nothing."""

    __slots__ = ("_had",)

    def __enter__(self) -> Self:
        self._had = _mine.held
        if self._had:
            _give()
        return self

    def __exit__(self, *_: object) -> None:
        if self._had:
            _take()


def _take() -> None:
    _mine.held = _turn.acquire(timeout=PATIENCE)


def _give() -> None:
    if _mine.held:
        _mine.held = False
        _turn.release()


def _anew() -> None:
    global _turn, _mine
    _turn, _mine = threading.Lock(), _Mine()


os.register_at_fork(after_in_child=_anew)
