"""The producer's side: what is written is entered, whatever becomes of the message; and it is written soon."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from overcrank.client import Client
from overcrank.errors import InvalidClip, OverBudget, StoreUnavailable
from overcrank.server import together
from overcrank.settings import Settings

Configured = Callable[..., Settings]


@pytest.fixture
def client(redis: Redis, configured: Configured) -> Iterator[Client]:
    """A producer; nobody works."""
    made = Client(configured())
    made._runtime.configure()
    yield made
    redis.flushall()


def test_a_broker_that_is_away_does_not_undo_what_is_written(
    redis: Redis, configured: Configured, caplog: pytest.LogCaptureFixture
) -> None:
    """The job is there and will run, so `submit` returns it; the sweep finds that its message has not left."""
    client = Client(configured().model_copy(update={"broker_url": "redis://127.0.0.1:1/0"}))
    client._runtime.configure()
    client.celery.conf.task_publish_retry = False
    with caplog.at_level(logging.WARNING):
        job = client.submit("a ball")

    assert ("queued", [job.id]) == (client.get(job.id).state, redis.zrange("{overcrank}:unsent", 0, -1))
    assert "OVERCRANK_BROKER_URL" in caplog.text
    redis.flushall()


@pytest.fixture
def deaf(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the next jobs that are written lose their answer: what it says is done, or is not."""

    def once(*, done: bool) -> None:
        def lost(*asked: Any) -> None:
            monkeypatch.setattr("overcrank.entrance.together", together)
            if done:
                together(*asked)
            raise RedisTimeoutError("Timeout reading from socket")

        monkeypatch.setattr("overcrank.entrance.together", lost)

    return once


def test_jobs_whose_answer_was_lost_are_looked_for(client: Client, deaf: Callable[..., None]) -> None:
    """Where they are there, they are entered, and nobody has to wonder."""
    deaf(done=True)

    assert [client.submit("a ball").id] == [job.id for job in client.latest()]


def test_a_follower_whose_answer_was_lost_is_looked_for_too(client: Client, deaf: Callable[..., None]) -> None:
    """It has no message, and whom it follows is known."""
    clip = {"prompt": "a ball", "seed": 7}
    first = client.submit(clip)
    deaf(done=True)
    second = client.submit(clip)
    assert ("following", first.id) == (second.state, second.leader)


def test_jobs_that_may_be_there_are_said_to_be(client: Client, deaf: Callable[..., None]) -> None:
    """Where they are not seen they may come yet: the error says so, and how to be safe."""
    deaf(done=False)
    with pytest.raises(StoreUnavailable, match=r"they may be entered, and paid.*unique_key"):
        client.submit("a ball")


def test_a_slow_source_is_not_waited_for(client: Client) -> None:
    """Each clip is entered as it comes, not when hundreds have."""
    asked, given = [], threading.Event()

    def slowly() -> Iterator[str]:
        for number in range(3):
            asked.append(len(client.latest()))
            given.wait(0.12)
            yield f"clip {number}"

    assert 3 == len(list(client.submit_many(slowly())))
    assert [0, 1, 2] == asked


def test_a_fast_source_is_written_many_at_a_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The faster they come, the more are written in a round trip, up to a bound."""
    monkeypatch.setattr("overcrank.entrance.FLUSH", 60.0)
    sizes: list[int] = []
    enter = client._entrance.enter
    monkeypatch.setattr(client._entrance, "enter", lambda batch: sizes.append(len(batch)) or enter(batch))
    jobs = list(client.submit_many("a ball" for _ in range(1600)))

    assert (1600, 500) == (len({job.id for job in jobs}), max(sizes))
    assert len(sizes) < 20


@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"prompt": "x", "fps": 7}, InvalidClip), ({"prompt": "x", "fps": 240, "duration": 60}, OverBudget)],
)
def test_a_wrong_clip_is_named_and_those_before_it_are_entered(client: Client, wrong: Any, error: type) -> None:
    """The error says which it is, counted from 0; the good ones before it were yielded."""
    source = ["a", "b", "c", "d", wrong, "e"]
    entered = []
    with pytest.raises(error, match="clip 4: "):
        entered += [entered.append(job) for job in client.submit_many(source)]

    assert ["a", "b", "c", "d"] == [job.clip.prompt for job in entered]
    assert 4 == len(client.latest())


def test_a_stream_counts_from_its_own_beginning(client: Client) -> None:
    """Though it submits some at a time, the number of a wrong clip is its place in the whole."""
    over = threading.Event()

    def end_all() -> None:
        while not over.wait(0.01):
            for job in client.latest(["queued"]):
                client.cancel(job)

    thread = threading.Thread(target=end_all)
    thread.start()
    try:
        with pytest.raises(InvalidClip, match="clip 3: "):
            list(client.stream([*"abc", {"prompt": "x", "fps": 7}], window=2))
    finally:
        over.set()
        thread.join(10)


def test_a_source_that_fails_loses_nothing_that_came_before(client: Client) -> None:
    """What was taken from it is entered before its error is raised."""

    def broken() -> Iterator[str]:
        yield from "abc"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.submit_many(broken()))
    assert 3 == len(client.latest())


def test_a_deadline_that_is_over_is_refused(client: Client) -> None:
    """By the server's clock, before anything is written; with a unique key it may stand for a job that is there."""
    late = {"prompt": "a ball", "deadline": "2020-01-01T00:00:00Z"}
    with pytest.raises(InvalidClip, match=r"deadline: 2020-01-01T00:00:00\+00:00 is over"):
        client.submit(late)

    assert [client.submit({**late, "unique_key": "k"}).id] == [job.id for job in client.latest()]
