"""The calls of whoever runs a test: read the meter, change the vendor's behaviour, force faults, start afresh."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from overcrank.sandbox.exchange import Call, Reply, answer, refusal
from overcrank.sandbox.faults import KNOWN
from overcrank.sandbox.vendor import Vendor

_MOST_FORCED = 1_000_000


def health(vendor: Vendor, _call: Call) -> Reply:
    """`GET /healthz`."""
    return answer({"status": "ok", "generations": len(vendor.book)})


def meter(vendor: Vendor, call: Call) -> Reply:
    """`GET /sandbox/meter`, with `?summary=1` for the totals alone."""
    lists = call.query.get("summary", "0") in ("", "0", "false")
    return answer(vendor.meter.report(call.at, lists=lists))


def windows(vendor: Vendor, call: Call) -> Reply:
    """`GET /sandbox/meter/windows?seconds=N`."""
    text = call.query.get("seconds", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"seconds: {text!r} is not a number above 0")
    return answer(vendor.meter.windows(seconds))


def config(vendor: Vendor, _call: Call) -> Reply:
    """`GET /sandbox/config`."""
    return answer(vendor.config.as_mapping())


def configure(vendor: Vendor, call: Call) -> Reply:
    """`POST /sandbox/configure` with the fields to change."""
    return answer(vendor.configure(_object(call)).as_mapping())


def faults(vendor: Vendor, call: Call) -> Reply:
    """`GET /sandbox/faults` lists them; `POST` forces one: `{"stage", "fault", "count"}`."""
    if call.method == "POST":
        values = _object(call)
        count = values.get("count", 1)
        if type(count) is not int or not 0 <= count <= _MOST_FORCED:
            raise ValueError(f"count: {count!r} is not a whole number in 0..{_MOST_FORCED}")
        vendor.deck.force(str(values.get("stage")), str(values.get("fault")), count)
    forced = {stage: list(queue) for stage, queue in vendor.deck.forced.items() if queue}
    return answer({"forced": forced, "plan": vendor.config.plan.as_mapping(), "known": KNOWN})


def reset(vendor: Vendor, _call: Call) -> Reply:
    """`POST /sandbox/reset`: as freshly started, with the configuration of the start."""
    vendor.reset()
    return answer({"status": "ok"})


#: What is answered at which method and path.
ROUTES: dict[tuple[str, str], Callable[[Vendor, Call], Reply]] = {
    ("GET", "/healthz"): health,
    ("GET", "/sandbox/meter"): meter,
    ("GET", "/sandbox/meter/windows"): windows,
    ("GET", "/sandbox/config"): config,
    ("POST", "/sandbox/configure"): configure,
    ("GET", "/sandbox/faults"): faults,
    ("POST", "/sandbox/faults"): faults,
    ("POST", "/sandbox/reset"): reset,
}


def handle(vendor: Vendor, call: Call) -> Reply | None:
    """The reply to one of these calls, or None where it is none of them."""
    route = ROUTES.get((call.method, call.path))
    if route is None:
        return None
    try:
        return route(vendor, call)
    except ValueError as error:
        return refusal(400, "invalid_request", str(error))


def _object(call: Call) -> dict[str, Any]:
    try:
        values = json.loads(call.body or b"{}")
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError("the body is not a JSON object")
    return values
