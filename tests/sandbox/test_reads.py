"""Status, look-up and content."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
import requests

from .talk import Talker


def test_a_completed_status_has_the_documented_fields(talker: Talker) -> None:
    """A completed generation says where its clip is, its hash and its cost."""
    answer = talker.status(talker.made()).json()
    assert (answer["status"], answer["progress"], answer["cost_usd"]) == ("completed", 100, 0.17625)
    assert {"id", "status", "progress", "video_url", "sha256", "cost_usd"} == answer.keys()


def test_what_may_be_missing_can_be_missing(start: Callable[..., Talker]) -> None:
    """Hash and cost can be switched off."""
    talker = start(sha256=False, cost=False)
    assert {"id", "status", "progress", "video_url"} == talker.status(talker.made()).json().keys()


def test_a_running_status_tells_neither_clip_nor_cost(start: Callable[..., Talker]) -> None:
    """Before its end a generation has a state and a progress."""
    talker = start(generation_seconds=60)
    generation_id = talker.made()
    assert {"id": generation_id, "status": "queued", "progress": 0} == talker.status(generation_id).json()


@pytest.mark.parametrize(
    ("fault", "code", "cost"),
    [
        ("failed", "generation_failed", 0.0),
        ("failed_charged", "generation_failed", 0.17625),
        ("moderated", "content_policy", 0.0),
        ("moderated_charged", "content_policy", 0.17625),
    ],
)
def test_a_generation_may_fail(talker: Talker, fault: str, code: str, cost: float) -> None:
    """A failure names its reason and says what it cost, and the meter agrees."""
    talker.sandbox.force("generation", fault)
    answer = talker.status(talker.made()).json()
    assert ("failed", code, cost) == (answer["status"], answer["error"]["code"], answer["cost_usd"])
    assert round(cost * 1_000_000) == talker.sandbox.meter()["total_micros"]


def test_a_generation_may_be_overcharged(talker: Talker) -> None:
    """The real cost may be half as much again as the quoted one."""
    talker.sandbox.force("generation", "overcharged")
    assert talker.status(talker.made()).json()["cost_usd"] == 0.264375
    charge = talker.sandbox.meter()["charges"][0]
    assert (charge["quoted_micros"], charge["amount_micros"]) == (176_250, 264_375)


def test_a_stuck_generation_keeps_its_slot_for_a_while(start: Callable[..., Talker]) -> None:
    """A generation that never ends is processing for ever and counts as in flight."""
    talker = start(concurrency=1)
    talker.sandbox.force("generation", "stuck")
    generation_id = talker.made()
    assert talker.status(generation_id).json()["status"] == "processing"
    assert talker.create().status_code == 429


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("error_500", 500, "internal_error"),
        ("rate_429", 429, "rate_limit_exceeded"),
        ("not_found", 404, "not_found"),
    ],
)
def test_a_status_may_be_refused(talker: Talker, fault: str, status: int, code: str) -> None:
    """A status call may fail although all is well; the next one does not."""
    generation_id = talker.made()
    talker.sandbox.force("status", fault)
    answer = talker.status(generation_id)
    assert (status, code) == (answer.status_code, answer.json()["error"]["code"])
    assert talker.status(generation_id).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("fault", "status", "missing"),
    [
        ("unknown_word", "rendering", {"video_url", "sha256", "cost_usd"}),
        ("backwards", "processing", {"video_url", "sha256", "cost_usd"}),
        ("missing_cost", "completed", {"cost_usd"}),
    ],
)
def test_a_status_may_be_odd(talker: Talker, fault: str, status: str, missing: set[str]) -> None:
    """A status may use a new word, step back, or leave the cost out."""
    generation_id = talker.made()
    talker.sandbox.force("status", fault)
    answer = talker.status(generation_id).json()
    assert status == answer["status"]
    assert missing == {"video_url", "sha256", "cost_usd"} - answer.keys()


def test_a_status_may_be_garbage(talker: Talker) -> None:
    """A status may come as 200 with cut JSON."""
    generation_id = talker.made()
    talker.sandbox.force("status", "garbage")
    with pytest.raises(requests.JSONDecodeError):
        talker.status(generation_id).json()


def test_an_unknown_generation_is_not_found(talker: Talker) -> None:
    """A status of nothing is a 404."""
    assert talker.status("gen_0").status_code == 404


def test_a_lookup_finds_by_key_and_by_job(talker: Talker) -> None:
    """Both names find the generation with its job; another name finds an empty list."""
    generation_id = talker.create("a", job_id="job-1").json()["id"]
    by_key = talker.get("/v1/video", idempotency_key="a").json()["data"]
    by_job = talker.get("/v1/video", job_id="job-1").json()["data"]
    assert [[(generation_id, "job-1", "completed")]] * 2 == [
        [(each["id"], each["job_id"], each["status"]) for each in found] for found in (by_key, by_job)
    ]
    assert talker.get("/v1/video", idempotency_key="b").json() == {"data": []}


@pytest.mark.parametrize("query", [{}, {"job_id": "a", "idempotency_key": "b"}])
def test_a_lookup_needs_one_name(talker: Talker, query: dict[str, str]) -> None:
    """A look-up by nothing or by both is refused."""
    assert talker.get("/v1/video", **query).status_code == 400


def test_a_vendor_may_have_no_lookup(start: Callable[..., Talker]) -> None:
    """The look-up can be switched off."""
    assert start(lookup=False).get("/v1/video", job_id="a").status_code == 404


def test_a_lookup_may_fail_or_be_empty_for_once(talker: Talker) -> None:
    """A look-up may break, and may not know yet what it knows a moment later."""
    talker.create("a")
    talker.sandbox.force("lookup", "error_500")
    talker.sandbox.force("lookup", "empty_once")
    answers = [talker.get("/v1/video", idempotency_key="a") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 200, 200]
    assert [len(answer.json()["data"]) for answer in answers[1:]] == [0, 1]


@pytest.mark.parametrize("encoder", ["av", "plain"])
def test_content_is_the_promised_clip(start: Callable[..., Talker], encoder: str) -> None:
    """The bytes have the promised hash and decode to the asked frames, and the meter knows they were delivered."""
    av = pytest.importorskip("av")
    talker = start(clips="ball", encoder=encoder)
    generation_id = talker.made(duration=1.5, fps=60)
    status = talker.status(generation_id).json()
    assert [generation_id] == talker.sandbox.meter()["undelivered"]
    answer = talker.get(status["video_url"])
    assert ("video/mp4", status["sha256"]) == (
        answer.headers["Content-Type"],
        hashlib.sha256(answer.content).hexdigest(),
    )
    with av.open(io.BytesIO(answer.content)) as container:
        assert (sum(1 for _ in container.decode(video=0)), container.streams.video[0].average_rate) == (90, 60)
    assert [generation_id] == talker.sandbox.meter()["delivered"]


def test_content_needs_no_key_but_a_signature(talker: Talker) -> None:
    """A content URL is its own credential; a changed one is refused."""
    url = talker.video_url()
    assert requests.get(url, timeout=5).status_code == 200
    answer = requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "invalid_signature")


def test_a_content_url_expires_and_the_status_gives_a_fresh_one(start: Callable[..., Talker]) -> None:
    """An old URL is refused; asking the status again helps."""
    talker = start(url_ttl=0.0001)
    generation_id = talker.made()
    answer = talker.get(talker.status(generation_id).json()["video_url"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "url_expired")
    talker.sandbox.configure(url_ttl=60)
    assert talker.get(talker.status(generation_id).json()["video_url"]).status_code == 200


@pytest.mark.parametrize("fault", ["expired", "error_500", "html", "short", "corrupt", "truncated", "drop"])
def test_content_may_go_wrong(talker: Talker, fault: str) -> None:
    """A fault spoils the content in its own way, is not counted as delivered, and the next call is whole."""
    url = talker.video_url()
    talker.sandbox.force("content", fault)
    code, spoilt = _fetched(url)
    assert talker.sandbox.meter()["delivered"] == []
    right = _fetched(url)[1]
    expected = {
        "expired": (403, None),
        "error_500": (500, None),
        "html": (200, None),
        "short": (200, int(len(right) * 0.6)),
        "corrupt": (200, len(right)),
        "truncated": (0, None),
        "drop": (0, None),
    }
    assert expected[fault] == (code, len(spoilt) if fault in ("short", "corrupt") else None)
    assert right != spoilt
    assert len(talker.sandbox.meter()["delivered"]) == 1


def test_truncated_content_announces_its_whole_length(talker: Talker) -> None:
    """A cut transfer looks whole in its headers and ends in the middle of its body."""
    url = talker.video_url()
    whole = len(_fetched(url)[1])
    talker.sandbox.force("content", "truncated")
    answer = requests.get(url, timeout=5, stream=True)
    assert (200, whole) == (answer.status_code, int(answer.headers["Content-Length"]))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        list(answer.iter_content(64))


def test_slow_content_arrives_in_the_end(start: Callable[..., Talker]) -> None:
    """A slow transfer pauses in the middle and is complete after all."""
    talker = start(faults={"slow_seconds": 0.2})
    url = talker.video_url()
    talker.sandbox.force("content", "slow")
    slow, whole = _fetched(url), _fetched(url)
    assert slow == whole
    assert talker.sandbox.meter(summary=True)["delivered"] == 1


@pytest.mark.parametrize(("stage", "path"), [("status", "/v1/video/status/{}"), ("lookup", "/v1/video?job_id=job-1")])
def test_a_reading_call_may_be_dropped(talker: Talker, stage: str, path: str) -> None:
    """A connection may be reset without an answer."""
    generation_id = talker.create(job_id="job-1").json()["id"]
    talker.sandbox.force(stage, "drop")
    with pytest.raises(requests.ConnectionError):
        talker.get(path.format(generation_id))
    assert talker.get(path.format(generation_id)).status_code == 200


def _fetched(url: str) -> tuple[Any, bytes]:
    """Status code and body; 0 where the connection broke."""
    try:
        answer = requests.get(url, timeout=5)
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return 0, b""
    return answer.status_code, answer.content
