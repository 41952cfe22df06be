"""The connection to Redis: each thread has its own, and none is used that is out of step."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from redis.exceptions import DataError, ResponseError

from overcrank import server
from overcrank.clip import Priority
from overcrank.errors import ConfigError, StoreUnavailable
from overcrank.lifecycle import State
from overcrank.runtime import Runtime
from overcrank.server import check, connect, together
from overcrank.settings import Settings

Configured = Callable[..., Settings]


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


def test_every_thread_of_a_large_worker_has_a_connection(server_url: str) -> None:
    """A hundred threads that each keep one are all answered."""
    redis, there, heard = connect(server_url), threading.Barrier(100), []

    def call() -> None:
        heard.append(redis.client_id())
        there.wait(60)  # nobody goes, and gives a connection back, before all have one
        heard.append(redis.client_id())

    threads = [threading.Thread(target=call) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (200, 100) == (len(heard), len(set(heard)))


def test_a_closed_connection_is_opened_again(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that the server closed while it rested costs no call."""
    monkeypatch.setattr(server, "JUST_USED", 0.0)
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


def test_commands_that_go_together_are_answered_in_order(server_url: str) -> None:
    """Answers are read as redis-py reads them; one refusal among them is raised, and spoils nothing for the next."""
    redis = connect(server_url)
    answers = together(
        redis, ("HSET", "together", "a", 1), ("HGETALL", "together"), ("EXPIRE", "together", 60, "NX"), ("GET", "no")
    )
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        together(redis, ("GET", "together"), ("HSET", "together", "b", 2))

    assert [1, {"a": "1"}, True, None] == answers
    assert {"a": "1", "b": "2"} == redis.hgetall("together")
    assert 1 == redis.delete("together")


def test_a_command_of_two_words_is_one(server_url: str) -> None:
    """redis-py names some commands by two words, which the server wants one by one."""
    redis = connect(server_url)
    assert redis.client_id() == redis.execute_command("CLIENT ID")


def test_what_can_not_be_sent_is_named(server_url: str) -> None:
    """An argument that is no text and no number is refused before anything leaves, and spoils nothing for the next."""
    redis = connect(server_url)
    with pytest.raises(DataError, match="SET has an argument that is neither text nor number"):
        together(redis, ("SET", "unsent", "a"), ("SET", "unsent", None))

    assert None is redis.get("unsent")


def test_a_lost_script_is_brought_again(server_url: str, configured: Configured) -> None:
    """Where the server has forgotten a script's text, what goes along with it is run once more, and all is answered."""
    runtime = Runtime(configured())
    runtime.redis.script_flush()
    answer, there = runtime.scripts.move(
        "unknown", State.QUEUED, State.FAILED, Priority.BULK, {}, version=1, due_in_us=None, beside=[("ECHO", "here")]
    )

    assert (["stale", "unknown", "0"], "here") == (answer, there)


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
