"""The journal of a batch: its results, one JSON object a line as they come, and enough to go on where it stopped."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from ..errors import ConfigError
from ..ids import new_id
from ..job import Job


class Journal:
    """The results file of one batch. The first line names the batch; each clip's unique key is made from that name.

    Raises:
        ConfigError: there is a file already, or none to go on with.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self._done = bytearray()
        self.written = 0
        there = path.exists() and path.stat().st_size > 0
        if there and not resume:
            raise ConfigError(f"{path} is there: add --resume to go on with it, or name another with --results")
        if resume and not there:
            raise ConfigError(f"{path} is not there, so there is nothing to resume")
        self.batch = self._read() if there else new_id()
        self._file = path.open("a", encoding="utf-8")
        if not there:
            self._write({"batch": self.batch})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def key(self, number: int) -> str:
        """Return the unique key of a line's clip: sent twice, it is the same job."""
        return f"batch/{self.batch}/{number}"

    def has(self, number: int) -> bool:
        """Tell whether a line's result is written."""
        return number // 8 < len(self._done) and bool(self._done[number // 8] >> number % 8 & 1)

    def add(self, number: int, job: Job) -> None:
        """Write a line's result; that of a background which is no line has the number 0."""
        if number:
            self._note(number)
        result = job.result or {}
        self._write({
            "line": number, "id": job.id, "state": str(job.state), "url": result.get("url"),
            "sha256": result.get("sha256"), "cost_usd": job.as_dict()["cost_usd"],
            "error": job.error[1] if job.error else None, **job.shared_with,
        })  # fmt: skip
        self.written += 1

    def _note(self, number: int) -> None:
        if len(self._done) <= number // 8:
            self._done.extend(bytes(max(1024, number // 8 + 1 - len(self._done))))
        self._done[number // 8] |= 1 << number % 8

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()

    def _read(self) -> str:
        """Return the batch's name, and cut off a last line that a crash left unfinished."""
        batch, whole = _entries(self.path, self._note)
        with self.path.open("rb+") as file:
            file.truncate(whole)
        return batch


def finished(path: Path) -> Callable[[int], bool]:
    """Return what tells whether a line's result is in the file at *path*, which is only read.

    Raises:
        ConfigError: it is no results file.
    """
    numbers: set[int] = set()
    if path.exists():
        _entries(path, numbers.add)
    return numbers.__contains__


def _entries(path: Path, note: Callable[[int], None]) -> tuple[str, int]:
    """Note the lines whose results are there; return the batch's name, and how many bytes are whole lines."""
    whole, batch = 0, ""
    with path.open("rb") as file:
        for text in file:
            if not text.endswith(b"\n"):
                break
            try:
                entry = json.loads(text)
                batch = batch or str(entry["batch"])
                if "line" in entry:
                    note(int(entry["line"]))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(f"{path} is not the results file of a batch") from None
            whole += len(text)
    if not batch:
        raise ConfigError(f"{path} is not the results file of a batch")
    return batch, whole
