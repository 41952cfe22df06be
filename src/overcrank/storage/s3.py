"""Clips in a bucket: `s3://bucket/prefix`, by the same days as in a folder.

What is kept under a name is two objects: the content, whose key holds its checksum, so that it is written once and
never changed; and after it the side file, which says under which key the content is. So where the side file is, the
clip is. A content that another one has replaced, or that lost its side file to a crash, is found by the name that its
key begins with, and goes with it.
"""

import contextlib
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import ConfigError
from ..turns import aside
from .base import Kept, NotKept, StorageUnavailable
from .bucket import Bucket
from .names import as_json, checked, day
from .staging import Staging, explained

ONE_PIECE = 32 * 1024 * 1024
"""Bytes up to which an object is sent in one piece, and refused by the server where it is there already."""

MISSING = "clips can not be kept in a bucket here: pip install 'overcrank[s3]'"

_CONTENT = re.compile(r"(?P<stem>[^.]+)\.[0-9a-f]{64}(?P<ending>\.[^.]+)?")


class S3Storage:
    """Clips in a bucket of an S3 server. The connection is made when first used, after any fork."""

    def __init__(self, url: str, staging: Path) -> None:
        self.bucket = Bucket.read(url)
        self._staging = Staging(staging)
        self._made: tuple[int, Any] | None = None

    def __repr__(self) -> str:
        return f"S3Storage({self._url('')!r})"

    def require(self) -> None:
        """Make sure that the library is here."""
        if find_spec("obstore") is None:
            raise ConfigError(MISSING)

    def try_out(self) -> None:
        """Write a small object and remove it again."""
        with self._explained() as (store, obstore):
            key = f"overcrank-doctor-{uuid.uuid4().hex}"
            obstore.put(store, key, b"may this be written?")
            obstore.delete(store, key)

    def staging(self, job_id: str) -> Path:
        """Return where the job's clip is to be written while it is not whole: on this machine."""
        return self._staging.part(job_id)

    def keep(self, part: Path, name: str, side: Mapping[str, Any] | None = None, *, sha256: str = "") -> str:
        """Put the whole file *part* in the bucket as *name*, and *side* beside it; return its URL."""
        place = self._place(name)
        if not part.is_file() or part.is_symlink():
            if self.has(name):
                if side is not None:
                    self.describe(name, side)
                return self.url(name)
            raise StorageUnavailable(f"{part} is no file, so {name} can not be kept: fetch the clip again")
        with explained(part.parent):
            size, checksum = part.stat().st_size, sha256 or _checksum(part)
        key = str(place.with_name(f"{place.stem}.{checksum}{place.suffix}"))
        with self._explained() as (store, obstore):
            self._send(part, key, size)
            obstore.put(store, f"{place}.json", as_json(_pointing(key, size, checksum, side or {})))
        self._remove_all_but(key, name)
        with explained(part.parent):
            part.unlink(missing_ok=True)
        return self._url(key)

    def describe(self, name: str, side: Mapping[str, Any]) -> None:
        """Write the side file anew; it goes on naming the same content."""
        there = self._side(name)
        if there is None:
            raise NotKept(f"{name} is not kept in {self._url('')}")
        with self._explained() as (store, obstore):
            described = _pointing(there["content"], there["size"], there["sha256"], side)
            obstore.put(store, f"{self._place(name)}.json", as_json(described))

    def has(self, name: str) -> bool:
        """Tell whether *name* is kept."""
        return self._side(name) is not None

    def url(self, name: str) -> str:
        """Return the URL of *name*; one that is not kept has the URL where its side file would name it."""
        side = self._side(name)
        return self._url(side["content"] if side else f"{self._place(name)}.json")

    def local(self, name: str, borrower: str = "") -> Path:
        """Return a file on this machine that holds what is kept as *name*; it is fetched, and checked, if need be.

        It is staged for the job *borrower*, so that it goes with what else is: two jobs that have one background do not
        take it from each other.
        """
        side = self._side(name)
        if side is None:
            raise NotKept(f"{name} is not kept in {self._url('')}")
        job_id = borrower or name[:36]
        part = self._staging.part(job_id)
        place = part.with_name(f"{job_id}.{name}.local")
        if place.is_file() and _checksum(place) == side["sha256"]:
            return place
        near = part.with_name(f"{job_id}.{name}.{os.getpid()}.local")
        with self._explained() as (store, obstore):
            try:
                chunks = obstore.get(store, side["content"]).stream(min_chunk_size=1 << 20)
            except FileNotFoundError:
                raise NotKept(f"the content of {name} is gone from {self._url('')}") from None
            with explained(part.parent), near.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
        if _checksum(near) != side["sha256"]:
            near.unlink()
            raise StorageUnavailable(f"{name} came back from {self._url('')} with another checksum")
        near.replace(place)
        return place

    def discard(self, job_id: str) -> None:
        """Remove what is staged for a job; what is kept stays."""
        self._staging.discard(job_id)

    def kept(self) -> Iterator[Kept]:
        """Go through all that is kept, also contents whose side file never came."""
        found: dict[str, tuple[datetime, int]] = {}
        with self._explained() as (store, obstore):
            for batch in obstore.list(store):
                for entry in batch:
                    name = self._name(PurePosixPath(entry["path"]))
                    if name is not None:
                        when, size = found.get(name, (entry["last_modified"], 0))
                        found[name] = max(when, entry["last_modified"]), size + entry["size"]
        for name, (when, size) in found.items():
            yield Kept(name, when, size)

    def remove(self, name: str) -> None:
        """Remove what is kept as *name*, its side file first."""
        with self._explained() as (store, obstore):
            with contextlib.suppress(FileNotFoundError):
                obstore.delete(store, f"{self._place(name)}.json")
            for key in self._contents(name):
                with contextlib.suppress(FileNotFoundError):
                    obstore.delete(store, key)

    def _remove_all_but(self, key: str, name: str) -> None:
        """Remove contents that were kept as *name* before, unless another worker has just put its own in place."""
        others = [other for other in self._contents(name) if other != key]
        if others and (self._side(name) or {}).get("content") == key:
            with self._explained() as (store, obstore):
                for other in others:
                    with contextlib.suppress(FileNotFoundError):
                        obstore.delete(store, other)

    def _contents(self, name: str) -> list[str]:
        """Return the keys of all contents of *name*; they stand together, so only these are listed."""
        place = self._place(name)
        found: list[str] = []
        with self._explained() as (store, obstore):
            start = str(place.with_name(f"{place.stem}."))
            for batch in obstore.list(store, str(place.parent), offset=start, chunk_size=50):
                for entry in batch:
                    if not entry["path"].startswith(start):
                        return found
                    if self._name(PurePosixPath(entry["path"])) == name and not entry["path"].endswith(".json"):
                        found.append(entry["path"])
        return found

    def _name(self, key: PurePosixPath) -> str | None:
        """Return the name that a content or a side file belongs to, or None where it is neither."""
        content = _CONTENT.fullmatch(key.name)
        name = f"{content['stem']}{content['ending'] or ''}" if content else key.name.removesuffix(".json")
        with contextlib.suppress(ValueError):
            if name != key.name and key.parent == self._place(name).parent:
                return name
        return None

    def _place(self, name: str) -> PurePosixPath:
        return PurePosixPath(*day(checked(name)[:36]), name)

    def _url(self, key: str) -> str:
        return "s3://" + "/".join(part for part in (self.bucket.name, self.bucket.prefix, key) if part)

    def _side(self, name: str) -> dict[str, Any] | None:
        place = self._place(name)
        with self._explained() as (store, obstore):
            try:
                side: dict[str, Any] = json.loads(bytes(obstore.get(store, f"{place}.json").bytes()))
            except FileNotFoundError:
                return None
        return side

    def _send(self, part: Path, key: str, size: int) -> None:
        """Write an object once: one that is there has these bytes, for its key says so."""
        with self._explained() as (store, obstore):
            with contextlib.suppress(FileNotFoundError):
                if obstore.head(store, key)["size"] == size:
                    return
            if size > ONE_PIECE:  # in pieces it can not be refused; it would only be the same again
                obstore.put(store, key, part, use_multipart=True)
                return
            with contextlib.suppress(obstore.exceptions.AlreadyExistsError):
                obstore.put(store, key, part, mode="create")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[tuple[Any, Any]]:
        """Give the connection and its library; turn what goes wrong into what to do about it."""
        try:
            import obstore
            import obstore.exceptions
            from obstore.store import S3Store
        except ImportError:
            raise StorageUnavailable(MISSING) from None  # a clip that is paid for waits until it is here
        if self._made is None or self._made[0] != os.getpid():
            endpoint = self.bucket.endpoint
            given: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
            store = S3Store(
                self.bucket.name,
                prefix=self.bucket.prefix or None,
                region=self.bucket.region,
                virtual_hosted_style_request=False,
                client_options={"allow_http": bool(endpoint and endpoint.startswith("http://")), "timeout": "60s"},
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
                **given,
            )
            self._made = os.getpid(), store
        try:
            with aside():
                yield self._made[1], obstore
        except (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError) as error:
            raise StorageUnavailable(
                f"{self._url('')} may not be used: check AWS_ACCESS_KEY_ID, its secret, and what they may do"
            ) from error
        except (obstore.exceptions.BaseError, FileNotFoundError) as error:
            first = (str(error).splitlines() or [""])[0]
            raise StorageUnavailable(f"{self._url('')} can not be used now: {first[:200]}") from error


def _pointing(key: str, size: int, checksum: str, side: Mapping[str, Any]) -> dict[str, Any]:
    """Return a side file: what it was given, and whatever that says, which content it belongs to."""
    return {**side, "content": key, "size": size, "sha256": checksum}


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
