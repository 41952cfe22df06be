"""The paid call: what each answer means for the job, its money, its slot, and when somebody looks again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bench import QUOTE, Bench
from redis.exceptions import RedisError

from overcrank.errors import OutOfAttempts, Rejected
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Hold, Next, Outcome, Retry
from overcrank.pipeline import flow
from overcrank.pipeline.cancel import cancel
from overcrank.pipeline.submit import STOPPED_WAIT, book, submit
from overcrank.pipeline.verdict import retry
from overcrank.providers import base as answers


def test_an_accepted_job_waits_at_the_provider(bench: Bench) -> None:
    """Its name there is kept, its money reserved, its slot taken, and it is looked at when it may be done."""
    job, outcome = bench.start(said=answers.Accepted("g1", "http://127.0.0.1/s", eta=7.0))
    assert Next("wait") == outcome
    assert (State.GENERATING, "g1", "http://127.0.0.1/s") == (job.state, job.generation_id, job.status_url)
    assert ((QUOTE, 0), [job.attempt]) == (bench.money(), bench.slots())
    assert 6.5 < (bench.due_in(job) or 0) <= 7.0
    assert ["created", "admitted", "sent", "accepted"] == [
        name for name in ("created", "admitted", "sent", "accepted") if name in job.moments
    ]


def test_without_an_estimate_the_poll_interval_counts(bench: Bench) -> None:
    """The first look comes after the configured interval."""
    job, _ = bench.start(said=answers.Accepted("g1"))
    assert 1.5 < (bench.due_in(job) or 0) <= 2.0


def test_the_request_is_the_attempts_own_and_has_its_key(bench: Bench) -> None:
    """What goes over the wire carries job id, model, clip and the attempt's id as its key."""
    job, _ = bench.start()
    (sent,) = bench.vendor.created
    assert (job.clip, bench.vendor.model, job.id, f"{job.id}.1") == (
        sent.clip, sent.model, sent.job_id, sent.idempotency_key
    )  # fmt: skip
    assert sent.body == bench.jobs.body(job) == bench.vendor.body(sent)
    assert str(bench.vendor.identity) == job.sent_to


@pytest.mark.parametrize(
    ("said", "limit", "least", "most", "slowed"),
    [
        (answers.Throttled(3.0), "rate", 2.9, 3.7, 0.7),
        (answers.Throttled(3.0, "concurrency"), "concurrency", 2.9, 3.7, 1.0),
        (answers.Throttled(None), "rate", 0.9, 1.3, 0.7),
        (answers.Throttled(0.0), "rate", 0.4, 0.7, 0.7),
        (answers.Throttled(1e9), "rate", 3599, 4321, 0.7),
    ],
)
def test_a_429_gives_everything_back_and_holds_the_lane(
    bench: Bench, said: answers.Throttled, limit: str, least: float, most: float, slowed: float
) -> None:
    """It bought nothing and used up no try; the lane waits somewhat longer than was said; the try is another."""
    job, outcome = bench.start(said=said)
    assert isinstance(outcome, Hold)
    assert limit == outcome.limit
    assert least < outcome.wait < most
    assert (State.QUEUED, 2, 0, False) == (job.state, job.attempt_no, job.tries, outcome.same)
    assert ((0, 0), []) == (bench.money(), bench.slots())
    lane = bench.lane.state()
    assert lane.cool_until == outcome.until
    assert slowed == lane.slowed_to
    assert bench.redis.zcard(bench.keys.unsent) == 0  # its message is still in hand


@pytest.mark.parametrize("reason", ["key", "balance"])
def test_a_wrong_key_or_an_empty_balance_stops_the_lane(bench: Bench, reason: str) -> None:
    """Nobody else is sent into the same wall; the job keeps its place and waits for somebody to mend it."""
    job, outcome = bench.start(said=answers.Stopped(reason, "no"))  # type: ignore[arg-type]
    assert Hold(0, "stopped", STOPPED_WAIT) == outcome
    assert (State.QUEUED, 0) == (job.state, job.tries)
    assert (f"{reason}: no", (0, 0), []) == (bench.lane.state().stopped, bench.money(), bench.slots())
    assert isinstance(flow.start(job, bench.tools), Hold)
    assert 1 == len(bench.vendor.created)
    assert bench.lane.resume()
    assert Next("wait") == flow.start(job, bench.tools)


