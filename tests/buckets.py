"""A local S3 server with a bucket, for tests that keep clips in one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("obstore")
localbucket = pytest.importorskip("localbucket")


class Handler(localbucket.S3Handler):  # type: ignore[misc, name-defined]
    """The server's own, in silence, with a list of what it was asked."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:  # noqa: N802
        """Note what is written."""
        self.asked.append(self.path.partition("?")[0])
        super().do_PUT()

    def do_POST(self) -> None:  # noqa: N802
        """Delete many objects at once, which this server does not know."""
        if not self.path.endswith("?delete"):
            super().do_POST()
            return
        asked = ET.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        keys = [str(entry.text) for entry in asked.findall(".//{*}Key")]
        for name in keys:
            (self.data_root / self.path.strip("/").partition("?")[0] / name).unlink(missing_ok=True)
        self.send_response(200)
        body = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in keys)
        body = f"<DeleteResult>{body}</DeleteResult>".encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Start a server of the buckets that are folders in *root*; give its address."""
    kind = type("Serving", (Handler,), {"data_root": root})
    root.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def bucket(root: Path, name: str) -> Iterator[str]:
    """Start a server with one bucket; give the URL that stores clips in it."""
    (root / name).mkdir(parents=True)
    with serving(root) as endpoint:
        yield f"s3://{name}/clips?endpoint={endpoint}"
