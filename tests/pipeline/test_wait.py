"""Waiting for a generation: every answer, what it costs, and when to look again."""

from collections.abc import Callable

import pytest
from bench import QUOTE, READY, Bench, Crash, fragile

from overcrank.errors import GenerationFailed
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import flow
from overcrank.providers import base as answers
from overcrank.providers.identity import Identity


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        (answers.Running(progress=40, eta=5), 4, 5.5),
        (answers.Running(eta=0), -0.5, 0.06),
        (answers.Running(eta=1e300), 890, 990),
        (answers.Running(), 1, 2.2),
        (answers.Unavailable("503"), 1, 2),
        (answers.Unavailable("429", retry_after=60), 59, 60),
        (answers.Missing("404"), 1, 2),
        (answers.Stopped("key", "wrong"), 4, 5),
    ],
)
def test_what_is_not_ready_is_looked_at_again(
    bench: Bench, said: answers.StatusAnswer, least: float, most: float
) -> None:
    """Nothing is booked, nothing is free, and the next look comes when it may help."""
    job = bench.at(State.GENERATING)
    bench.say("status", said)
    assert Done("later") == bench.attend(job)
    assert (State.GENERATING, (QUOTE, 0), 1) == (bench.jobs.get(job.id).state, bench.money(), len(bench.slots()))
    assert least < (bench.due_in(job) or 0) <= most
    assert bench.lane.state().stopped is None  # a look that is refused says nothing of the paid calls


def test_progress_is_kept_for_whoever_looks(bench: Bench) -> None:
    """As the provider said it."""
    job = bench.at(State.GENERATING)
    bench.say("status", answers.Running(progress=40.5))
    bench.attend(job)
    assert 40.5 == bench.jobs.get(job.id).progress


def test_looks_become_rarer_the_longer_it_takes(bench: Bench) -> None:
    """A quarter of the time it has taken, between the fastest and the slowest interval."""
    job = bench.at(State.GENERATING)
    waits = []
    for passing in (0, 20, 1000):
        bench.later(passing)
        bench.say("status", answers.Running())
        bench.attend(job)
        waits.append(bench.due_in(job) or 0)
    for least, waited in zip((2, 5, 20), waits, strict=True):
        assert least - 0.5 < waited <= 1.1 * least + 0.1


def test_a_provider_that_always_says_soon_is_asked_ever_less_often(bench: Bench) -> None:
    """Its first word is believed; an hour later the looks are as rare as they are without any word."""
    job = bench.at(State.GENERATING)
    waits = []
    for _ in range(7):
        bench.later(600)
        bench.say("status", answers.Running(eta=0.0))
        bench.attend(bench.jobs.get(job.id))
        waits.append(bench.due_in(job) or 0)
    for least, waited in zip((0.05, 2, 4, 8, 16, 20, 20), waits, strict=True):
        assert least - 0.5 < waited <= 1.1 * least + 0.1


def test_one_refused_look_is_told_to_all(bench: Bench) -> None:
    """Where the provider asks for patience nobody looks for so long, and never for longer than half a minute."""
    for asked, kept in ((None, 0), (5, 5), (3600, 30)):
        bench.say("status", answers.Unavailable("429", retry_after=asked))
        bench.attend(bench.at(State.GENERATING))
        assert bool(kept) == bench.jobs.resting()
        assert kept - 1 <= max(0, bench.redis.pttl(bench.keys.tick("rest")) / 1000) <= kept


def test_looks_are_spread(bench: Bench) -> None:
    """Jobs that were accepted together are not all looked at at the same moment."""
    jobs = [bench.at(State.GENERATING) for _ in range(8)]
    for job in jobs:
        bench.say("status", answers.Running(eta=100.0))
        bench.attend(job)
    waits = [bench.due_in(job) or 0 for job in jobs]
    assert max(waits) - min(waits) > 1


@pytest.mark.parametrize(("cost", "booked"), [(900_000, 900_000), (None, QUOTE), (1_200_000, 1_200_000), (0, 0)])
def test_a_finished_clip_is_booked_at_what_the_provider_says(bench: Bench, cost: int | None, booked: int) -> None:
    """Below, at or above the quote; where it says nothing the quote counts. The slot is free before the bytes come."""
    job = bench.at(State.GENERATING)
    bench.say("status", answers.Completed("http://127.0.0.1/x", None, cost))
    assert Next("fetch") == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.UNDELIVERED, booked, (0, booked), []) == (job.state, job.cost, bench.money(), bench.slots())
    assert bench.in_flight_are_due()