def test_a_rejected_clip_fails_and_costs_nothing(bench: Bench) -> None:
    """The error names the provider's code; money and slot are free at once."""
    job, outcome = bench.start(said=answers.Rejected("moderated", "not that"))
    assert Ended() == outcome
    assert (State.FAILED, 0, (0, 0), []) == (job.state, job.cost, bench.money(), bench.slots())
    assert isinstance(job.exception, Rejected)
    assert "moderated" in str(job.exception)
    assert "nothing was charged" in str(job.exception)


def test_what_was_not_sent_is_tried_again_under_a_new_key(bench: Bench) -> None:
    """It uses up a try, gives everything back, and waits with jitter."""
    job, outcome = bench.start(said=answers.NotSent("refused"))
    assert isinstance(outcome, Retry)
    assert 0 <= outcome.wait <= 1
    assert (State.QUEUED, 2, 1) == (job.state, job.attempt_no, job.tries)
    assert ((0, 0), []) == (bench.money(), bench.slots())
    assert Next("wait") == flow.start(job, bench.tools)
    assert [f"{job.id}.1", f"{job.id}.2"] == [asked.idempotency_key for asked in bench.vendor.created]


def test_tries_that_bought_nothing_are_bounded(make_bench: Callable[..., Bench]) -> None:
    """After the last one the job fails, says how often it was tried, and costs nothing."""
    bench = make_bench(retry={"attempts": 3})
    bench.say("create", *[answers.NotSent("refused")] * 3)
    job = bench.finish(bench.enter().id)
    assert isinstance(job.exception, OutOfAttempts)
    assert "3 times" in str(job.exception)
    assert (3, 0, (0, 0), []) == (len(bench.vendor.created), job.cost, bench.money(), bench.slots())


def test_a_lost_answer_keeps_money_and_slot(bench: Bench) -> None:
    """It may be bought: nothing is given back, nothing is sent again, and somebody looks soon."""
    job, outcome = bench.start(said=answers.InDoubt("time-out"))
    assert Done("in doubt") == outcome
    assert (State.IN_DOUBT, 1, "time-out") == (job.state, job.attempt_no, job.note)
    assert ((QUOTE, 0), [job.attempt]) == (bench.money(), bench.slots())
    assert 0.5 < (bench.due_in(job) or 0) <= 1


def test_a_permit_that_aged_is_given_back_and_nothing_is_sent(make_bench: Callable[..., Bench]) -> None:
    """Rate, slot and money return; the job asks again at once and keeps its tries."""
    bench = make_bench(worker={"permit": 1e-6, "lease": 30})
    job = bench.at(State.ADMITTED)
    outcome = submit(job, bench.tools)
    assert isinstance(outcome, Hold)
    assert ("permit", 0.0) == (outcome.limit, outcome.wait)
    assert ((0, 0), [], []) == (bench.money(), bench.slots(), bench.vendor.created)
    assert (State.QUEUED, 0) == (bench.jobs.get(job.id).state, bench.jobs.get(job.id).tries)


def test_a_permit_of_a_window_that_is_over_is_given_back(make_bench: Callable[..., Bench]) -> None:
    """What is sent in a window was reserved in it; the job asks again at once and is sent in the new one."""
    bench = make_bench(budget={"cap": 1, "window": 1}, worker={"permit": 30, "lease": 60})
    while bench.ledger.window().end - bench.jobs.now() < 300_000:
        pass
    job = bench.at(State.ADMITTED)
    over = bench.ledger.window()
    while bench.jobs.now() < over.end:
        pass
    assert isinstance(submit(job, bench.tools), Hold)
    assert (0, []) == (bench.ledger.last_window().reserved, bench.vendor.created)
    assert Next("wait") == flow.start(bench.jobs.get(job.id), bench.tools)
    assert bench.jobs.get(job.id).books != job.books


