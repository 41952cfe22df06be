"""The connection to Redis: each thread has its own, and none is used that is out of step."""

import threading

import pytest

from overcrank.server import connect


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
