"""Whatever call the process dies at, the job ends once, is paid once, and nothing stays reserved."""

from collections.abc import Callable

import pytest
from bench import Bench, Crash, fragile

from overcrank.lifecycle import ENDS, State
from overcrank.providers import base as answers

LIVES: dict[str, tuple[dict[str, list[object]], State, int]] = {
    "good": ({}, State.SUCCEEDED, 900_000),
    "throttled": ({"create": [answers.Throttled(1.0)]}, State.SUCCEEDED, 900_000),
    "not sent": ({"create": [answers.NotSent("refused")] * 2}, State.SUCCEEDED, 900_000),
    "stopped": ({"create": [answers.Stopped("key", "wrong")]}, State.SUCCEEDED, 900_000),
    "lost, bought": ({"create": [answers.InDoubt("bought")]}, State.SUCCEEDED, 900_000),
    "lost, not bought": ({"create": [answers.InDoubt("time-out")]}, State.SUCCEEDED, 900_000),
    "failed free": ({"status": [answers.Failed("gpu", "burnt", 0)]}, State.SUCCEEDED, 900_000),
    "failed, charged": ({"status": [answers.Failed("gpu", "burnt", 500_000)]}, State.FAILED, 500_000),
    "slow": ({"status": [answers.Running(10), answers.Unavailable("503")]}, State.SUCCEEDED, 900_000),
    "expired": ({"download": [answers.Expired("403"), answers.Broken("short")]}, State.SUCCEEDED, 900_000),
}


def live(bench: Bench, says: dict[str, list[object]], nth: int, *, before: bool) -> bool:
    """Take one job through its life, die at the n-th call and recover; tell whether it came to that call at all."""
    for verb, said in says.items():
        bench.say(verb, *said)
    job = bench.enter()
    whole = bench.tools
    bench.tools, _ = fragile(whole, nth, before=before)
    died = False
    try:
        bench.finish(job.id)
    except Crash:
        died = True
    bench.tools = whole
    assert bench.in_flight_are_due()
    bench.finish(job.id)
    return died


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("life", LIVES)
def test_a_job_survives_a_death_at_any_call(make_bench: Callable[..., Bench], life: str, before: bool) -> None:
    """The process dies before or after each call in turn; somebody comes back to the job, and the books are right."""
    says, end, cost = LIVES[life]
    nth, died = 0, True
    while died:
        nth += 1
        bench = make_bench()
        bench.redis.flushall()
        bench = make_bench()
        died = live(bench, says, nth, before=before)
        (job,) = bench.jobs.latest()
        where = f"{life}, call {nth}: {job}"
        assert job.state in ENDS, where
        assert ((0, job.cost), []) == (bench.money(), bench.slots()), where
        keys = [asked.idempotency_key for asked in bench.vendor.created]
        charged = {name for name in bench.vendor.bought.values() if getattr(bench.vendor.failed.get(name), "cost", 1)}
        assert (end, cost) == (job.state, job.cost), where
        assert len(charged) <= 1, where
        assert sorted(set(keys)) == sorted(keys) or bench.vendor.capabilities.replay, where
        assert {str(job.state): "1", "entered": "1", "waiting_cost": "0"} == bench.redis.hgetall(bench.keys.counters), (
            where
        )
    assert nth > 3


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_rejection_nobody_wrote_down_proves_nothing(make_bench: Callable[..., Bench], before: bool) -> None:
    """It is an end where it was; where the process died with it, an operator decides. Nothing stays reserved."""
    nth, died = 0, True
    while died:
        nth += 1
        make_bench().redis.flushall()
        bench = make_bench()
        bench.say("create", *[answers.Rejected("invalid", "no")] * 9)
        job, whole, died = bench.enter(), bench.tools, False
        bench.tools, _ = fragile(whole, nth, before=before)
        try:
            bench.finish(job.id)
        except Crash:
            died = True
        bench.tools = whole
        for _ in range(4):
            bench.later(61)
            if not bench.jobs.get(job.id).ended:
                bench.step(job.id)
        job = bench.jobs.get(job.id)
        assert (0, []) == (bench.money()[0], bench.slots()), job
        assert State.FAILED == job.state or (State.IN_DOUBT, True) == (job.state, job.assumed), job
    assert nth > 3


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_vendor_that_only_looks_up_is_never_sent_a_key_twice(make_bench: Callable[..., Bench], before: bool) -> None:
    """Without replay each key goes over the wire once, wherever the process dies."""
    nth, died = 0, True
    while died:
        nth += 1
        bench = make_bench()
        bench.redis.flushall()
        bench = make_bench(provider={"doubt_window": 1e-6})
        bench.can(replay=False, lookup=True)
        died = live(bench, {"create": [answers.InDoubt("time-out")]}, nth, before=before)
        keys = [asked.idempotency_key for asked in bench.vendor.created]
        assert sorted(set(keys)) == sorted(keys)
        assert ((0, 900_000), [], 1) == (bench.money(), bench.slots(), len(bench.vendor.bought))
    assert nth > 3
