"""What a create call sends, and what each answer to it means for the money."""

import dataclasses
import json

import pytest

from overcrank import __version__
from overcrank.clip import Clip
from overcrank.providers.base import Accepted, InDoubt, Rejected, Stopped, Throttled

KEY = "hs-very-secret-key-0123456789"


def test_the_call_is_the_one_of_the_protocol_page(vendor, sheep, request_) -> None:
    """Path, headers and body are exactly those of the protocol."""
    vendor.says(200, {"id": "gen-1"})
    sheep.create(request_)
    asked = vendor.asked[0]
    assert (asked.method, asked.path) == ("POST", "/v1/video/generate")
    wanted = {
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "x-client-version": f"overcrank/{__version__}",
        "idempotency-key": "0192f0c1-2b3c-7d4e-8f50-0123456789ab.1",
        "accept-encoding": "identity",
    }
    assert wanted == {name: asked.headers[name] for name in wanted}
    golden = {
        "model": "pixverse-v6-physics",
        "prompt": "a glass of water falls off a table",
        "negative_prompt": "",
        "mode": "slow_motion",
        "duration": 5,
        "fps": 120,
        "resolution": "1920x1080",
        "seed": 7,
        "guidance_scale": 7.5,
        "physics_continuity": {
            "enabled": True,
            "strength": 0.85,
            "conservation_laws": ["momentum", "energy", "mass"],
        },
        "callback_url": "https://example.org/hook",
        "metadata": {"job_id": "0192f0c1-2b3c-7d4e-8f50-0123456789ab"},
    }
    assert golden == json.loads(asked.body)


def test_a_plain_clip_is_sent_without_a_mode(vendor, sheep, request_) -> None:
    """The vendor has no word for it; any other mode is named."""
    vendor.says(200, {"id": "gen-1"})
    sheep.create(dataclasses.replace(request_, clip=Clip(prompt="x", mode="plain")))
    assert "mode" not in json.loads(vendor.asked[0].body)


def test_what_was_not_asked_for_is_not_sent(vendor, sheep, request_) -> None:
    """Without a seed, a callback and physics, the body says so or leaves them out."""
    vendor.says(200, {"id": "gen-1"})
    bare = dataclasses.replace(request_, clip=Clip(prompt="x", physics_strength=0.0, duration=2.5), callback_url=None)
    sheep.create(bare)
    body = json.loads(vendor.asked[0].body)
    assert ("seed" in body, "callback_url" in body) == (False, False)
    assert body["physics_continuity"] == {
        "enabled": False,
        "strength": 0,
        "conservation_laws": ["momentum", "energy", "mass"],
    }
    assert body["duration"] == 2.5


def test_the_same_request_is_sent_as_the_same_bytes(vendor, sheep, request_) -> None:
    """A repeated attempt differs in nothing from the first."""
    vendor.says(200, {"id": "a"}).says(200, {"id": "a"})
    sheep.create(request_)
    sheep.create(request_)
    first, second = vendor.asked
    assert first == second


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"id": "g", "eta_seconds": 15}, Accepted("g", None, 15.0)),
        (201, {"id": 42}, Accepted("42")),
        (202, {"id": "a/b\nc", "eta_seconds": -1}, Accepted("a/b\nc")),
        (200, {"id": "g", "eta_seconds": "soon", "status_url": 5}, Accepted("g")),
    ],
)
def test_a_usable_id_means_bought(vendor, sheep, request_, status, body, expected) -> None:
    """An id is kept as text whatever else is wrong with the answer."""
    vendor.says(status, body)
    assert expected == sheep.create(request_)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>ok</html>", b"[]", b"null", b'"gen"', {}, {"id": ""}, {"id": "  "}, {"id": None}, {"id": True},
        {"id": 1.5}, {"id": ["g"]}, {"id": "x" * 201}, {"id": "."}, {"id": ".."}, b'{"id": "\\ud800"}', b'{"id": "g"',
        b'{"id": ' + b"9" * 5000 + b"}",
        b"[" * 100_000, b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_a_success_that_can_not_be_read_is_in_doubt(vendor, sheep, request_, body) -> None:
    """A 2xx without a usable id may have bought something."""
    vendor.says(200, body)
    assert InDoubt is type(sheep.create(request_))


