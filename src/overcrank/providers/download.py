"""Fetches a clip that was paid for: resumes, checks, and never goes where it was not told it may.

A signed URL is a secret: no message and no log line holds more of it than the host.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from .. import __version__
from ..turns import aside
from .address import Allowed
from .base import Broken, DownloadAnswer, Downloaded, Expired, Unavailable
from .http import Answer, Http, TransportError, chunks, parse_retry_after

log = logging.getLogger(__name__)

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 3
EXPIRED = frozenset({401, 403, 404, 410})
NOT_A_CLIP = ("text/", "application/json", "application/xml")
_RANGE = re.compile(r"bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes\s+\*/([0-9]{1,18})", re.IGNORECASE)
_BLOCK = 256 * 1024
SMALL = 64 * 1024
"""Bytes of a clip that is sooner fetched anew, after a crash, than its ETag is noted."""


class _End(Exception):
    """The download is over, with an answer that is not `Downloaded`."""

    def __init__(self, answer: Expired | Broken | Unavailable) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Task:
    http: Http
    to: Path
    sha256: str | None
    allowed: Allowed
    largest: int
    until: float

    @property
    def mark(self) -> Path:
        """The small file beside the part that keeps the version (its ETag) the bytes are of."""
        return self.to.with_name(self.to.name + ".etag")


def download(
    http: Http, url: str, to: Path, sha256: str | None = None, *, allowed: Allowed, largest: int, total: float
) -> DownloadAnswer:
    """Write the bytes at *url* to *to*, resuming what is there, check and fsync them.

    Whether they are a film is for the caller to check. What is there of an unfinished clip stays for the next call,
    with its ETag in a file beside it; it is resumed only where the ETag or *sha256* proves that the parts belong
    together.
    """
    task = _Task(http, to, sha256.lower() if sha256 else None, allowed, largest, time.monotonic() + total)
    try:
        with _locked(to) as file, aside():
            return _fetch(task, url, file)
    except _End as end:
        return end.answer
    except OSError as error:
        return Unavailable(f"the clip can not be written: {os.strerror(error.errno or 0)} ({to.parent})")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Open the part for this process alone."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _End(Unavailable("another worker is fetching this clip")) from None
        if not _same(file, path):
            raise _End(Unavailable("another worker has fetched this clip"))
        yield file


def _same(file: BinaryIO, path: Path) -> bool:
    """Tell whether *file* still is what *path* names."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _fetch(task: _Task, url: str, file: BinaryIO) -> Downloaded:
    had = file.seek(0, os.SEEK_END)
    etag = _read_mark(task.mark) if had else None
    if had and etag is None and task.sha256 is None:
        had = 0  # nothing would prove that the rest belongs to it
    with _open(task, url, had, etag) as response:
        if response.status_code == 416 and had:
            there = _UNSATISFIED.fullmatch(response.headers.get("Content-Range", "").strip())
            if there and int(there[1]) == had:
                return _verified(task, file, had)  # all of it was there
        else:
            return _receive(task, response, file, had)
    with _open(task, url, 0, None) as response:
        return _receive(task, response, file, 0)


def _open(task: _Task, url: str, had: int, etag: str | None) -> Answer:
    """Return the answer that carries the clip, redirects followed by hand."""
    headers = {"Accept": "video/mp4, */*", "User-Agent": f"overcrank/{__version__}"}
    if had:
        headers["Range"] = f"bytes={had}-"
        if etag is not None:
            headers["If-Range"] = etag
    for _ in range(MOST_REDIRECTS + 1):
        _may_go(task, url)
        left = task.until - time.monotonic()
        if left <= 0:
            raise _End(Unavailable("the clip could not be fetched in time"))
        try:
            inside = task.allowed.private_ok(url)
            response = task.http.open("GET", url, headers, total=left, public_only=not inside)
        except TransportError as error:
            raise _End(Unavailable(f"{_host(url)}: {error.message}")) from None
        if response.status_code not in REDIRECTS:
            try:
                _judge(response, url, bool(had))
            except _End:
                response.close()
                raise
            return response
        response.close()
        location = response.headers.get("Location", "")
        if not location:
            raise _End(Broken(f"{_host(url)} redirects and does not say where"))
        try:
            url = urljoin(url, location)
        except ValueError:
            raise _End(Broken(f"{_host(url)} redirects to an address that is not right")) from None
    raise _End(Broken(f"{_host(url)} redirects more than {MOST_REDIRECTS} times"))


