"""The create call: refuse, replay or buy, and then answer as the fault plan wants it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from overcrank.sandbox import asked as bodies
from overcrank.sandbox.asked import Asked, RefusedBodyError
from overcrank.sandbox.chance import token
from overcrank.sandbox.exchange import HANG, RESET, Call, Reply, answer, garbage, page, refusal, server_error
from overcrank.sandbox.generations import Generation, drawn_seconds, expected_seconds
from overcrank.sandbox.prices import round_micros
from overcrank.sandbox.vendor import Vendor, whole_micros

_OVERCHARGE = Decimal("1.5")

#: How a generation ends for each fault, and whether it is billed.
_ENDS: dict[str | None, tuple[str, bool]] = {
    None: ("completed", True),
    "failed": ("failed", False),
    "failed_charged": ("failed", True),
    "moderated": ("moderated", False),
    "moderated_charged": ("moderated", True),
    "stuck": ("stuck", True),
    "overcharged": ("completed", True),
}

#: The faults that happen before anything is bought.
_UNBOUGHT: dict[str | None, Callable[[Vendor, Call], Reply]] = {
    "rate_429": lambda vendor, call: vendor.throttled("rate_limit_exceeded", 1.0, call.at),
    "concurrency_429": lambda vendor, call: vendor.throttled("concurrency_limit", 1.0, call.at),
    "error_500": lambda *_: server_error(),
    "html_502": lambda *_: page(502, "502 Bad Gateway"),
    "drop_before": lambda *_: RESET,
    "auth_401": lambda *_: refusal(401, "invalid_api_key", "the API key is missing or wrong"),
    "balance_402": lambda *_: refusal(402, "insufficient_balance", "the prepaid balance is exhausted"),
}

#: The faults that lose the answer to something bought.
_LOST: dict[str | None, Reply] = {
    "drop_after": RESET,
    "hang": HANG,
    "error_500_after": replace(server_error(), code=None),
    "garbage": garbage(),
}


def create(vendor: Vendor, call: Call) -> Reply:
    """`POST /v1/video/generate`."""
    vendor.meter.calls["create"] += 1
    reply = vendor.unauthorised(call) or _decide(vendor, call)
    vendor.meter.create_answered(call.at, reply.status, reply.code)
    return reply.after(vendor.config.latency)


def _decide(vendor: Vendor, call: Call) -> Reply:
    key = call.headers.get("idempotency-key") or None
    try:
        values = bodies.parse(call.body)
        digest = _digest(values)
        earlier = vendor.book.of_key(key) if key and vendor.config.replay else []
        if earlier:
            asked = earlier[0].asked
            refused = _replay_refusal(vendor, earlier[0], digest, call.at)
        elif (refused := _rate_refusal(vendor, call.at)) is None:
            asked = bodies.read(values, vendor.config.models)
            refused = _refusal(vendor, asked, call.at)
    except RefusedBodyError as error:
        return refusal(error.status, "invalid_request", str(error), name=error.name)
    if refused is not None:
        return refused
    # Only a call that would get through meets a fault, so which one does not depend on how often it was throttled.
    fault = vendor.deal("submit", key or asked.job_id or f"#{vendor.meter.calls['create']}")
    if fault in _UNBOUGHT:
        return _UNBOUGHT[fault](vendor, call)
    if earlier:
        vendor.meter.replayed += 1
        return _answer(vendor, earlier[0], fault, call.base)
    return _answer(vendor, _buy(vendor, asked, key, digest, call), fault, call.base)


def _replay_refusal(vendor: Vendor, first: Generation, digest: bytes, now: float) -> Reply | None:
    if digest != first.body_digest:
        message = "this idempotency key came with another body before"
        return refusal(422, "invalid_request", message, name="Idempotency-Key")
    return _rate_refusal(vendor, now) if vendor.config.replay_costs_token else None


def _rate_refusal(vendor: Vendor, now: float) -> Reply | None:
    wait = vendor.bucket.take(whole_micros(now))
    return vendor.throttled("rate_limit_exceeded", wait, now) if wait else None


def _refusal(vendor: Vendor, asked: Asked, now: float) -> Reply | None:
    words = asked.prompt.lower()
    if any(word.lower() in words for word in vendor.config.forbidden_words):
        return refusal(422, "content_policy", "the prompt violates the content policy", name="prompt")
    if vendor.balance_micros is not None and vendor.price(asked) > vendor.balance_micros:
        return refusal(402, "insufficient_balance", "the prepaid balance is exhausted")
    if vendor.config.concurrency and vendor.book.in_flight(now) >= vendor.config.concurrency:
        return vendor.throttled("concurrency_limit", vendor.book.next_free(now), now)
    return None


def _buy(vendor: Vendor, asked: Asked, key: str | None, digest: bytes, call: Call) -> Generation:
    config, now = vendor.config, call.at
    name = key if key is not None else f"#{len(vendor.book)}"
    nth = len(vendor.book.of_key(key)) if key is not None else 0
    fault = vendor.deal("generation", name)
    end, billed = _ENDS[fault]
    amount = vendor.price(asked, Decimal(str(config.price_factor))) if billed else 0
    if fault == "overcharged":
        amount = round_micros(amount * _OVERCHARGE)
    stuck, scale, fixed = end == "stuck", config.latency_scale, config.generation_seconds
    seconds = math.inf if stuck else drawn_seconds(asked, scale, fixed, config.seed, name, nth)
    generation = Generation(
        id=f"gen_{token(config.seed, name, nth)}",
        key=key,
        asked=asked,
        body_digest=digest,
        base=call.base,
        quoted_micros=vendor.price(asked),
        amount_micros=amount,
        end=end,
        accepted_at=now,
        ends_at=now + seconds,
        estimate=expected_seconds(asked, scale, fixed),
    )
    vendor.take_in(generation, now + (config.plan.stuck_slot_seconds if stuck else seconds))
    return generation


def _answer(vendor: Vendor, generation: Generation, fault: str | None, base: str) -> Reply:
    if fault in _LOST:
        return _LOST[fault]
    values: dict[str, Any] = {"id": generation.id, "status": "queued"}
    if vendor.config.status_url:
        values["status_url"] = f"{base}/v1/video/status/{generation.id}"
    if vendor.config.eta:
        seconds = round(generation.estimate, 2)
        values["eta_seconds"] = int(seconds) if seconds.is_integer() else seconds
    if fault == "missing_id":
        values = {"status": "queued"}
    return answer(values).after(vendor.config.plan.slow_seconds if fault == "slow" else 0.0)


def _digest(values: dict[str, Any]) -> bytes:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