@pytest.mark.parametrize(
    "status",
    [204, 301, 302, 307, 304, 404, 405, 408, 409, 413, 415, 425, 451, 499, 500, 502, 503, 504, 520, 599],
)
def test_an_answer_that_does_not_say_no_is_in_doubt(vendor, sheep, request_, status) -> None:
    """Server errors, redirects, time-outs of gateways and conflicts prove nothing, and nothing is followed."""
    vendor.says(status, b"", Location=vendor.url + "/elsewhere")
    assert InDoubt is type(sheep.create(request_))
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_refusal_bought_nothing_and_is_final(vendor, sheep, request_, status) -> None:
    """What the protocol names is a rejection with the vendor's own code and message."""
    vendor.says(status, {"error": {"code": "content_policy", "message": "no\nswords"}})
    assert Rejected("content_policy", "no swords") == sheep.create(request_)


def test_a_refusal_without_words_still_has_a_code(vendor, sheep, request_) -> None:
    """A rejection that is not JSON is named by its status."""
    vendor.says(422, b"<html>")
    assert Rejected("http_422", "the vendor answered 422") == sheep.create(request_)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Retry_After": "2"}, {"error": {"code": "rate_limit_exceeded"}}, Throttled(2.0, "rate")),
        ({"Retry_After": "0.2"}, {"error": {"code": "concurrency_limit"}}, Throttled(0.2, "concurrency")),
        ({"Retry_After": "tomorrow"}, b"slow down", Throttled(None, "rate")),
        ({}, b"", Throttled(None, "rate")),
    ],
)
def test_too_many_calls_bought_nothing(vendor, sheep, request_, headers, body, expected) -> None:
    """A 429 says how long to wait, and whether calls or generations were too many, where it says so."""
    vendor.says(429, body, **headers)
    assert expected == sheep.create(request_)


@pytest.mark.parametrize(("status", "reason"), [(401, "key"), (403, "key"), (402, "balance")])
def test_a_bad_key_or_an_empty_account_stops_everything(vendor, sheep, request_, status, reason) -> None:
    """These are about the account, so they stop all jobs, and buy nothing."""
    vendor.says(status, {"error": {"message": f"key {KEY} is no good"}})
    answer = sheep.create(request_)
    assert (Stopped, reason) == (type(answer), answer.reason)
    assert KEY not in repr(answer)


@pytest.mark.parametrize(
    ("status_url", "trusted"),
    [
        ("{base}/v1/video/status/g", True),
        ("{base}/v1/video/status/g?token=x", True),
        ("/v1/else/g", True),
        ("https://127.0.0.1:{port}/x", False),
        ("http://127.0.0.1/x", False),
        ("http://localhost:{port}/x", False),
        ("http://evil.example/x", False),
        ("//evil.example/x", False),
        ("http://127.0.0.1:{port}@evil.example/x", False),
        ("http://evil.example\\@127.0.0.1:{port}/x", False),
        ("http://127.0.0.1:{port}\\@evil.example/x", False),
        ("{base}/a b", False),
        ("{base}/\r\nX: y", False),
        ("file:///etc/passwd", False),
        ("http://[::1", False),
        ("//[", False),
        ("http://127.0.0.1:99999/", False),
        ("", False),
    ],
)
def test_the_key_goes_only_to_the_vendors_own_origin(vendor, sheep, request_, status_url, trusted) -> None:
    """A status URL elsewhere is forgotten: asking it would hand the key over."""
    said = status_url.format(base=vendor.url, port=vendor.port)
    vendor.says(200, {"id": "g", "status_url": said})
    expected = (vendor.url + said if said.startswith("/") else said) if trusted else None
    assert Accepted("g", expected) == sheep.create(request_)
