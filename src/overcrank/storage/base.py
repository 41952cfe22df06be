"""Where clips are kept, as the rest of the program sees it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..errors import OvercrankError


class StorageUnavailable(OvercrankError):
    """Clips can not be kept now: the disk is full, or may not be written. Nothing half-written has a clip's name."""


class NotKept(StorageUnavailable):
    """What is asked for is not here, or no longer: waiting for it is of no use, fetching it anew is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept: its name, since when, and how many bytes it takes, its side file's among them."""

    name: str
    when: datetime
    size: int


class Storage(Protocol):
    """Keeps clips under names that begin with their job's id. Each call may come twice."""

    def require(self) -> None:
        """Make sure, before any work is taken on, that this installation has all that keeping clips needs.

        Raises:
            ConfigError: an optional part is not installed; the message is what to type.
        """
        ...

    def try_out(self) -> None:
        """Write something and remove it again.

        Raises:
            StorageUnavailable: clips could not be kept now; the message says why.
        """
        ...

    def staging(self, job_id: str) -> Path:
        """Return where the job's clip is to be written while it is not whole: always the same path for a job.

        Raises:
            StorageUnavailable: there is no room, or no permission.
        """
        ...

    def keep(self, part: Path, name: str, side: Mapping[str, Any] | None = None, *, sha256: str = "") -> str:
        """Put the whole file *part* in place as *name*, with *side* as a JSON file beside it; return its URL.

        It is there wholly or not at all, and stays over a loss of power. The same again changes nothing, also
        where *part* has gone because the first time had got that far. *sha256* is that of *part*, from a caller who has
        just found it and had the bytes written to the disk; without it that is done here.

        Raises:
            StorageUnavailable: there is no room, no permission, or no such part.
        """
        ...

    def describe(self, name: str, side: Mapping[str, Any]) -> None:
        """Write the side file of what is kept as *name* anew.

        Raises:
            NotKept: there is nothing of that name. StorageUnavailable: it can not be written now.
        """
        ...

    def has(self, name: str) -> bool:
        """Tell whether *name* is kept."""
        ...

    def url(self, name: str) -> str:
        """Return the URL of *name*, kept or not."""
        ...

    def discard(self, job_id: str) -> None:
        """Remove what is staged for a job; what is kept stays."""
        ...

    def local(self, name: str, borrower: str = "") -> Path:
        """Return a file on this machine with the content of *name*, to be read and not changed.

        A copy that had to be made is staged for the job *borrower*, or for the one the name begins with.

        Raises:
            NotKept: it is not here. StorageUnavailable: it can not be had now.
        """
        ...

    def kept(self) -> Iterator[Kept]:
        """Go through all that is kept."""
        ...

    def remove(self, name: str) -> None:
        """Remove what is kept as *name*, if it is."""
        ...
