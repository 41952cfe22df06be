"""The connection to Redis: each thread has its own, and none is used that is out of step."""

import threading
from types import SimpleNamespace

import pytest

from overcrank.errors import ConfigError, StoreUnavailable
from overcrank.server import check, connect


def test_a_thread_keeps_its_connection(server_url: str) -> None:
    """Calls of one thread go over one connection, and another thread has another."""
    redis = connect(server_url)
    mine = {redis.client_id() for _ in range(3)}
    others: set[int] = set()
    thread = threading.Thread(target=lambda: others.update(redis.client_id() for _ in range(3)))
    thread.start()
    thread.join()

    assert (1, 1) == (len(mine), len(others))
    assert not mine & others


def test_a_closed_connection_is_opened_again(server_url: str) -> None:
    """A connection that the server closed while it rested costs no call."""
    redis = connect(server_url)
    before = redis.client_id()
    connect(server_url).execute_command("CLIENT", "KILL", "ID", before)

    assert before != redis.client_id()


def test_an_unread_answer_is_not_taken_for_the_next(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is interrupted while waiting for an answer leaves nothing behind for the next call."""
    redis = connect(server_url)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(redis, "_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            redis.echo("old")

    assert "new" == redis.echo("new")


@pytest.mark.parametrize(
    ("fields", "fine"),
    [
        ({"redis_version": "6.0.16"}, False), ({"redis_version": "6.2.14"}, False), ({"redis_version": "7.0.0"}, True),
        ({"redis_version": "8.2"}, True), ({"redis_version": "7.2.4", "valkey_version": "9.1.0"}, True),
        ({"redis_version": "10.0.1"}, True),
    ],
)  # fmt: skip
def test_a_server_that_lacks_what_we_use_is_refused(fields: dict[str, str], fine: bool) -> None:
    """Before 7.0 no job could run; the message says which version can."""
    server = SimpleNamespace(info=lambda: fields)
    if fine:
        assert check(server) in fields.values()
    else:
        with pytest.raises(StoreUnavailable, match=r"Redis 7\.0 or newer is needed"):
            check(server)


def test_an_address_with_a_wrong_option_is_a_wrong_setting() -> None:
    """What the library can not make a connection of is named by its variable."""
    with pytest.raises(ConfigError, match="OVERCRANK_REDIS_URL"):
        connect("redis://127.0.0.1/0?socket_timeout=soon")