def test_a_job_that_another_worker_has_is_not_sent(bench: Bench) -> None:
    """Two messages of one job: the second finds it taken."""
    job = bench.at(State.SUBMITTING)
    assert Done("the job is submitting") == submit(job, bench.tools)
    assert [] == bench.vendor.created


def test_a_worker_that_slept_gives_nothing_back_that_is_not_its_own_any_more(bench: Bench) -> None:
    """Its lease ran out, another sent the attempt; its own late "not sent" changes nothing."""
    asked: list[answers.CreateAnswer] = []
    job = bench.enter()

    class Sleepy:
        """Sends, and sleeps over the answer while another worker reconciles the job."""

        def __getattr__(self, name: str) -> object:
            return getattr(bench.vendor, name)

        def create(self, request: answers.CreateRequest) -> answers.CreateAnswer:
            bench.attend(job)
            asked.append(answers.NotSent("refused"))
            return asked[-1]

    assert Done("moved") == flow.start(job, replace(bench.tools, provider=Sleepy()))  # type: ignore[arg-type]
    assert 1 == len(asked)
    assert (State.GENERATING, (QUOTE, 0)) == (bench.jobs.get(job.id).state, bench.money())
    assert [f"{job.id}.1"] == bench.slots()
    assert (State.SUCCEEDED, (0, 900_000)) == (bench.finish(job.id).state, bench.money())


@pytest.mark.parametrize(
    ("paid", "said"), [(0, "nothing was charged"), (500_000, "$0.50 was charged for attempts before")]
)
def test_an_end_says_what_attempts_before_it_cost(bench: Bench, paid: int, said: str) -> None:
    """A job that was charged for an attempt that failed is not told afterwards that nothing was charged."""
    job = bench.at(State.SUBMITTING)
    bench.redis.hset(bench.keys.job(job.id), "paid", paid)
    book(bench.jobs.get(job.id), bench.tools, answers.Rejected("invalid", "no"))
    ended = bench.jobs.get(job.id)
    assert (State.FAILED, paid) == (ended.state, ended.cost)
    assert said in str(ended.exception)


class Away:
    """Stands before a part of the tools; the store is away for the first calls of one name."""

    def __init__(self, part: object, name: str, times: int) -> None:
        self.part, self.name, self.times = part, name, times

    def __getattr__(self, name: str) -> object:
        if name == self.name and self.times:
            self.times -= 1
            raise RedisError("cut")
        return getattr(self.part, name)


def test_the_providers_name_is_written_before_the_breaker_is_told(bench: Bench) -> None:
    """Where the breaker can not be told of a good answer, what was bought is known all the same."""
    bench.can(replay=False, lookup=False)
    bench.redis.hset(bench.keys.lane, "bad", 1)
    tools = replace(bench.tools, gate=Away(bench.tools.gate, "heard", 1))  # type: ignore[arg-type]
    job = bench.enter()
    assert Next("wait") == flow.start(job, tools)
    assert (State.GENERATING, f"g-{job.id}.1") == (bench.jobs.get(job.id).state, bench.jobs.get(job.id).generation_id)


