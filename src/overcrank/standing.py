"""How the queue, the lane and the budget stand, in one look."""

from dataclasses import asdict
from typing import Any

from .clip import Priority
from .clock import SECOND, iso
from .lifecycle import IN_FLIGHT, State
from .money import plain
from .runtime import Runtime


def standing(runtime: Runtime) -> dict[str, Any]:
    """Return it as a document; money is dollars as text, times are ISO 8601."""
    pipe = runtime.redis.pipeline(transaction=False)
    indexes = runtime.keys.states()
    for key in indexes.values():
        pipe.zcard(key)
    now = runtime.jobs.now()
    pipe.zcount(runtime.keys.present, now, "+inf")
    pipe.zcount(runtime.keys.workers, now, "+inf")
    pipe.hgetall(runtime.keys.counters)
    *counts, holding, workers, counters = pipe.execute()
    by_state = dict(zip(indexes, counts, strict=True))
    window, lane = runtime.ledger.window(), runtime.lane.state()
    ended = {
        state: int(counters.get(state, 0)) for state in ("succeeded", "failed", "refused", "cancelled", "discarded")
    }
    return {
        "queued": {priority: by_state[f"queued:{priority}"] for priority in map(str, Priority)},
        "holding": holding,
        "parked": by_state["parked"],
        "following": by_state["following"],
        "in_flight": {str(state): by_state[state] for state in State if state in IN_FLIGHT},
        "at_provider": lane.in_flight,
        **ended,
        "entered": int(counters.get("entered", 0)),
        "reused": int(counters.get("reused", 0)),
        "saved_usd": plain(int(counters.get("saved", 0))),
        "success_rate": round(ended["succeeded"] / max(1, ended["succeeded"] + ended["failed"]), 4),
        "spent_usd": plain(window.spent),
        "reserved_usd": plain(window.reserved),
        "cap_usd": plain(window.cap),
        "room_usd": plain(window.room),
        "next_reset": iso(window.end),
        "next_reset_in": round(max(0, window.end - now) / SECOND, 1),
        "permits_left": lane.permits,
        "lane": asdict(lane),
        "workers": workers,
    }