def test_the_same_news_twice_is_booked_once(bench: Bench) -> None:
    """Two lookers, or a webhook and a look: the second finds the job elsewhere."""
    from overcrank.pipeline.wait import wait

    job = bench.at(State.GENERATING)
    assert Next("fetch") == wait(job, bench.tools)
    assert Done("moved") == wait(job, bench.tools)
    assert (0, READY.cost) == bench.money()


@pytest.mark.parametrize(
    ("failed", "cost", "said"),
    [
        (answers.Failed("gpu", "burnt", 500_000), 500_000, "charged all the same"),
        (answers.Failed("gpu", "burnt", None), QUOTE, "was not said"),
        (answers.Failed("content_policy", "no", 0), 0, "nothing was charged"),
        (answers.Failed("moderated", "no", 0), 0, "nothing was charged"),
    ],
)
def test_a_failure_that_cost_something_or_would_come_again_is_an_end(
    bench: Bench, failed: answers.Failed, cost: int, said: str
) -> None:
    """It is booked at what it cost, the error says so, and nothing is tried again."""
    job = bench.at(State.GENERATING)
    bench.say("status", failed)
    assert Ended() == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.FAILED, cost, (0, cost), []) == (job.state, job.cost, bench.money(), bench.slots())
    assert isinstance(job.exception, GenerationFailed)
    assert said in str(job.exception)


def test_a_failure_that_cost_nothing_is_tried_again_under_a_new_key(make_bench: Callable[..., Bench]) -> None:
    """As often as is allowed; then the job fails and has cost nothing."""
    bench = make_bench(retry={"attempts": 2})
    job = bench.at(State.GENERATING)
    bench.say("status", *[answers.Failed("gpu", "burnt", 0)] * 2)
    assert Next("enter") == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.QUEUED, 2, 1, (0, 0), []) == (job.state, job.attempt_no, job.tries, bench.money(), bench.slots())
    assert 1 == bench.redis.zcard(bench.keys.unsent)
    job = bench.finish(job.id)
    assert (State.FAILED, 0, (0, 0)) == (job.state, job.cost, bench.money())
    assert [f"{job.id}.1", f"{job.id}.2"] == list(bench.vendor.bought)


def looks(bench: Bench, job_id: str, said: answers.StatusAnswer, *, every: float, most: int) -> list[State]:
    """Look at a job again and again, and return its states."""
    states = []
    for _ in range(most):
        bench.say("status", said)
        bench.attend(bench.jobs.get(job_id))
        states.append(bench.jobs.get(job_id).state)
        bench.later(every)
    return states


@pytest.mark.parametrize(
    ("said", "after"),
    [(answers.Missing("404"), 16 * 60), (answers.Unavailable("503"), 24 * 3600 + 1)],
)
def test_one_bad_look_ends_nothing_however_late(bench: Bench, said: answers.StatusAnswer, after: float) -> None:
    """Several in a row, over minutes, put the job before an operator with its price booked; it does not end."""
    job = bench.at(State.GENERATING)
    bench.later(after)
    states = looks(bench, job.id, said, every=90, most=5)
    assert [State.GENERATING] * 4 + [State.IN_DOUBT] == states
    job = bench.jobs.get(job.id)
    assert (True, QUOTE, (0, QUOTE), []) == (job.assumed, job.cost, bench.money(), bench.slots())
    assert job.generation_id in job.evidence
    assert bench.in_flight_are_due()


def test_a_good_look_in_between_begins_the_count_anew(bench: Bench) -> None:
    """What is heard of is not given up."""
    job = bench.at(State.GENERATING)
    bench.later(16 * 60)
    looks(bench, job.id, answers.Missing("404"), every=90, most=4)
    looks(bench, job.id, answers.Running(), every=90, most=1)
    assert {State.GENERATING} == set(looks(bench, job.id, answers.Missing("404"), every=90, most=4))


def test_a_generation_that_was_given_up_and_is_heard_of_again_comes_home(bench: Bench) -> None:
    """What was assumed is corrected by what the provider says, and nothing is bought again."""
    job = bench.at(State.GENERATING)
    bench.later(16 * 60)
    looks(bench, job.id, answers.Missing("404"), every=90, most=5)
    assert Next("wait") == bench.attend(job)
    job = bench.finish(job.id)
    assert (State.SUCCEEDED, 900_000, (0, 900_000), 1) == (
        job.state, job.cost, bench.money(), len(bench.vendor.created)
    )  # fmt: skip


def test_a_generation_that_runs_for_longer_than_anything_is_kept_waits_for_an_operator(bench: Bench) -> None:
    """It is booked as charged, frees its slot, and does not end by itself."""
    job = bench.at(State.GENERATING)
    bench.later(24 * 3600 + 1)
    assert [State.IN_DOUBT] == looks(bench, job.id, answers.Running(), every=1, most=1)
    assert ((0, QUOTE), []) == (bench.money(), bench.slots())