def test_the_providers_name_outlives_an_outage_of_the_store(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It is said at once and written as soon as that goes; also where others have found a doubt meanwhile."""
    bench.can(replay=False, lookup=False)
    tools = replace(bench.tools, jobs=Away(bench.jobs, "bought", 3))  # type: ignore[arg-type]
    bench.say("create", answers.Accepted("g\n1", eta=9.0))
    job = bench.enter()
    assert Next("wait") == flow.start(job, tools)
    job = bench.jobs.get(job.id)
    assert (State.GENERATING, "g\n1") == (job.state, job.generation_id)
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert job.id in said
    assert "\n" not in said


def test_a_name_that_comes_late_ends_a_doubt(bench: Bench) -> None:
    """The lease ran out while the answer was on its way, and nobody else knows what was bought."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.SUBMITTING)
    bench.attend(job)
    assert State.IN_DOUBT == bench.jobs.get(job.id).state
    assert Next("wait") == book(job, bench.tools, answers.Accepted("g7", eta=9.0))
    assert (State.GENERATING, "g7") == (bench.jobs.get(job.id).state, bench.jobs.get(job.id).generation_id)


def test_one_name_for_two_jobs_is_noticed(bench: Bench) -> None:
    """The second says to its end that its clip is another's too."""
    first, _ = bench.start(said=answers.Accepted("G", eta=0.0))
    second, _ = bench.start(said=answers.Accepted("G", eta=0.0))
    assert "" == bench.finish(first.id).evidence
    assert f"attempt {first.id}.1 has already" in bench.finish(second.id).evidence


def test_one_name_for_two_jobs_is_noticed_where_an_answer_was_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written, and the server was away before it said so: the second try compares the names all the same."""
    bench.start(said=answers.Accepted("G", eta=9.0))
    really, lost = bench.jobs.bought, ["cut"]

    def bought(*given: Any, **more: Any) -> Any:
        answer = really(*given, **more)
        if lost:
            raise RedisError(lost.pop())
        return answer

    monkeypatch.setattr(bench.jobs, "bought", bought)
    job, outcome = bench.start(said=answers.Accepted("G", eta=9.0))
    assert (Next("wait"), [], True) == (outcome, lost, "has already" in job.evidence)


@pytest.mark.parametrize("end", ["cancelled", "too late"])
def test_an_end_before_it_is_sent_counts_what_was_paid_before(bench: Bench, end: str) -> None:
    """A job that was charged for an attempt in doubt and is queued again has cost that, however it ends."""
    bench.can(replay=False, lookup=False)
    job, _ = bench.start(said=answers.InDoubt("x"), deadline=datetime.now(UTC) + timedelta(seconds=60))
    retry(job.id, bench.jobs)
    if end == "cancelled":
        cancel(job.id, bench.jobs, bench.tools.gate)
    else:
        bench.later(100)
        flow.start(bench.jobs.get(job.id), bench.tools)
    job = bench.jobs.get(job.id)
    assert (QUOTE, (0, QUOTE)) == (job.cost, bench.money())
    assert "$1.00 was charged for attempts before" in str(job.exception)


def test_retries_have_a_budget_for_the_whole_lane(bench: Bench) -> None:
    """Where all calls fail, few are tried again soon, and the others wait as long as any; calls bring it back."""

    def start(**said: Any) -> Outcome:
        bench.redis.hdel(bench.keys.lane, "bad", "open_until", "probe", "probe_until")  # what the breaker would say
        return bench.start(**said)[1]

    waits = [start(said=answers.NotSent("refused")) for _ in range(30)]
    least = bench.settings.retry.cap.total_seconds()
    long = [isinstance(outcome, Retry) and outcome.wait >= least for outcome in waits]
    assert ([False] * 20, [True] * 3) == (long[:20], long[-3:])
    for _ in range(5):
        start()
    assert bench.lane.may_retry()


def test_tries_end_after_some_time(make_bench: Callable[..., Bench]) -> None:
    """However few there were, after so long no other is made."""
    bench = make_bench(retry={"attempts": 100, "within": 60})
    job, outcome = bench.start(said=answers.NotSent("refused"))
    assert isinstance(outcome, Retry)
    bench.later(61)
    bench.say("create", answers.NotSent("refused"))
    assert Ended() == flow.start(bench.jobs.get(job.id), bench.tools)
    assert isinstance(bench.jobs.get(job.id).exception, OutOfAttempts)
