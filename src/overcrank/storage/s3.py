"""Clips in a bucket: `s3://bucket/prefix`, by the same days as in a folder.

What is kept under a name is two objects: the content, whose key holds its checksum, so that it is written once and
never changed; and after it the side file, which says under which key the content is. So where the side file is, the
clip is.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import ConfigError
from .base import Kept, StorageUnavailable
from .names import as_json, checked, day
from .staging import Staging, explained

ONE_PIECE = 32 * 1024 * 1024
"""Bytes up to which an object is sent in one piece, and refused by the server where it is there already."""

OPTIONS = ("endpoint", "region")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a URL names. The credentials come from the environment, as for every S3 tool: `AWS_ACCESS_KEY_ID`, ..."""

    name: str
    prefix: str
    endpoint: str | None
    region: str

    @classmethod
    def read(cls, url: str) -> "Bucket":
        """Return what `s3://bucket/prefix?endpoint=http://host:port&region=name` names.

        Raises:
            ConfigError: it is not such a URL, or holds a secret.
        """
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.username or parts.password:
            raise ConfigError("OVERCRANK_STORAGE__URL must not hold a key: set AWS_ACCESS_KEY_ID and its secret")
        if unknown := set(asked) - set(OPTIONS):
            raise ConfigError(
                f"OVERCRANK_STORAGE__URL: {', '.join(sorted(unknown))} is no option; there is {', '.join(OPTIONS)}"
            )
        endpoint = asked.get("endpoint")
        if not parts.netloc or (endpoint and urlsplit(endpoint).scheme not in {"http", "https"}):
            raise ConfigError("OVERCRANK_STORAGE__URL: use s3://bucket/prefix?endpoint=https://host")
        region = asked.get("region") or os.environ.get("AWS_REGION") or "us-east-1"
        return cls(parts.netloc, unquote(parts.path).strip("/"), endpoint, region)


class S3Storage:
    """Clips in a bucket of an S3 server. The connection is made when first used, after any fork."""

    def __init__(self, url: str, staging: Path) -> None:
        self.bucket = Bucket.read(url)
        self._staging = Staging(staging)
        self._made: tuple[int, Any] | None = None

    def __repr__(self) -> str:
        return f"S3Storage({self._url('')!r})"

    def staging(self, job_id: str) -> Path:
        """Return where the job's clip is to be written while it is not whole: on this machine."""
        return self._staging.part(job_id)

    def keep(self, part: Path, name: str, side: Mapping[str, Any] | None = None) -> str:
        """Put the whole file *part* in the bucket as *name*, and *side* beside it; return its URL."""
        place = self._place(name)
        if not part.is_file() or part.is_symlink():
            if self.has(name):
                return self.url(name)
            raise StorageUnavailable(f"{part} is no file, so {name} can not be kept: fetch the clip again")
        with explained(part.parent):
            size, checksum = part.stat().st_size, _checksum(part)
        stem, dot, ending = place.name.partition(".")
        key = str(place.with_name(f"{stem}.{checksum}{dot}{ending}"))
        with self._explained() as (store, obstore):
            self._send(part, key, size)
            described = as_json({"content": key, "size": size, "sha256": checksum, **(side or {})})
            obstore.put(store, f"{place}.json", described)
        with explained(part.parent):
            part.unlink(missing_ok=True)
        return self._url(key)

    def has(self, name: str) -> bool:
        """Tell whether *name* is kept."""
        return self._side(name) is not None

    def url(self, name: str) -> str:
        """Return the URL of *name*; one that is not kept has the URL where its side file would name it."""
        side = self._side(name)
        return self._url(side["content"] if side else f"{self._place(name)}.json")

    def local(self, name: str) -> Path:
        """Return a file on this machine that holds what is kept as *name*; it is fetched, and checked, if need be."""
        side = self._side(name)
        if side is None:
            raise StorageUnavailable(f"{name} is not kept in {self._url('')}")
        part = self._staging.part(name[:36])
        place = part.with_name(f"{name}.local")
        if place.is_file() and _checksum(place) == side["sha256"]:
            return place
        near = part.with_name(f"{name}.{os.getpid()}.local")
        with self._explained() as (store, obstore):
            chunks = obstore.get(store, side["content"]).stream(min_chunk_size=1 << 20)
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
        """Go through all that is kept."""
        with self._explained() as (store, obstore):
            for batch in obstore.list(store):
                for entry in batch:
                    place = PurePosixPath(entry["path"])
                    name = place.name.removesuffix(".json")
                    with contextlib.suppress(ValueError):
                        if name != place.name and place == PurePosixPath(f"{self._place(name)}.json"):
                            side = self._side(name) or {}
                            yield Kept(name, entry["last_modified"], int(side.get("size", 0)))

    def remove(self, name: str) -> None:
        """Remove what is kept as *name*, its side file first."""
        side = self._side(name)
        if side is not None:
            with self._explained() as (store, obstore):
                obstore.delete(store, f"{self._place(name)}.json")
                with contextlib.suppress(FileNotFoundError):
                    obstore.delete(store, side["content"])

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
            raise ConfigError("clips can not be kept in a bucket here: pip install 'overcrank[s3]'") from None
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
            yield self._made[1], obstore
        except (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError) as error:
            raise StorageUnavailable(
                f"{self._url('')} may not be used: check AWS_ACCESS_KEY_ID, its secret, and what they may do"
            ) from error
        except (obstore.exceptions.BaseError, FileNotFoundError) as error:
            first = (str(error).splitlines() or [""])[0]
            raise StorageUnavailable(f"{self._url('')} can not be used now: {first[:200]}") from error


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
