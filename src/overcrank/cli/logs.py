"""The output of child processes: all of it to a file each, the important lines to whoever wants them."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .supervisor import Child

LARGEST = 20_000_000
"""Bytes of a log file before it is put aside as `.1`."""

_IMPORTANT = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b|^\w*(Error|Exception)\b|budget window opened|ready: ")
_DULL = re.compile(r"superuser privileges|SecurityWarning|overcommit")


def important(line: str) -> bool:
    """Tell whether people should see a line of a log at once."""
    return bool(_IMPORTANT.search(line)) and not _DULL.search(line)


class Logs:
    """Log files in a folder, one for each child.

    Args:
        show: called with a child's name and each of its important lines, from a thread.
    """

    def __init__(self, folder: Path, show: Callable[[str, str], None] = lambda *_: None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._show = folder, show

    def place(self, name: str) -> Path:
        """Return the log file of a child."""
        return self.folder / f"{name}.log"

    def follow(self, child: Child, output: IO[str]) -> None:
        """Read a child's output to its end, in a thread."""
        threading.Thread(target=self._read, args=(child.spec.name, output), daemon=True).start()

    def _read(self, name: str, output: IO[str]) -> None:
        place = self.place(name)
        with output:
            more: str | None = output.readline()
            while more:
                if place.exists() and place.stat().st_size > LARGEST:
                    place.replace(place.with_suffix(".log.1"))
                more = self._write(name, place, more, output)

    def _write(self, name: str, place: Path, line: str, output: IO[str]) -> str | None:
        """Write lines, the first of which was read, until the file is large; return the next line, if there is one."""
        with place.open("ab") as file:
            while line:
                file.write(line.encode("utf-8", "replace"))
                file.flush()
                if important(line):
                    self._show(name, line.rstrip())
                line = output.readline()
                if file.tell() > LARGEST:
                    return line
        return None

    def tail(self, name: str, lines: int = 5) -> str:
        """Return the last lines of a child's log."""
        place = self.place(name)
        return "\n".join(place.read_text(errors="replace").splitlines()[-lines:]) if place.exists() else ""
