"""Webhooks out: signed after the Standard Webhooks specification, tried three times, and only ever to this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import math
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest

from overcrank.sandbox.chance import token
from overcrank.sandbox.generations import Generation
from overcrank.sandbox.reads import status_object
from overcrank.sandbox.vendor import Vendor

_PREFIX = "whsec_"
_PAUSES = (0.2, 1.0)
_TIMEOUT = 5.0
_HELD_SECONDS = 2.0


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`.

    Args:
        secret: raw, or base64 after `whsec_`.
        message_id: the value of `webhook-id`.
        timestamp: epoch seconds, the value of `webhook-timestamp`.
        body: as sent.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Postman:
    """Sends one webhook for each generation that asked for it, when it ends; runs in the server's event loop."""

    def __init__(self) -> None:
        self.vendor: Vendor | None = None
        self._client = AsyncHTTPClient(force_instance=True, max_clients=100)
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[asyncio.Event] = []

    def accepted(self, generation: Generation) -> None:
        """Arrange for the webhook of a new generation."""
        url, vendor = generation.asked.callback_url, self.vendor
        if url is None or vendor is None or math.isinf(generation.ends_at):
            return
        if not is_loopback(url):
            vendor.meter.webhooks["not_loopback"] += 1
            return
        self._start(self._tell(vendor, generation, url))

    def close(self) -> None:
        """Forget all that has not been sent."""
        for task in self._tasks:
            task.cancel()
        self._client.close()

    async def _tell(self, vendor: Vendor, generation: Generation, url: str) -> None:
        epoch = vendor.epoch
        await asyncio.sleep(max(0.0, generation.ends_at - vendor.clock()) + 0.001)
        if vendor.epoch != epoch:
            return
        fault = vendor.deal("webhook", generation.id)
        if fault == "lost":
            return
        if fault == "late":
            await asyncio.sleep(vendor.config.plan.late_seconds)
        if fault == "reordered":
            await self._hold()
        if fault == "forged":
            await self._forge(vendor, generation, url)
        data = await status_object(vendor, generation, vendor.clock(), generation.base)
        body = json.dumps({"type": f"video.{data['status']}", "data": data}).encode()
        if fault == "garbage":
            body = body[: len(body) // 2]
        message_id = f"msg_{token('webhook', generation.id)}"
        for _ in range(2 if fault == "twice" else 1):
            await self._send(vendor, url, message_id, body, vendor.config.webhook_secret)
        while self._held and fault != "reordered":
            self._held.pop().set()

    async def _hold(self) -> None:
        overtaken = asyncio.Event()
        self._held.append(overtaken)
        try:
            await asyncio.wait_for(overtaken.wait(), _HELD_SECONDS)
        except TimeoutError:
            self._held.remove(overtaken)

    async def _forge(self, vendor: Vendor, generation: Generation, url: str) -> None:
        error = {"code": "generation_failed", "message": "the generation failed"}
        lie = {"id": generation.id, "status": "failed", "progress": 0, "cost_usd": 0.0, "error": error}
        body = json.dumps({"type": "video.failed", "data": lie}).encode()
        message_id = f"msg_{token('forged', generation.id)}"
        await self._send(vendor, url, message_id, body, "a guess")

    async def _send(self, vendor: Vendor, url: str, message_id: str, body: bytes, secret: str) -> None:
        for pause in (*_PAUSES, None):
            timestamp = int(vendor.clock())
            headers = {
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secret, message_id, timestamp, body),
            }
            request = HTTPRequest(
                url, "POST", headers, body, connect_timeout=_TIMEOUT, request_timeout=_TIMEOUT, follow_redirects=False
            )
            try:
                await self._client.fetch(request)
            except (HTTPError, OSError):
                vendor.meter.webhooks["failed"] += 1
            else:
                vendor.meter.webhooks["sent"] += 1
                return
            if pause is not None:
                await asyncio.sleep(pause)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret[len(_PREFIX) :]) if secret.startswith(_PREFIX) else secret.encode()