@pytest.mark.parametrize("cost", [8_999_999_999_000_000, 10 * QUOTE + 1])
def test_one_absurd_number_does_not_block_the_lane(bench: Bench, cost: int) -> None:
    """The quote is booked, the job says to its end what it was told, and the next clip goes out."""
    job = bench.at(State.GENERATING)
    bench.say("status", answers.Completed(READY.url, READY.sha256, cost))
    job = bench.finish(job.id)
    assert (State.SUCCEEDED, QUOTE, (0, QUOTE)) == (job.state, job.cost, bench.money())
    assert "is booked instead" in job.evidence
    assert State.SUCCEEDED == bench.finish(bench.enter().id).state


def test_a_charge_that_is_booked_already_is_not_tried_again(bench: Bench) -> None:
    """A status that goes backwards, from charged to failed for nothing, makes no second attempt."""
    job = bench.at(State.GENERATING)
    bench.ledger.settle(job, 900_000)
    bench.say("status", answers.Failed("gpu", "burnt", 0))
    assert Ended() == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.FAILED, 900_000, (0, 900_000), 1) == (
        job.state, job.cost, bench.money(), len(bench.vendor.created)
    )  # fmt: skip


def test_a_generation_at_another_vendor_is_not_asked_for(bench: Bench) -> None:
    """Where the settings name another vendor now, the job waits and says so."""
    job = bench.at(State.GENERATING)
    bench.vendor.identity = Identity("scripted", "elsewhere", "theirs")
    bench.say("status", answers.Failed("unknown", "no such thing", 0))
    assert Done("later") == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.GENERATING, True) == (job.state, "another vendor" in (job.note or ""))


@pytest.mark.parametrize(("cap", "state", "cost"), [(None, State.FAILED, 700_000), (1.6, State.FAILED, 700_000),
                                                    (1.7, State.SUCCEEDED, 1_600_000)])  # fmt: skip
def test_a_charged_failure_is_tried_again_within_the_jobs_cap(make_bench, cap, state, cost):
    """All attempts of a job together cost no more than was set, and what the first cost is not forgotten."""
    bench = make_bench(retry={"spend_cap": cap})
    bench.say("status", answers.Failed("gpu", "burnt", 700_000))
    job, _ = bench.start()
    ended = bench.finish(job.id)
    assert (state, cost) == (ended.state, ended.cost)
    assert (0, cost) == bench.money()
    assert bench.runtime.audit.check().ok


def test_a_calibrated_reservation_is_what_counts_as_quoted(make_bench):
    """Where the vendor has been charging half as much again, that is reserved, and being charged it is no overrun."""
    bench = make_bench()
    job = bench.enter()
    for _ in range(30):
        bench.runtime.calibration.note(job.clip, 1_000_000, 1_500_000)
    bench.runtime.calibration._read_at = float("-inf")
    flow.start(job, bench.tools)
    assert (1_500_000, 0) == bench.money()
    bench.say("status", answers.Completed(READY.url, READY.sha256, 1_500_000))
    assert 1_500_000 == bench.finish(job.id).cost
    assert not [e for _, e in bench.redis.xrange(bench.keys.journal) if e["entry"] == "overrun"]


def test_what_was_charged_is_remembered_once_though_its_worker_dies(bench: Bench) -> None:
    """Before the move that books it nothing is noted: whoever comes back would note it again."""
    job = bench.at(State.GENERATING)
    whole = bench.tools
    bench.tools, calls = fragile(whole, 3, before=True)
    with pytest.raises(Crash):
        bench.attend(job)
    bench.tools = whole
    bench.attend(job)
    assert (["begun", "status", "move"], "UNDELIVERED") == (calls, bench.jobs.get(job.id).state.name)
    counted = {name: n for name, n in bench.redis.hgetall(bench.keys.ratios).items() if not name.endswith("seconds")}
    assert ["1"] == list(counted.values())


def test_another_attempt_is_weighed_by_what_it_would_reserve(make_bench: Callable[..., Bench]) -> None:
    """Where the vendor has been charging more than its price, that is what the next attempt may come to."""
    bench = make_bench(retry={"spend_cap": 2})
    job, _ = bench.start()
    for _ in range(30):
        bench.runtime.calibration.note(job.clip, 1_000_000, 1_500_000)
    bench.runtime.calibration._read_at = float("-inf")
    bench.say("status", answers.Failed("gpu", "burnt", 700_000))
    ended = bench.finish(job.id)
    assert (State.FAILED, 700_000, 1) == (ended.state, ended.cost, len(bench.vendor.created))
