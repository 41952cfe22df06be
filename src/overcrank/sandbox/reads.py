"""The calls that only read: status, look-up and content."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import replace
from typing import Any

from overcrank.sandbox.chance import draw
from overcrank.sandbox.clips import Clip
from overcrank.sandbox.exchange import RESET, Call, Reply, answer, garbage, page, refusal, server_error
from overcrank.sandbox.generations import Generation
from overcrank.sandbox.prices import usd_number
from overcrank.sandbox.vendor import Vendor

_STATUS_FAULTS = {"error_500", "drop", "rate_429", "garbage", "unknown_word", "not_found"}
_ERRORS = {
    "failed": ("generation_failed", "the generation failed"),
    "moderated": ("content_policy", "the result violates the content policy"),
}
_VIDEO = {"Content-Type": "video/mp4", "Accept-Ranges": "none"}
_KEPT_SHARE = 0.6
_FLIPPED = 16
_INDEX_SHARE = 4  # bytes are flipped after the first quarter, where the index is


async def status(vendor: Vendor, call: Call, generation_id: str) -> Reply:
    """`GET /v1/video/status/{id}`."""
    vendor.meter.calls["status"] += 1
    generation = vendor.book.get(generation_id)
    refused = vendor.unauthorised(call)
    if refused is not None:
        return refused
    if generation is None:
        return _not_found(generation_id)
    word, _ = generation.state(call.at)
    possible = _STATUS_FAULTS | ({"backwards"} if word != "queued" else set())
    if word in ("completed", "failed") and vendor.config.cost:
        possible |= {"missing_cost"}
    fault = vendor.deal("status", generation_id, possible)
    if fault in ("error_500", "drop", "rate_429", "garbage", "not_found"):
        return _no_status(vendor, call, generation_id, fault)
    if fault == "backwards":
        word = "queued" if word == "processing" else "processing"
        return answer({"id": generation_id, "status": word, "progress": 0 if word == "queued" else 10})
    values = await status_object(vendor, generation, call.at, call.base)
    if fault == "missing_cost":
        values.pop("cost_usd", None)
    elif fault == "unknown_word":
        values = {"id": generation_id, "status": "rendering", "progress": values["progress"]}
    return answer(values)


async def lookup(vendor: Vendor, call: Call) -> Reply:
    """`GET /v1/video?idempotency_key=` or `?job_id=`."""
    vendor.meter.calls["lookup"] += 1
    refused = vendor.unauthorised(call)
    if refused is not None:
        return refused
    if not vendor.config.lookup:
        return refusal(404, "not_found", "there is no such call")
    key, job_id = call.query.get("idempotency_key"), call.query.get("job_id")
    if (key is None) == (job_id is None):
        return refusal(400, "invalid_request", "either idempotency_key or job_id is required", name="idempotency_key")
    fault = vendor.deal("lookup", str(key if key is not None else job_id))
    if fault == "error_500":
        return server_error()
    if fault == "drop":
        return RESET
    if fault == "empty_once":
        return answer({"data": []})
    found = vendor.book.of_key(key) if key is not None else vendor.book.of_job(job_id or "")
    data = [{**await status_object(vendor, each, call.at, call.base), "job_id": each.asked.job_id} for each in found]
    return answer({"data": data})


async def content(vendor: Vendor, call: Call, generation_id: str) -> Reply:
    """`GET video_url`: signed, so it needs no key."""
    vendor.meter.calls["content"] += 1
    generation = vendor.book.get(generation_id)
    if generation is None or generation.state(call.at)[0] != "completed":
        return _not_found(generation_id)
    expires = call.query.get("expires", "")
    right = _signature(vendor, generation_id, expires)
    if not hmac.compare_digest(right.encode(), call.query.get("signature", "").encode()):
        return refusal(403, "invalid_signature", "this URL is not signed by us")
    if call.at >= float(expires):
        return refusal(403, "url_expired", "this URL has expired; ask the status again")
    fault = vendor.deal("content", generation_id)
    if fault == "expired":
        return refusal(403, "url_expired", "this URL has expired; ask the status again")
    if fault == "error_500":
        return server_error()
    if fault == "drop":
        return RESET
    if fault == "html":
        return page(200, "Please sign in")
    return _served((await _clip(vendor, generation)).data, fault, vendor, generation_id)


async def status_object(vendor: Vendor, generation: Generation, now: float, base: str) -> dict[str, Any]:
    """What status, look-up and webhook say about a generation at this epoch second."""
    word, progress = generation.state(now)
    values: dict[str, Any] = {"id": generation.id, "status": word, "progress": progress}
    if word == "completed":
        expires = f"{now + vendor.config.url_ttl:.3f}"
        signature = _signature(vendor, generation.id, expires)
        values["video_url"] = f"{base}/v1/content/{generation.id}.mp4?expires={expires}&signature={signature}"
        if vendor.config.sha256:
            known = vendor.shelf.sha256(vendor.clip_shape(generation.asked))
            values["sha256"] = known or (await _clip(vendor, generation)).sha256
    elif word == "failed":
        code, message = _ERRORS[generation.end]
        values["error"] = {"code": code, "message": message}
    if word in ("completed", "failed") and vendor.config.cost:
        values["cost_usd"] = usd_number(generation.amount_micros)
    return values


def _no_status(vendor: Vendor, call: Call, generation_id: str, fault: str) -> Reply:
    if fault == "drop":
        return RESET
    if fault == "rate_429":
        return vendor.throttled("rate_limit_exceeded", 1.0, call.at)
    if fault == "garbage":
        return garbage()
    return _not_found(generation_id) if fault == "not_found" else server_error()


def _served(data: bytes, fault: str | None, vendor: Vendor, generation_id: str) -> Reply:
    whole = Reply(200, data, _VIDEO, delivers=generation_id)
    if fault == "truncated":
        return replace(whole, wire="cut", part=int(len(data) * _KEPT_SHARE), delivers=None)
    if fault == "short":
        return Reply(200, data[: int(len(data) * _KEPT_SHARE)], _VIDEO)
    if fault == "corrupt":
        return Reply(200, _corrupted(data, generation_id), _VIDEO)
    if fault == "slow":
        return replace(whole, wire="pause", part=len(data) // 2, wait=vendor.config.plan.slow_seconds)
    return whole


def _corrupted(data: bytes, generation_id: str) -> bytes:
    flipped = bytearray(data)
    first = len(data) // _INDEX_SHARE
    for nth in range(_FLIPPED):
        flipped[first + int(draw("corrupt", generation_id, nth) * (len(data) - first))] ^= 1 + nth
    return bytes(flipped)


async def _clip(vendor: Vendor, generation: Generation) -> Clip:
    return await asyncio.wrap_future(vendor.shelf.ask(vendor.clip_shape(generation.asked)))


def _not_found(generation_id: str) -> Reply:
    return refusal(404, "not_found", f"there is no video {generation_id}")


def _signature(vendor: Vendor, generation_id: str, expires: str) -> str:
    text = f"{generation_id}.{expires}".encode()
    return hmac.new(vendor.config.api_key.encode(), text, hashlib.sha256).hexdigest()[:32]
