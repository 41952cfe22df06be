"""The life of a job: its states, and the one table of moves between them.

The script that compares and sets, the chart in `docs/lifecycle.md` and the tests all come from `MOVES`.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a job is. Each says what holds while the job is there, and who moves it on."""

    QUEUED = "queued"
    """It waits for its turn: its message is in a Celery queue, or held by a worker that asks the gate for it."""

    PARKED = "parked"
    """Only its project's budget is exhausted; it has no message. The budget tick queues it again."""

    FOLLOWING = "following"
    """Another job makes the same film. It has no attempt, no money and no message, and is served when that job ends."""

    ADMITTED = "admitted"
    """The gate gave it a permit, a slot and a reservation. The same worker sends it, or the permit ages away."""

    SUBMITTING = "submitting"
    """Written before the first byte leaves: from here on the clip may be bought."""

    IN_DOUBT = "in_doubt"
    """The answer was lost, so it may be bought. Money and slot are kept; `reconcile` finds out, nothing re-sends it."""

    GENERATING = "generating"
    """The provider has it and we know its name there. It waits in Redis, in no worker's slot."""

    UNDELIVERED = "undelivered"
    """Paid undelivered: the provider has made the clip and charged for it; its bytes are not here yet."""

    FETCHED = "fetched"
    """The bytes are stored and whole; what was asked for is being made of them, and the result handed over."""

    SUCCEEDED = "succeeded"
    """End: the clip is stored and settled."""

    FAILED = "failed"
    """End: no clip; the error says why and whether it was charged."""

    REFUSED = "refused"
    """End: it never was sent; nothing was spent."""

    CANCELLED = "cancelled"
    """End: somebody cancelled it before it was sent; nothing was spent."""

    DISCARDED = "discarded"
    """End: it stopped its worker repeatedly and was set aside with the evidence."""


S = State

MOVES: dict[State, frozenset[State]] = {
    S.QUEUED: frozenset({S.PARKED, S.FOLLOWING, S.ADMITTED, S.FAILED, S.REFUSED, S.CANCELLED, S.DISCARDED}),
    S.PARKED: frozenset({S.QUEUED, S.FAILED, S.REFUSED, S.CANCELLED}),
    S.FOLLOWING: frozenset({S.QUEUED, S.FETCHED, S.FAILED, S.CANCELLED}),
    S.ADMITTED: frozenset({S.QUEUED, S.SUBMITTING, S.FAILED, S.CANCELLED, S.DISCARDED}),
    S.SUBMITTING: frozenset({S.QUEUED, S.IN_DOUBT, S.GENERATING, S.FAILED}),
    S.IN_DOUBT: frozenset({S.IN_DOUBT, S.QUEUED, S.GENERATING, S.FAILED, S.DISCARDED}),
    S.GENERATING: frozenset({S.QUEUED, S.IN_DOUBT, S.UNDELIVERED, S.FAILED}),
    S.UNDELIVERED: frozenset({S.FETCHED, S.SUCCEEDED, S.FAILED, S.DISCARDED}),
    S.FETCHED: frozenset({S.UNDELIVERED, S.SUCCEEDED}),
    S.SUCCEEDED: frozenset(),
    S.FAILED: frozenset(),
    S.REFUSED: frozenset(),
    S.CANCELLED: frozenset(),
    S.DISCARDED: frozenset(),
}
"""From each state, where a job may go in one step."""

ENDS = frozenset(state for state, onward in MOVES.items() if not onward)
"""The states no job leaves."""

WAITING = frozenset({S.QUEUED, S.PARKED, S.FOLLOWING})
"""Nothing has been asked of the gate yet, so a cancel costs nothing."""

IN_FLIGHT = frozenset({S.ADMITTED, S.SUBMITTING, S.IN_DOUBT, S.GENERATING, S.UNDELIVERED, S.FETCHED})
"""Money is reserved or spent; every such job is in the due set, so that somebody always comes back to it."""


def allowed(old: State, new: State) -> bool:
    """Tell whether a job may go from *old* to *new* in one step."""
    return new in MOVES[old]


def chart() -> str:
    """Return the table of moves as a Mermaid state chart, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for old, onward in MOVES.items():
        lines += [f"    {old} --> {new}" for new in State if new in onward]
    lines += [f"    {end} --> [*]" for end in State if end in ENDS]
    return "\n".join(lines)