def _may_go(task: _Task, url: str) -> None:
    trouble = task.allowed.trouble(url)
    if trouble is not None:
        raise _End(Broken(trouble))
    try:
        inside = task.allowed.leads_inside(url)
    except OSError:
        raise _End(Unavailable(f"{_host(url)}: the host's name is not known")) from None
    if inside:
        raise _End(Broken(f"{_host(url)} leads to an address that is not public, and it is not the vendor's own host"))


def _judge(response: Answer, url: str, resuming: bool) -> None:
    status, kind = response.status_code, response.headers.get("Content-Type", "").lower()
    if status in EXPIRED:
        raise _End(Expired(f"{_host(url)} answered {status}: the address of the clip no longer works"))
    if status in {408, 429} or status >= 500:
        wait = parse_retry_after(response.headers.get("Retry-After"), time.time())
        raise _End(Unavailable(f"{_host(url)} answered {status}", wait))
    if status == 416 and resuming:
        return
    if status not in ({200, 206} if resuming else {200}):
        raise _End(Broken(f"{_host(url)} answered {status}"))
    if kind.startswith(NOT_A_CLIP):
        raise _End(Broken(f"{_host(url)} sent {kind.split(';')[0][:40]}, which is no clip"))
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise _End(Broken(f"{_host(url)} sent the clip in a packed form, which was not asked for"))


def _receive(task: _Task, response: Answer, file: BinaryIO, had: int) -> Downloaded:
    start, size = _part(task, response, had) if response.status_code == 206 else (0, _length(response))
    if size is not None and size > task.largest:
        raise _End(_thrown(task, f"the clip has {size} bytes; OVERCRANK_PROVIDER__LARGEST is {task.largest}"))
    if start == 0:
        file.truncate(0)
        small = size is not None and size <= SMALL
        _write_mark(task.mark, None if small else response.headers.get("ETag"))
    file.seek(start)
    there, digest = start, hashlib.sha256()
    try:
        for chunk in chunks(response):
            there += len(chunk)
            if there > (task.largest if size is None else size):
                raise _End(_thrown(task, "the clip is larger than it may be, or than it was said to be"))
            file.write(chunk)
            digest.update(chunk)
    except TransportError as error:
        file.flush()
        raise _End(Broken(f"{error.message}; {there} bytes of the clip are kept")) from None
    file.flush()
    if there == 0 or (size is not None and there < size):
        raise _End(Broken(f"the clip ended after {there} bytes of {size if size is not None else 'it'}"))
    return _verified(task, file, there, None if start else digest.hexdigest())


def _part(task: _Task, response: Answer, had: int) -> tuple[int, int | None]:
    """Return where the rest begins and how long the whole is, by Content-Range."""
    told = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    ours, theirs = _read_mark(task.mark), response.headers.get("ETag")
    if ours is not None and theirs is not None and ours != theirs:
        raise _End(_thrown(task, "the clip has changed since its first part was fetched"))
    if told is None or int(told[1]) != had or int(told[2]) < had:
        raise _End(_thrown(task, "the vendor sent another part of the clip than was asked for"))
    return had, int(told[2]) + 1 if told[3] == "*" else int(told[3])


def _length(response: Answer) -> int | None:
    told = response.headers.get("Content-Length", "").strip()
    return int(told) if told.isascii() and told.isdigit() and len(told) <= 18 else None


def _verified(task: _Task, file: BinaryIO, size: int, sha256: str | None = None) -> Downloaded:
    """Return what came, if it is what was promised; *sha256* where all of it has been looked at on its way."""
    if sha256 is None:
        digest = hashlib.sha256()
        file.seek(0)
        while block := file.read(_BLOCK):
            digest.update(block)
        sha256 = digest.hexdigest()
    if task.sha256 is not None and sha256 != task.sha256:
        raise _End(_thrown(task, "the clip's SHA-256 is not the one that was promised"))
    os.fsync(file.fileno())
    log.debug("fetched a clip of %d bytes", size)
    return Downloaded(size, sha256)


def _thrown(task: _Task, message: str) -> Broken:
    """Throw away what is there: it can not become the clip."""
    task.to.unlink(missing_ok=True)
    task.mark.unlink(missing_ok=True)
    return Broken(message)


def _read_mark(path: Path) -> str | None:
    try:
        etag = json.loads(path.read_bytes()[:1000])["etag"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return etag if _strong(etag) else None


def _write_mark(path: Path, etag: str | None) -> None:
    if _strong(etag):
        path.write_text(json.dumps({"etag": etag}))
    else:
        path.unlink(missing_ok=True)


def _strong(etag: object) -> bool:
    """Tell whether an ETag names these very bytes: a weak one may name others that look alike."""
    return isinstance(etag, str) and re.fullmatch(r'"[\x21\x23-\x7e]{0,200}"', etag) is not None


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the vendor"
