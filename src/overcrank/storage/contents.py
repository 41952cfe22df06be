"""Contents of a folder, each kept once: `.contents/<ab>/<sha256>`, and every name of it is a hard link to that file.

A file says itself how many names it has, so nothing has to be counted. It may not be written to: whoever changed one
name's bytes in place would change those of all. Where the disk has no hard links, each name has its own copy.
"""

import contextlib
import filecmp
import hashlib
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

CONTENTS = ".contents"


def checksum(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def share(
    root: Path, place: Path, sha256: str, folder: Callable[[Path], Path],
    temporary: Callable[[Path], AbstractContextManager[Path]],
) -> None:  # fmt: skip
    """Have the file at *place* be the one with its content; it is left as it is where that can not be.

    *sha256* is the file's, where that is known. *folder* makes a folder, and *temporary* gives a new path on the same
    disk.
    """
    content = _content(root, sha256 or checksum(place))
    with contextlib.suppress(OSError):  # a disk without links, or with too many of them: a copy does no harm
        if not content.parent.is_dir():
            folder(content.parent)
        there = content.exists()
        if there and not content.samefile(place):
            if filecmp.cmp(content, place, shallow=False):
                with temporary(place) as near:
                    near.hardlink_to(content)
                    near.replace(place)
                return
            content.unlink()  # it is damaged: its bytes are not those that its name says
            there = False
        if not there:
            place.chmod(stat.S_IMODE(place.stat().st_mode) & ~0o222)
            content.hardlink_to(place)


def forget(root: Path, place: Path) -> None:
    """Remove the file at *place*, and its content too where no other name has it."""
    last = place.is_file() and not place.is_symlink() and place.stat().st_nlink == 2
    content = _content(root, checksum(place)) if last else None
    place.unlink(missing_ok=True)
    if content is not None and content.is_file() and content.stat().st_nlink == 1:
        content.unlink()


def share_of(place: Path) -> int:
    """Return a file's bytes, or where several names have them, this one's share."""
    found = place.stat()
    return found.st_size // max(1, found.st_nlink - 1)


def _content(root: Path, sha256: str) -> Path:
    return root.joinpath(CONTENTS, sha256[:2], sha256)
