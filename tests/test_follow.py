"""Following jobs over connections that break."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from overcrank import follow
from overcrank.client import Client
from overcrank.errors import StoreUnavailable, UnknownJob, WaitTimeout
from overcrank.ids import new_id
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.settings import Settings


@pytest.fixture
def client(redis: Redis, configured: Callable[..., Settings]) -> Iterator[Client]:
    """A producer; the test ends its jobs."""
    yield Client(configured())
    redis.flushall()


def end(client: Client, job: Job) -> None:
    """Take a queued job to an end."""
    assert client._runtime.jobs.move(client.get(job.id), State.CANCELLED)


def cut(redis: Redis) -> None:
    """Drop every subscription, as the server does with one that does not take its news."""
    assert redis.client_kill_filter(_type="pubsub") > 0


def test_a_job_that_ends_while_the_subscription_is_cut_is_found_at_once(client: Client, redis: Redis) -> None:
    """The follower opens a new one and looks at all its jobs, without waiting for its next look."""
    jobs = list(client.submit_many(f"ball {n}" for n in range(3)))
    with client.follow() as follower:
        for job in jobs:
            follower.add(job)
        assert [] == follower.ended(0)
        follower._look_at += 3600
        cut(redis)
        for job in jobs:
            end(client, job)
        began = time.monotonic()
        assert {job.id for job in jobs} == {job.id for job in follower.ended(60)}
        assert time.monotonic() - began < follow.LOOK_EVERY
        assert 0 == len(follower)


def test_wait_survives_a_cut_connection(client: Client, redis: Redis) -> None:
    """Whoever waits for one job gets it, although the news of it was lost."""
    job = client.submit("a ball")
    found: list[Job] = []
    waits = threading.Thread(target=lambda: found.append(client.wait(job, 30)))
    waits.start()
    while not redis.pubsub_numsub(client._runtime.keys.news)[0][1]:
        pass
    cut(redis)
    end(client, job)
    waits.join(20)
    assert [State.CANCELLED] == [job.state for job in found]


def test_a_stream_goes_on_over_cut_connections(client: Client, redis: Redis) -> None:
    """Every clip comes back once, whenever the subscription is dropped."""
    over = threading.Event()

    def worker() -> None:
        other = Client(client.settings)
        while not over.wait(0.02):
            redis.client_kill_filter(_type="pubsub")
            for waiting in other.latest([State.QUEUED]):
                end(other, waiting)

    works = threading.Thread(target=worker)
    works.start()
    ended = [job.id for job in client.stream((f"ball {number}" for number in range(20)), window=3)]
    over.set()
    works.join()
    assert (20, 20) == (len(ended), len(set(ended)))


def test_a_slow_reader_is_given_its_news_all_the_same(client: Client, redis: Redis) -> None:
    """Where more news waits than the server keeps for anybody, it ends the connection; nothing is lost by that."""
    before = redis.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
    redis.config_set("client-output-buffer-limit", "pubsub 65536 0 0")
    try:
        jobs = list(client.submit_many(f"ball {n}" for n in range(3)))
        found = client.as_completed(jobs, timeout=20)
        end(client, jobs[0])
        assert jobs[0].id == next(found).id
        pipe = redis.pipeline()
        for _ in range(100_000):  # more than the sockets take in between
            pipe.publish(client._runtime.keys.news, new_id())
        pipe.execute()
        end(client, jobs[1])
        end(client, jobs[2])
        assert {jobs[1].id, jobs[2].id} == {job.id for job in found}
    finally:
        redis.config_set("client-output-buffer-limit", before)


def test_jobs_that_ended_before_are_given_however_short_the_time(client: Client) -> None:
    """What is done is yielded, and only then is told that the time was too short for the rest."""
    jobs = list(client.submit_many(f"ball {n}" for n in range(3)))
    for job in jobs[:2]:
        end(client, job)
    found: list[Job] = []
    with pytest.raises(WaitTimeout, match="1 jobs had not ended"):
        found.extend(client.as_completed(jobs, timeout=0))
    assert {job.id for job in jobs[:2]} == {job.id for job in found}


def test_a_job_that_is_given_twice_comes_back_once(client: Client) -> None:
    """One job, one result, whether it had ended or not."""
    done, waiting = client.submit("a ball"), client.submit("another")
    end(client, done)
    found = client.as_completed([client.get(done.id), client.get(done.id), waiting, waiting], timeout=20)
    assert done.id == next(found).id
    end(client, waiting)
    assert [waiting.id] == [job.id for job in found]


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_without_room_is_refused(client: Client, window: int) -> None:
    """It would wait for ever; it is told at the call, before the first clip is taken."""
    with pytest.raises(ValueError, match=f"window is {window}"):
        client.stream(["a ball"], window=window)


def test_a_job_nobody_knows_is_told(client: Client) -> None:
    """Neither waits for what never comes."""
    with pytest.raises(UnknownJob):
        client.wait(new_id(), 5)


def test_a_server_that_stays_away_is_told_in_the_end(
    configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience ends, and so does a time limit, with an error of ours."""
    monkeypatch.setattr(follow, "PATIENCE", 0.2)
    gone = Client(configured().model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    for timeout in (None, 0.05):
        with pytest.raises(StoreUnavailable, match="OVERCRANK_REDIS_URL"):
            gone.wait(new_id(), timeout)


def test_a_slow_source_does_not_hold_back_what_it_gave() -> None:
    """Clips are sent as they come, not when some hundreds are together."""
    moments = iter([0.0, 0.01, 0.02, 1.0, 1.0])
    numbers = iter(range(9))
    time = follow.time
    try:
        follow.time = type("Clock", (), {"monotonic": staticmethod(lambda: next(moments))})  # type: ignore[assignment]
        assert ([0, 1, 2], True) == follow.handful(numbers, 500)
    finally:
        follow.time = time
    assert ([3, 4, 5, 6, 7, 8], False) == follow.handful(numbers, 500)
