"""Storage: where the bytes of clips end up, and what is promised about them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import ConfigError
from .base import NotKept, Storage, StorageUnavailable
from .files import FileStorage
from .s3 import S3Storage

__all__ = ["FileStorage", "NotKept", "S3Storage", "Storage", "StorageUnavailable", "open_storage"]


STAGING = Path("overcrank-data") / "staging"
"""Where clips for a bucket are written while they are not whole, where nothing else is said."""


def open_storage(url: str, staging: Path | None = None) -> Storage:
    """Return the storage that *url* names. Nothing is touched before the first clip comes.

    *staging* is a folder of this machine, for storage that is elsewhere.

    Raises:
        ConfigError: there is no such storage.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return S3Storage(url, (staging or STAGING).absolute())
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not path.startswith("/") or "\0" in path:
        shown = f"{parts.scheme}://…" if parts.scheme else url[:80]
        raise ConfigError(
            f"OVERCRANK_STORAGE__URL: {shown} is not supported: use file:///an/absolute/folder or s3://bucket/prefix"
        )
    return FileStorage(Path(path))
