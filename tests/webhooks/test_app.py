"""What a call does: it makes the right job due now, once; anything else changes nothing."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from overcrank.clip import Clip
from overcrank.ids import new_id
from overcrank.runtime import Runtime
from overcrank.sandbox.webhooks import sign
from overcrank.settings import Settings
from overcrank.webhooks.app import LARGEST, application
from overcrank.webhooks.mark import Marker, spoken_of
from overcrank.webhooks.signature import key_of

SECRET, OLD = "a secret", "an old secret"
FAR = 10**17


class Desk:
    """An application, and one job that waits for its generation."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.redis, self.keys = runtime, runtime.redis, runtime.keys
        self.http = TestClient(
            application(Marker(runtime), [key_of(OLD), key_of(SECRET)]), raise_server_exceptions=True
        )
        self.job_id = new_id()
        runtime.jobs.enter(self.job_id, Clip(prompt="a ball"), 5, sent=True)
        self.redis.hset(self.keys.job(self.job_id), mapping={"state": "generating", "generation_id": "gen-1"})
        self.redis.zadd(self.keys.due, {self.job_id: FAR})

    def call(self, body: bytes, *, secret: str = SECRET, job_id: str = "", message_id: str = "m", age: int = 0) -> int:
        """Call as the provider does; return the status."""
        stamp = int(time.time()) - age
        headers = {
            "webhook-id": message_id, "webhook-timestamp": str(stamp),
            "webhook-signature": sign(secret, message_id, stamp, body),
        }  # fmt: skip
        return self.http.post(f"/hooks/{job_id or self.job_id}", content=body, headers=headers).status_code

    @property
    def due(self) -> bool:
        """Whether the job is due now."""
        return (self.redis.zscore(self.keys.due, self.job_id) or FAR) < FAR


@pytest.fixture
def desk(configured: Callable[..., Settings], redis: Redis) -> Any:
    """Gives a desk, and leaves the server empty."""
    yield Desk(Runtime(configured()))
    redis.flushall()


def body(generation_id: Any = "gen-1") -> bytes:
    """Return what the provider says of a finished generation."""
    return json.dumps({"type": "video.completed", "data": {"id": generation_id, "status": "completed"}}).encode()


def test_a_right_call_makes_the_job_due(desk: Desk) -> None:
    """The job is looked at now, and is otherwise as it was: the status call stays the truth."""
    before = desk.runtime.jobs.get(desk.job_id)
    assert 200 == desk.call(body())
    assert desk.due
    assert before == desk.runtime.jobs.get(desk.job_id)


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (401, {"secret": "a guess"}),
        (401, {"age": 301}),
        (200, {"job_id": new_id()}),
        (200, {"job_id": "no-id"}),
    ],
)
def test_a_wrong_call_changes_nothing(desk: Desk, status: int, given: dict[str, Any]) -> None:
    """Forged, late and misdirected calls leave every job alone."""
    assert status == desk.call(body(), **given)
    assert not desk.due


def test_another_generations_call_changes_nothing(desk: Desk) -> None:
    """A call for a generation that is not the job's, as one of an earlier attempt that comes late, is nothing."""
    assert 200 == desk.call(body("gen-0"))
    assert not desk.due


def test_a_call_that_comes_twice_counts_once(desk: Desk) -> None:
    """A replay within the tolerance is known by its id."""
    desk.call(body())
    desk.redis.zadd(desk.keys.due, {desk.job_id: FAR})
    assert 200 == desk.call(body())
    assert not desk.due


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"\xff\xfe", b'{"data": []}', b'{"data": {"id": {}}}', b"[" * 60_000, b"9" * 5000]
)
def test_garbage_is_answered_and_changes_nothing(desk: Desk, garbage: bytes) -> None:
    """Even what is signed rightly may be garbage."""
    assert 200 == desk.call(garbage)
    assert not desk.due
    assert spoken_of(garbage) is None


def test_ten_megabytes_are_refused(desk: Desk) -> None:
    """No more of a body is read than a call may have, whether its length is told or not."""
    assert 413 == desk.call(b"x" * 10_000_000)
    pieces = (b"x" * 1000 for _ in range(LARGEST // 1000 + 2))
    assert 413 == desk.http.post(f"/hooks/{desk.job_id}", content=pieces).status_code


def test_a_job_that_has_moved_on_is_left_alone(desk: Desk) -> None:
    """A call that comes after the clip was found changes nothing."""
    desk.redis.hset(desk.keys.job(desk.job_id), "state", "undelivered")
    assert 200 == desk.call(body())
    assert not desk.due


def test_headers_that_are_missing_are_no_fault(desk: Desk) -> None:
    """A visitor without any header gets an answer, and so does one with other methods and paths."""
    assert 401 == desk.http.post(f"/hooks/{desk.job_id}", content=body()).status_code
    assert (405, 404, 200) == tuple(desk.http.get(path).status_code for path in ("/hooks/x", "/", "/healthz"))


def test_a_call_that_is_ahead_of_our_answer_is_not_lost(desk: Desk) -> None:
    """While the request that buys is still under way the sender is asked to try again, and then it counts."""
    key = desk.keys.job(desk.job_id)
    desk.redis.hset(key, "state", "submitting")
    desk.redis.hdel(key, "generation_id")
    assert (503, False) == (desk.call(body()), desk.due)
    desk.redis.hset(key, mapping={"state": "generating", "generation_id": "gen-1"})
    assert (200, True) == (desk.call(body()), desk.due)


def test_either_secret_is_believed_while_it_is_changed(desk: Desk) -> None:
    """The vendor may still sign with the old one."""
    assert 200 == desk.call(body(), secret=OLD)
    assert desk.due


def test_a_flood_of_forged_calls_costs_the_store_nothing(desk: Desk) -> None:
    """Whoever has no secret gets no further than the signature, whatever the job and the id."""
    before = desk.redis.info("stats")["total_commands_processed"]
    assert {401} == {desk.call(body(), secret=f"guess {n}", message_id=f"m{n}") for n in range(100)}
    assert 1 == desk.redis.info("stats")["total_commands_processed"] - before
    assert not desk.due
