"""Clips in a folder: `<root>/<yyyy>/<mm>/<dd>/<name>`, by the day in the job's id, so that no folder grows for ever.

The same bytes are kept once, however many names they have; see `contents`. Other bytes for a name take its place only
after the clip that was there has gone, so no side file ever describes another clip than the one beside it.
"""

import contextlib
import errno
import filecmp
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..turns import aside
from .base import Kept, NotKept, StorageUnavailable
from .contents import forget, share, share_of
from .names import as_json, checked, checked_id, day
from .staging import discard, explained

PARTIAL = ".partial"

REMEMBERED = 300
"""Folders of which is remembered that they are inside the root: a day has one, and contents have 256."""


class FileStorage:
    """Clips in a folder of this machine, or of a mounted disk."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100  (resolve() would touch the disk)
        self._partial = self.root / PARTIAL
        self._days = lru_cache(REMEMBERED)(self.root.joinpath)  # a path takes longer to put together than to look for
        self._inside: set[Path] = set()

    def __repr__(self) -> str:
        return f"FileStorage({str(self.root)!r})"

    def require(self) -> None:
        """A folder needs nothing else."""

    def try_out(self) -> None:
        """Write a small file and remove it again; the folder is made where it is missing."""
        with explained(self.root), self._temporary(self.root / "try") as near:
            near.write_bytes(b"may this be written?")
            near.unlink()

    def staging(self, job_id: str) -> Path:
        """Return where the job's clip is to be written while it is not whole."""
        checked_id(job_id)
        with explained(self.root):
            return self._folder(self._partial) / f"{job_id}.part"

    def keep(self, part: Path, name: str, side: Mapping[str, Any] | None = None, *, sha256: str = "") -> str:
        """Put the whole file *part* in place as *name*, and *side* beside it; return its URL.

        The side file comes first: where the clip is, its side file is too.
        """
        place = self._place(name)
        with explained(self.root):
            self._folder(place.parent)
            there = _is_file(part)
            if not there and not self.has(name):
                raise StorageUnavailable(f"{part} is no file, so {name} can not be kept: fetch the clip again")
            taken = there and os.path.lexists(place)
            if there and not sha256:
                _sync(part)
            if taken and (place.is_symlink() or (_is_file(place) and not filecmp.cmp(part, place, shallow=False))):
                forget(self.root, place)
                taken = False
            if side is not None:
                self._write(_side(place), as_json(side))
            if there:
                self._move(part, place, taken=taken)
                share(self.root, place, sha256, self._folder, self._temporary)
            _sync(place.parent)
        return place.as_uri()

    def describe(self, name: str, side: Mapping[str, Any]) -> None:
        """Write the side file anew."""
        place = self._place(name)
        if not self.has(name):
            raise NotKept(f"{name} is not kept in {self.root}")
        with explained(self.root):
            self._write(_side(place), as_json(side))

    def has(self, name: str) -> bool:
        """Tell whether *name* is kept."""
        place = self._place(name)
        with explained(self.root):
            return _is_file(place)

    def url(self, name: str) -> str:
        """Return the URL of *name*, kept or not."""
        return self._place(name).as_uri()

    def discard(self, job_id: str) -> None:
        """Remove what is staged for a job, and what was noted beside it."""
        checked_id(job_id)
        with explained(self.root):
            discard(self._partial, job_id)

    def local(self, name: str, borrower: str = "") -> Path:  # noqa: ARG002  (there is no copy)
        """Return the kept file itself."""
        place = self._place(name)
        if not self.has(name):
            raise NotKept(f"{name} is not kept in {self.root}")
        return place

    def kept(self) -> Iterator[Kept]:
        """Go through all that is kept."""
        with explained(self.root):
            for place in sorted(self.root.rglob("*")):
                with contextlib.suppress(ValueError):
                    if _is_file(place) and place == self._place(place.name):
                        beside = _side(place).stat() if _is_file(_side(place)) else None
                        # a content that came before is as old as that; the side file is this name's own
                        when = (beside or place.stat()).st_mtime
                        size = share_of(place) + (beside.st_size if beside else 0)
                        yield Kept(place.name, datetime.fromtimestamp(when, UTC), size)

    def remove(self, name: str) -> None:
        """Remove what is kept as *name*, the clip first and then its side file."""
        place = self._place(name)
        with explained(self.root):
            forget(self.root, place)
            _side(place).unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        """Return where *name* belongs. Names hold no slash and begin with an id, so none leads out of the folder."""
        return self._days(*day(checked(name)[:36])) / name

    def _folder(self, folder: Path) -> Path:
        """Make *folder* where it is missing, and make sure that no link leads out of the root."""
        if folder in self._inside and _is_folder(folder):  # looking at each part of its path again would take longer
            return folder  # than to write what goes there
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for one in missing:
            _sync(one.parent)
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise StorageUnavailable(f"{folder} leads out of {self.root}: remove the link")
        if len(self._inside) >= REMEMBERED:
            self._inside.clear()
        self._inside.add(folder)
        return folder

    def _move(self, part: Path, place: Path, *, taken: bool) -> None:
        if taken and _is_file(place):  # it has the same bytes
            part.unlink()
            return
        try:
            part.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with self._temporary(place) as near:  # it was made on another disk
                shutil.copyfile(part, near)
                _sync(near)
                near.replace(place)
            part.unlink()

    def _write(self, place: Path, content: bytes) -> None:
        if _is_file(place) and place.read_bytes() == content:
            return
        with self._temporary(place) as near:
            with near.open("wb") as file:
                file.write(content)
                file.flush()
                with aside():
                    os.fsync(file.fileno())
            near.replace(place)

    @contextlib.contextmanager
    def _temporary(self, place: Path) -> Iterator[Path]:
        """Give a new path on the same disk, for a file that takes another's place; leave nothing where it does not."""
        near = self._folder(self._partial) / f"{place.name}.{os.urandom(16).hex()}"
        try:
            yield near
        except BaseException:
            with contextlib.suppress(OSError):
                near.unlink(missing_ok=True)
            raise


def _side(place: Path) -> Path:
    """Return where the side file of a kept file is."""
    return place.with_name(place.name + ".json")


def _is_file(path: Path) -> bool:
    """Tell whether *path* is a file itself, not a link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_folder(path: Path) -> bool:
    """Tell whether *path* is a folder itself, not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sync(path: Path) -> None:
    """Wait until the file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with aside():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
