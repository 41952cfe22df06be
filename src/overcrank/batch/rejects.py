"""The rejects file of a batch: what is wrong with which line. It is made when the first line is rejected."""

import json
from pathlib import Path
from typing import Self, TextIO

from ..errors import ConfigError
from .lines import Line


class Rejects:
    """A file of rejected lines. One that is there is written anew only where an earlier run of the batch made it.

    Raises:
        ConfigError: there is a file already, or it can not be written.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self._file: TextIO | None = None
        self._old = path.exists()
        if self._old and not (resume and _ours(path)):
            raise ConfigError(f"{path} is there and would be lost: move it away, or name another with --rejects")
        if not path.parent.is_dir():
            raise ConfigError(f"{path} can not be written: there is no folder {path.parent}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        elif self._old and kind is None:  # nothing is wrong any more
            self.path.unlink(missing_ok=True)

    def add(self, line: Line, why: str) -> None:
        """Write down a line and why it was rejected."""
        if self._file is None:
            try:
                self._file = self.path.open("w", encoding="utf-8", errors="replace")
            except OSError as error:
                raise ConfigError(f"{self.path} can not be written: {error.strerror}") from None
        self._file.write(json.dumps({"line": line.number, "why": why, "text": line.text}, ensure_ascii=False) + "\n")
        self._file.flush()


def _ours(path: Path) -> bool:
    """Tell whether a file begins as one of ours does; an empty one holds nothing to lose."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.readline(1_000_000)
        return not text or set(json.loads(text)) == {"line", "why", "text"}
    except (OSError, ValueError, TypeError):
        return False
