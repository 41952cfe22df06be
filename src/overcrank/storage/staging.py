"""Where clips are written while they are not whole, for storage that is not on this machine."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from .base import StorageUnavailable
from .names import checked_id

_WHY = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "the disk quota is used up: make room",
    errno.EACCES: "this user may not write there: change the folder's owner or mode",
    errno.EPERM: "this user may not write there: change the folder's owner or mode",
    errno.EROFS: "the disk is read-only: mount it for writing",
    errno.ENOTDIR: "a part of the path is a file: choose another folder",
    errno.EIO: "the disk fails",
}


@contextlib.contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn what the disk says into what to do about it."""
    try:
        yield
    except OSError as error:
        why = _WHY.get(error.errno or 0) or os.strerror(error.errno or 0)
        raise StorageUnavailable(f"clips can not be kept in {root}: {why}") from error


def discard(folder: Path, job_id: str) -> None:
    """Remove what is staged in a folder for a job, by the beginning of its name."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(job_id):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)  # noqa: PTH108  (a path of each would be made for nothing)


class Staging:
    """A folder for parts: always the same path for a job, so that another worker goes on where one stopped."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def part(self, job_id: str) -> Path:
        """Return where the job's clip is to be written."""
        checked_id(job_id)
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            return self.root / f"{job_id}.part"

    def discard(self, job_id: str) -> None:
        """Remove what is staged for a job, and what was noted beside it."""
        checked_id(job_id)
        with explained(self.root):
            discard(self.root, job_id)
