"""Webhooks: their signature, and how they go astray."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
from collections.abc import Callable
from typing import Any

import pytest

from overcrank.sandbox.webhooks import is_loopback

from .talk import Talker

SECRET = "a-secret"


def _signed(headers: dict[str, str], body: bytes, key: bytes = SECRET.encode()) -> bool:
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return f"v1,{right}" in headers["webhook-signature"].split()


def _read(letter: tuple[dict[str, str], bytes]) -> tuple[bool, str, Any]:
    headers, body = letter
    values = json.loads(body)
    return _signed(headers, body), values["type"], values["data"]


@pytest.mark.parametrize(
    ("fault", "kind"), [(None, "video.completed"), ("failed", "video.failed"), ("moderated_charged", "video.failed")]
)
def test_a_webhook_says_what_the_status_says(
    start: Callable[..., Talker], inbox: Callable[..., Any], fault: str | None, kind: str
) -> None:
    """At its end a generation posts its status object, signed; only the URL's expiry differs."""
    talker, box = start(webhook_secret=SECRET), inbox()
    if fault:
        talker.sandbox.force("generation", fault)
    status = talker.status(talker.made(callback_url=box.url)).json()
    signed, said, data = _read(box.take())
    assert (True, kind) == (signed, said)
    assert (status.pop("video_url", None) is None) == (data.pop("video_url", None) is None)
    assert status == data


def test_a_secret_may_be_base64(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """After `whsec_` the key is the decoded bytes."""
    talker, box = start(webhook_secret="whsec_" + base64.b64encode(b"\x00raw\xff").decode()), inbox()
    talker.made(callback_url=box.url)
    assert _signed(*box.take(), key=b"\x00raw\xff")


def test_a_refused_webhook_comes_again(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """A receiver that fails gets the same message again, under the same id."""
    talker, box = start(webhook_secret=SECRET), inbox(500)
    talker.made(callback_url=box.url)
    first, second = box.take(), box.take()
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]


def test_a_webhook_may_come_twice(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """The same message may come twice."""
    talker, box = start(), inbox()
    talker.sandbox.force("webhook", "twice")
    talker.made(callback_url=box.url)
    assert box.take()[1] == box.take()[1]


def test_a_webhook_may_be_lost(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """A webhook may never come; the next generation's does."""
    talker, box = start(), inbox()
    talker.sandbox.force("webhook", "lost")
    talker.made(callback_url=box.url)
    second = talker.made(callback_url=box.url)
    assert second == json.loads(box.take()[1])["data"]["id"]
    with pytest.raises(queue.Empty):
        box.take(0.05)


def test_a_webhook_may_be_late(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """A late webhook comes after another one that was accepted later."""
    talker, box = start(faults={"late_seconds": 0.6}), inbox()
    talker.sandbox.force("webhook", "late")
    late = talker.made(callback_url=box.url)
    soon = talker.made(callback_url=box.url)
    assert [soon, late] == [json.loads(box.take()[1])["data"]["id"] for _ in range(2)]


def test_a_webhook_may_be_forged(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """Somebody without the secret may lie first; the true message follows."""
    talker, box = start(webhook_secret=SECRET), inbox()
    talker.sandbox.force("webhook", "forged")
    talker.made(callback_url=box.url)
    assert [_read(box.take())[:2] for _ in range(2)] == [(False, "video.failed"), (True, "video.completed")]


def test_webhooks_may_be_out_of_order(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """A message may be overtaken by that of a later generation."""
    talker, box = start(), inbox()
    talker.sandbox.force("webhook", "reordered")
    first = talker.made(callback_url=box.url)
    second = talker.made(callback_url=box.url)
    assert [second, first] == [json.loads(box.take()[1])["data"]["id"] for _ in range(2)]


def test_a_webhook_may_be_garbage(start: Callable[..., Talker], inbox: Callable[..., Any]) -> None:
    """A rightly signed body may still not be JSON."""
    talker, box = start(webhook_secret=SECRET), inbox()
    talker.sandbox.force("webhook", "garbage")
    talker.made(callback_url=box.url)
    headers, body = box.take()
    assert _signed(headers, body)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
        json.loads(body)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:80/x", True),
        ("http://127.9.9.9/x", True),
        ("http://localhost:1/x", True),
        ("http://[::1]:1/x", True),
        ("http://example.com/x", False),
        ("http://10.0.0.1/x", False),
        ("http://127.0.0.1.example.com/x", False),
        ("http://127.0.0.1@example.com/x", False),
    ],
)
def test_only_this_machine_is_ever_called(url: str, local: bool) -> None:
    """A callback URL that leads elsewhere is told from one that does not."""
    assert local == is_loopback(url)


def test_a_callback_elsewhere_is_counted_but_not_called(talker: Talker) -> None:
    """A create with a foreign callback URL works; its webhook stays here."""
    assert talker.create(callback_url="https://example.com/hook").status_code == 200
    assert talker.sandbox.meter()["webhooks"] == {"not_loopback": 1}
