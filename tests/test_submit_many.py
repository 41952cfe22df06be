"""Enqueuing very many clips, also where the producer dies on the way."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from overcrank.client import Client
from overcrank.errors import InvalidClip
from overcrank.settings import Settings

PRODUCER = """
import sys
from overcrank.client import Client
from overcrank.settings import Settings
clips = ({"prompt": f"ball {n}", "seed": n} for n in range(100_000))
for n, job in enumerate(Client(Settings(redis_url=sys.argv[1])).submit_many(clips, batch="film")):
    if n == 600:
        print(job.id, flush=True)
"""


@pytest.fixture
def client(redis: Redis, configured: Callable[..., Settings]) -> Iterator[Client]:
    """A producer; nobody works."""
    yield Client(configured())
    redis.flushall()


def test_a_producer_that_was_killed_begins_anew_without_doubles(client: Client, server_url: str) -> None:
    """The same batch again enters what is missing, and gives the jobs of what was entered."""
    with subprocess.Popen([sys.executable, "-c", PRODUCER, server_url], stdout=subprocess.PIPE, text=True) as producer:
        assert producer.stdout is not None
        known = producer.stdout.readline().strip()
        producer.send_signal(signal.SIGKILL)
    before = client.stats()["entered"]
    count = before + 100
    jobs = [job.id for job in client.submit_many((_clip(n) for n in range(count)), batch="film")]
    assert (known, count, count) == (jobs[600], len(set(jobs)), client.stats()["entered"])


def _clip(number: int) -> dict[str, Any]:
    return {"prompt": f"ball {number}", "seed": number}


def test_what_was_changed_is_another_clip(client: Client) -> None:
    """So is the same clip in another place, or in a batch of another name; a key of its own stays."""
    first = [job.id for job in client.submit_many(["a", "a", {"prompt": "b", "unique_key": "k"}], batch="one")]
    again = [job.id for job in client.submit_many(["a", "c", {"prompt": "b", "unique_key": "k"}], batch="one")]
    other = [job.id for job in client.submit_many(["a"], batch="two")]
    assert [True, False, True] == [one == two for one, two in zip(first, again, strict=True)]
    assert 5 == len({*first, *again, *other})


@pytest.mark.parametrize("name", ["", "x" * 151])
def test_a_name_that_makes_no_key_is_refused(client: Client, name: str) -> None:
    """Nothing is entered."""
    with pytest.raises(InvalidClip, match="batch: the name"):
        list(client.submit_many(["a"], batch=name))
    assert 0 == client.stats()["entered"]


def test_one_submit_is_few_round_trips(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cap is asked for, and one pipeline writes the job and its message; nothing else goes over the wire."""
    client.submit("the first makes its connections")
    sent: list[str] = []
    connection = client._runtime.redis.connection_pool.connection_class
    write = connection.send_packed_command
    monkeypatch.setattr(
        connection, "send_packed_command", lambda self, *a, **k: (sent.append("x"), write(self, *a, **k))
    )
    client.submit("a ball")
    assert 2 == len(sent)


def test_a_server_that_forgot_its_scripts_is_told_them_again(client: Client, redis: Redis) -> None:
    """As one that was started anew: every job is written, and has its message."""
    client.submit("the first")
    redis.script_flush()
    assert 4 == len(list(client.submit_many(f"ball {n}" for n in range(4))))
    assert (5, 5) == (client.stats()["entered"], redis.llen("video.normal"))
