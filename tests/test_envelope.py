"""The messages that are made by the thousand."""

import json
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from overcrank import wire
from overcrank.client import Client
from overcrank.clip import Priority
from overcrank.envelope import Envelope, shares_server
from overcrank.settings import Settings

Configured = Callable[..., Settings]
NAME = "01a20b98-59e4-795b-80b0-9e9c04cdb241"


@pytest.fixture
def app() -> Celery:
    """An application that knows a broker nobody runs."""
    made = Celery("test", set_as_current=False)
    made.conf.update(broker_url="redis://127.0.0.1:1/0", task_serializer="json", accept_content=["json"])
    return made


@pytest.mark.parametrize("headline", ["5s “a ball”", 'a "quoted" \\ line', "the headline", "\n{}"])
def test_a_message_is_celerys_own(app: Celery, headline: str) -> None:
    """A filled envelope says what Celery's protocol asks for: task, id, arguments, and where it belongs."""
    message = json.loads(Envelope(app, "video.bulk").fill(NAME, headline))
    assert {"lang": "py", "task": wire.GENERATE, "id": NAME, "root_id": NAME, "kwargsrepr": headline} == message[
        "headers"
    ]
    assert [[], {"job": NAME}, {}] == json.loads(message["body"])
    assert ("video.bulk", NAME) == (
        message["properties"]["delivery_info"]["routing_key"],
        message["properties"]["delivery_tag"],
    )


def test_a_consumer_reads_it(app: Celery, redis: Redis, server_url: str) -> None:
    """The Redis transport hands out a filled envelope as it does Celery's own messages."""
    redis.lpush("video.bulk", Envelope(app, "video.bulk").fill(NAME, "x"))
    with Celery("reader", broker=server_url, set_as_current=False).connection() as connection:
        queue = connection.SimpleQueue("video.bulk", no_ack=True)
        assert [[], {"job": NAME}, {}] == queue.get(timeout=5).payload
    redis.flushall()


def test_one_round_trip_writes_job_and_message(configured: Configured, redis: Redis) -> None:
    """After `submit_many` every job has its message, in order, and none counts as unsent."""
    client = Client(configured())
    jobs = list(client.submit_many({"prompt": f"clip {n}", "priority": "bulk"} for n in range(3)))
    stored = [json.loads(text)["headers"]["id"] for text in reversed(redis.lrange("video.bulk", 0, -1))]
    assert [job.id for job in jobs] == stored
    assert [] == redis.zrange("{overcrank}:unsent", 0, -1)
    redis.flushall()


def test_a_known_job_gets_no_second_message(configured: Configured, redis: Redis) -> None:
    """The same unique key again sends nothing."""
    client = Client(configured())
    first, second = (client.submit({"prompt": "clip", "unique_key": "one"}) for _ in range(2))
    assert first.id == second.id
    assert 1 == redis.llen(wire.QUEUES[Priority.NORMAL])
    redis.flushall()


def test_another_broker_gets_celerys_message(configured: Configured, redis: Redis, server_url: str) -> None:
    """Where the broker is not the job server, Celery itself sends."""
    elsewhere = configured(broker_url=server_url.replace("/0", "/1"))
    assert (True, False) == (shares_server(configured()), shares_server(elsewhere))
    Client(elsewhere).submit("a ball")
    assert (0, 0) == (redis.llen("video.normal"), redis.zcard("{overcrank}:unsent"))
    redis.flushall()


def test_a_queued_job_is_small(configured: Configured, redis: Redis) -> None:
    """A queued job takes at most 1.5 KiB of the server's memory, all in all."""

    def used() -> int:
        memory: Any = redis.info("memory")
        return int(memory["used_memory"]) - int(memory["mem_clients_normal"])  # buffers of connections come and go

    client = Client(configured(worker={"lease": timedelta(seconds=30)}))
    client.submit("a first one makes what all share")
    before = used()
    for _ in client.submit_many({"prompt": f"a ball bounces on a steel floor {n}"} for n in range(2000)):
        pass
    assert used() - before <= 1536 * 2000
    redis.flushall()


def test_any_number_of_clips_takes_the_same_memory(
    configured: Configured, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`submit_many` holds one batch of what a generator yields, and no more."""
    monkeypatch.setattr("overcrank.entrance.FLUSH", 60.0)  # else a slow machine writes fewer at a time

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in client.submit_many({"prompt": f"clip {n}"} for n in range(count)):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    client = Client(configured())
    peak(500)
    assert peak(3000) < 1.5 * peak(1000)
    redis.flushall()
