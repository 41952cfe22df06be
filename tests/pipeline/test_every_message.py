"""Every state of the life cycle meets every message there is, once and twice, with a death at each call of it.

The states are those of the code's own table, and so are the moves: `Jobs.move` refuses any other.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest
from bench import Bench, Crash, fragile

from overcrank.errors import Cancelled, OverBudget, TooLate
from overcrank.job import Job
from overcrank.lifecycle import ENDS, MOVES, State
from overcrank.pipeline import flow, verdict
from overcrank.pipeline.cancel import cancel
from overcrank.pipeline.poison import death, set_aside
from overcrank.pipeline.tools import Tools
from overcrank.providers import base as answers

Message = Callable[[Job, Tools], object]

MESSAGES: dict[str, Message] = {
    "generate": lambda job, tools: flow.start(job, tools) if job.state is State.QUEUED else None,
    "poll": flow.attend,
    "fetch": flow.deliver,
    "cancel": lambda job, tools: cancel(job.id, tools.jobs, tools.gate),
    "accept": lambda job, tools: verdict.accept(job.id, tools.jobs),
    "write off": lambda job, tools: verdict.write_off(job.id, tools.jobs),
    "retry": lambda job, tools: verdict.retry(job.id, tools.jobs),
}
"""What may come for a job at any time: Celery's messages, and what people ask for."""

BY_HAND = {"accept", "write off", "retry"}
"""Verdicts of an operator: the money is booked as they said, whatever the vendor did."""


def brought_to(bench: Bench, state: State) -> Job:
    """Return a new job in any state of the table."""
    match state:
        case State.QUEUED:
            return bench.enter()
        case State.PARKED:
            return bench.jobs.move(bench.enter(), state) or pytest.fail("it did not move")
        case State.CANCELLED:
            return bench.jobs.move(bench.enter(), state, error=Cancelled("for the test"), cost=0) or pytest.fail(
                "it did not move"
            )
        case State.REFUSED:
            return bench.jobs.move(bench.enter(), state, error=OverBudget("for the test"), cost=0) or pytest.fail(
                "it did not move"
            )
        case State.FAILED:
            return bench.start(said=answers.Rejected("invalid", "no"))[0]
        case State.DISCARDED:
            job = bench.at(State.ADMITTED)
            set_aside(job, bench.tools, death(job, bench.tools), release=True)
            return bench.jobs.get(job.id)
        case State.SUCCEEDED:
            return bench.finish(bench.enter().id)
        case _:
            return bench.at(state)


def brought_home(bench: Bench, job: Job) -> Job:
    """Let a job go on to its end."""
    now = bench.jobs.get(job.id)
    if now.state is State.IN_DOUBT:
        bench.later(61)  # two workers died over it: it is only asked about any more
    if now.state is State.PARKED:
        bench.jobs.move(now, State.QUEUED)
    return now if now.ended else bench.finish(job.id)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("state", list(State), ids=str)
def test_every_state_meets_every_message(make_bench: Callable[..., Bench], state: State, name: str) -> None:
    """Whatever comes in whatever state, however often, and wherever it is cut off: one end, one purchase, no leak."""
    message = MESSAGES[name]
    for before in (True, False):
        nth, died = 0, True
        while died:
            nth += 1
            make_bench().redis.flushall()
            bench = make_bench()
            job = brought_to(bench, state)
            mortal, _ = fragile(bench.tools, nth, before=before)
            died = False
            try:
                with suppress(TooLate):
                    message(job, mortal)
            except Crash:
                died = True
            with suppress(TooLate):  # and once more, as messages do
                message(bench.jobs.get(job.id), bench.tools)
            then = bench.jobs.get(job.id)
            assert bench.in_flight_are_due(), (nth, before, then)
            ended = brought_home(bench, job)
            where = (nth, before, ended)
            assert ended.state in ENDS, where
            assert (not MOVES[state] and ended == job) or MOVES[state], where
            assert (0, []) == (bench.money()[0], bench.slots()), where
            assert len(bench.vendor.bought) <= (2 if name == "retry" else 1), where
            if name not in BY_HAND:
                assert bench.money()[1] == (ended.cost or 0) == 900_000 * len(bench.vendor.bought), where
