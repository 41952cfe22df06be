"""The journal of a batch: its results, one JSON object a line as they come, and enough to go on where it stopped."""

import fcntl
import json
import os
import time
from array import array
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TextIO

from ..clock import SECOND, iso
from ..errors import ConfigError
from ..ids import new_id
from ..job import Job
from ..money import micros, plain
from .lines import Line


class Journal:
    """The results file of one batch. Its lines are of three kinds.

    * The first names the batch; each clip's unique key is made from that name, so sent twice it is the same job.
    * `{"sent": {LINE: MARK, ...}}` is written before these lines are submitted: what each of them asked for.
    * `{"line": ...}` is the result of a line; 0 is a background that is said in place. It may come again, where a
      failed line was tried again.

    It is read when it is made, and written from when it is entered, by one run at a time.

    Raises:
        ConfigError: there is a file already, or none to go on with; or it can not be written; or it is too old.
    """

    batch: str
    spent: int
    behind: set[str]
    """The backgrounds that are no lines and have ended."""
    _failures: dict[int, int]
    _again: dict[int, int]
    _left: set[int]

    def __init__(self, path: Path, *, resume: bool, retry_failed: bool = False, keeps: float = float("inf")) -> None:
        self.path, self._resume, self._retry_failed, self._keeps = path, resume, retry_failed, keeps
        self._file: TextIO | None = None
        self._forget()
        there = self._size > 0
        if there and not resume:
            raise ConfigError(f"{path} is there: add --resume to go on with it, or name another with --results")
        if resume and not there:
            raise ConfigError(f"{path} is not there, so there is nothing to resume")
        if not path.parent.is_dir():
            raise ConfigError(f"{path} can not be written: there is no folder {path.parent}")
        if there:
            self._read()

    def __enter__(self) -> Self:
        """Take the file, and have its first line on the disk: without it nothing that is sent could be found again."""
        try:
            self._file = self.path.open("a", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another run is writing to {self.path}: wait for its end, or stop it first") from None
        except OSError as error:
            raise ConfigError(f"{self.path} can not be written: {error.strerror}") from None
        if self._resume:  # what another run wrote since it was read, and what a crash left unfinished
            self._forget()
            self._file.truncate(self._read())
        elif self._size:
            raise ConfigError(f"another run has begun to write to {self.path}: name another with --results")
        else:
            self.batch = new_id()
            self._write({"batch": self.batch, "begun": iso(time.time_ns() // 1000)})
            self._sync()
        return self

    def __exit__(self, *_: object) -> None:
        self._sync()
        self._open.close()

    @property
    def failed(self) -> int:
        """How many lines have a result that is no clip, and are not tried again."""
        return len(self._failures)

    def key(self, number: int) -> str:
        """Return the unique key of a line's clip; another one for each time that it is tried again."""
        again = self._again.get(number, 0)
        return f"batch/{self.batch}/{number}" + (f"/{again}" if again else "")

    def has(self, line: Line) -> bool:
        """Tell whether a line's result is written and stays.

        Raises:
            ConfigError: it asked for something else when it was submitted.
        """
        before = self._marks[line.number] if line.number < len(self._marks) else 0
        if before and line.mark and before != int(line.mark, 16):
            raise ConfigError(
                f"line {line.number} is not what it was when it was submitted, so its result would not be what it asks "
                f"for: put the line back, and add new ones at the end; or name other --results for a new batch"
            )
        done = line.number // 8 < len(self._done) and self._done[line.number // 8] >> line.number % 8 & 1
        return bool(done) and line.number not in self._left

    def sent(self, lines: Iterable[Line]) -> None:
        """Write which lines are about to be submitted."""
        marks = {line.number: line.mark for line in lines}
        for number, mark in marks.items():
            self._mark(number, mark)
        if marks:
            self._write({"sent": marks})

    def add(self, number: int, job: Job, cost: int) -> None:
        """Write a line's result, and what it cost: of several lines that are one job, one bears its cost.

        A background that is said in place, and so is no line, has the number 0.
        """
        result = job.result or {}
        entry = {
            "line": number, "id": job.id, "state": str(job.state), "url": result.get("url"),
            "sha256": result.get("sha256"), "cost_usd": plain(cost),
            "error": job.error[1] if job.error else None, "ended": iso(job.moments.get("ended", 0)),
            "delivered": result.get("delivered"),
            "made": {name: what["url"] for name, what in result.get("made", {}).items() if "url" in what},
            "differs": result.get("differs", []), "unmade": job.unmade, **job.shared_with,
        }  # fmt: skip
        self._write(entry)
        self._note(entry)
        self._left.discard(number)

    def _note(self, entry: dict[str, Any]) -> None:
        number = int(entry["line"])
        self.spent += micros(entry["cost_usd"] or "0")
        self._last = datetime.fromisoformat(entry["ended"]).timestamp()
        if not number:
            self.behind.add(entry["id"])
            return
        if len(self._done) <= number // 8:
            self._done.extend(bytes(max(1024, number // 8 + 1 - len(self._done))))
        self._done[number // 8] |= 1 << number % 8
        if entry["state"] == "succeeded":
            self._failures.pop(number, None)
        else:
            self._failures[number] = self._failures.get(number, self._again.get(number, 0)) + 1

    def _forget(self) -> None:
        self._marks, self._done = array("Q"), bytearray()
        self._failures, self._again, self._left = {}, {}, set()
        self.behind = set()
        self._last, self.spent, self.batch = 0.0, 0, ""

    def _mark(self, number: int, mark: str) -> None:
        if len(self._marks) <= number:
            self._marks.extend([0] * max(1024, number + 1 - len(self._marks)))
        self._marks[number] = int(mark, 16)

    @property
    def _open(self) -> TextIO:
        if self._file is None:
            raise AssertionError("a journal is written in a with statement")
        return self._file

    @property
    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise ConfigError(f"{self.path} can not be read: {error.strerror}") from None

    def _write(self, entry: dict[str, Any]) -> None:
        self._open.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._open.flush()

    def _sync(self) -> None:
        """Have the file, and its name in its folder, on the disk."""
        self._open.flush()
        os.fsync(self._open.fileno())
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> int:
        """Read what is there; return its length without a last line that a crash left unfinished."""
        whole = 0
        try:
            with self.path.open("rb") as file:
                for text in file:
                    if not text.endswith(b"\n"):
                        break
                    self._take(json.loads(text), first=not whole)
                    whole += len(text)
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = 0
        except OSError as error:
            raise ConfigError(f"{self.path} can not be read: {error.strerror}") from None
        if not whole:
            raise ConfigError(f"{self.path} is not the results file of a batch")
        if time.time() - self._last > self._keeps:
            raise ConfigError(
                f"{self.path} was last written at {iso(int(self._last * SECOND))}, and jobs are forgotten after "
                f"{self._keeps / 86_400:g} days (OVERCRANK_RETENTION__JOBS): what was under way then could be paid for "
                "twice. Put the lines that have no result into a new file, and see `overcrank spend` for the others"
            )
        if self._retry_failed:
            self._again, self._failures = self._failures, {}
            self._left = set(self._again)
        return whole

    def _take(self, entry: dict[str, Any], *, first: bool) -> None:
        if first:
            self.batch = str(entry["batch"])
            self._last = datetime.fromisoformat(entry["begun"]).timestamp()
        for number, mark in entry.get("sent", {}).items():
            self._mark(int(number), mark)
        if "line" in entry:
            self._note(entry)
