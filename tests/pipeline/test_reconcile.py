"""In doubt: the money stays until the truth is known, and nothing is bought twice."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from bench import QUOTE, Bench

from overcrank.errors import TooLate
from overcrank.lifecycle import State
from overcrank.outcome import Done, Next
from overcrank.pipeline import flow
from overcrank.pipeline.verdict import accept, retry, write_off
from overcrank.providers import base as answers
from overcrank.providers.identity import Identity


def kept(bench: Bench) -> bool:
    """Tell whether the one job in doubt still has its money and its slot, and somebody who comes back."""
    return (QUOTE, 0) == bench.money() and 1 == len(bench.slots()) and bench.in_flight_are_due()


def test_a_worker_that_died_while_sending_leaves_a_doubt(bench: Bench) -> None:
    """What was being sent is looked up at once; here it had been bought."""
    job = bench.at(State.SUBMITTING)
    bench.vendor.bought[job.attempt] = "g7"
    assert Next("wait") == bench.attend(job)
    assert (State.GENERATING, "g7") == (bench.jobs.get(job.id).state, bench.jobs.get(job.id).generation_id)
    assert ([], True) == (bench.vendor.created, kept(bench))


def test_what_a_look_up_finds_is_waited_for(bench: Bench) -> None:
    """The lost answer said yes: nothing is sent again."""
    job, _ = bench.start(said=answers.InDoubt("bought"))
    assert Next("wait") == bench.attend(job)
    assert (State.GENERATING, 1) == (bench.jobs.get(job.id).state, len(bench.vendor.created))


def test_a_look_up_that_finds_several_takes_the_first_and_says_so(bench: Bench) -> None:
    """The vendor broke its promise; the others are named for whoever has to complain."""
    job = bench.at(State.IN_DOUBT)
    bench.say("lookup", [answers.Found(name, None, answers.Running()) for name in ("g1", "g2", "g3")])
    bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.GENERATING, "g1") == (job.state, job.generation_id)
    assert "'g2', 'g3'" in bench.finish(job.id).evidence


@pytest.mark.parametrize(
    "said", [answers.Unavailable("503"), answers.Unavailable("429", retry_after=30), answers.Stopped("key", "no")]
)
def test_a_look_up_without_an_answer_changes_nothing(bench: Bench, said: answers.LookupAnswer) -> None:
    """It is asked again later, and only then."""
    job = bench.at(State.IN_DOUBT)
    bench.say("lookup", said)
    assert Done("in doubt") == bench.attend(job)
    assert (State.IN_DOUBT, True, 1) == (bench.jobs.get(job.id).state, kept(bench), len(bench.vendor.created))
    assert getattr(said, "retry_after", None) is None or (bench.due_in(job) or 0) > 29


def test_a_vendor_that_repeats_its_answer_is_sent_the_same_attempt_again(bench: Bench) -> None:
    """The same key and the same body; it had not arrived, and is accepted now, once."""
    job = bench.at(State.IN_DOUBT)
    assert Next("wait") == bench.attend(job)
    first, second = bench.vendor.created
    assert first == second
    assert first.body
    assert (State.GENERATING, True, 1) == (bench.jobs.get(job.id).state, kept(bench), len(bench.vendor.bought))


@pytest.mark.parametrize(
    "said",
    [
        answers.Throttled(1.0),
        answers.Throttled(1.0, "concurrency"),
        answers.Stopped("balance", "none"),
        answers.NotSent("refused"),
        answers.InDoubt("time-out"),
    ],
)
def test_a_repetition_that_came_to_nothing_leaves_the_doubt(bench: Bench, said: answers.CreateAnswer) -> None:
    """The first sending may still have bought it, whatever became of the second."""
    job = bench.at(State.IN_DOUBT)
    bench.say("create", said)
    assert Done("in doubt") == bench.attend(job)
    assert (State.IN_DOUBT, True) == (bench.jobs.get(job.id).state, kept(bench))
    assert 2 == len(bench.vendor.created)


def test_a_repetition_that_is_rejected_proves_nothing(bench: Bench) -> None:
    """It may say that the key is known: it is looked up again, not sent again, and then an operator decides."""
    job = bench.at(State.IN_DOUBT)
    bench.say("create", answers.Rejected("key_reused", "the key came with another body"))
    assert [Done("in doubt")] * 2 == [bench.attend(job) for _ in range(2)]
    assert (State.IN_DOUBT, True, 2) == (bench.jobs.get(job.id).state, kept(bench), len(bench.vendor.created))
    bench.later(61)
    assert Done("for an operator") == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (True, (0, QUOTE), 2) == (job.assumed, bench.money(), len(bench.vendor.created))
    assert "key_reused" in job.evidence


def test_repetitions_are_bounded_and_trip_nobody_else(bench: Bench) -> None:
    """A vendor that always answers 500 to one key: after a bounded number of times an operator decides."""
    bench.can(replay=True, lookup=False)
    job = bench.at(State.IN_DOUBT)
    for _ in range(100):
        bench.say("create", answers.InDoubt("500"))
        bench.later(15)
        bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.IN_DOUBT, True, (0, QUOTE), []) == (job.state, job.assumed, bench.money(), bench.slots())
    assert 51 == len(bench.vendor.created)
    assert bench.lane.state().broken_until is None


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (Identity("scripted", "elsewhere", "theirs"), "another vendor"),
        (Identity("scripted", "here", "theirs"), "another key"),
    ],
)
@pytest.mark.parametrize("later", [1, 100, 1000])
def test_nobody_else_is_sent_what_may_be_bought(bench: Bench, identity: Identity, said: str, later: float) -> None:
    """Settings that changed meanwhile make no second purchase: the job stays in doubt and says why."""
    job = bench.at(State.IN_DOUBT)
    bench.vendor.identity = identity
    bench.later(later)
    bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.IN_DOUBT, 1, 1) == (job.state, job.attempt_no, len(bench.vendor.created))
    assert said in (job.note or "")
    assert (later == 1000) == job.assumed


def test_the_same_body_is_sent_again_whatever_the_settings_say_now(bench: Bench) -> None:
    """Another model, another address for webhooks: what is repeated is what was written down."""
    job = bench.at(State.IN_DOUBT)
    bench.vendor.model = "another-model"
    hooks = bench.settings.webhook.model_copy(update={"public_url": "https://hooks.example.org"})
    settings = bench.settings.model_copy(update={"webhook": hooks})
    flow.attend(job, replace(bench.tools, settings=settings))
    first, second = bench.vendor.created
    assert (first.body, first.model) == (second.body, second.model)


@pytest.mark.parametrize("decide", [write_off, retry])
def test_a_worker_that_is_late_does_not_undo_a_verdict(bench: Bench, decide) -> None:
    """What it saw belongs to a job that is no longer there."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    bench.later(1000)
    bench.attend(job)
    stale = bench.jobs.get(job.id)
    decided = decide(job.id, bench.jobs)
    flow.attend(stale, bench.tools)
    job = bench.jobs.get(job.id)
    assert (decided.state, decided.cost, decided.assumed) == (job.state, job.cost, job.assumed)


def test_a_repetition_waits_for_its_turn_in_the_rate(bench: Bench) -> None:
    """A stopped lane is not called for a repetition either."""
    job = bench.at(State.IN_DOUBT)
    bench.lane.stop("key", "wrong")
    assert Done("in doubt") == bench.attend(job)
    assert (1, True) == (len(bench.vendor.created), kept(bench))


def test_a_repetition_waits_by_the_servers_clock(bench: Bench) -> None:
    """A worker whose own clock is a minute ahead does not ask without end."""
    job = bench.at(State.IN_DOUBT)
    bench.lane.stop("key", "wrong")
    bench.later(60)
    bench.attend(job)
    assert 1.5 < (bench.due_in(job) or 0) <= 2


def test_an_empty_look_up_proves_nothing_while_the_request_may_be_on_its_way(bench: Bench) -> None:
    """Only after the doubt window is it certain that nothing was bought; then it is a new attempt with a new key."""
    bench.can(replay=False, lookup=True)
    job = bench.at(State.IN_DOUBT)
    bench.later(55)
    assert Done("in doubt") == bench.attend(job)
    assert kept(bench)
    bench.later(10)
    assert Next("enter") == bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.QUEUED, 2, 1) == (job.state, job.attempt_no, len(bench.vendor.created))
    assert ((0, 0), [], 1) == (bench.money(), bench.slots(), bench.redis.zcard(bench.keys.unsent))


def test_a_vendor_that_can_not_be_asked_is_taken_to_have_charged(bench: Bench) -> None:
    """Its price stays reserved until the horizon, is booked then, and an operator decides; never is it sent again."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    bench.later(890)
    assert Done("in doubt") == bench.attend(job)
    assert kept(bench)
    bench.later(20)
    assert [Done("for an operator")] * 2 == [bench.attend(bench.jobs.get(job.id)) for _ in range(2)]
    job = bench.jobs.get(job.id)
    assert (State.IN_DOUBT, True, QUOTE) == (job.state, job.assumed, job.cost)
    assert ((0, QUOTE), [], True) == (bench.money(), bench.slots(), bench.in_flight_are_due())
    assert 1 == len(bench.vendor.created)


def test_late_truth_corrects_what_was_assumed(bench: Bench) -> None:
    """A vendor that can be asked after all says what it charged, and that is what is booked, once."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    bench.later(910)
    bench.attend(job)
    bench.can(replay=False, lookup=True)
    bench.vendor.bought[job.attempt] = "g9"
    bench.attend(bench.jobs.get(job.id))
    bench.attend(bench.jobs.get(job.id))
    job = bench.jobs.get(job.id)
    assert (State.UNDELIVERED, False, 900_000) == (job.state, job.assumed, job.cost)
    assert (0, 900_000) == bench.money()


@pytest.mark.parametrize(
    ("verdict", "state", "cost", "money"),
    [
        (accept, State.FAILED, QUOTE, (0, QUOTE)),
        (write_off, State.FAILED, 0, (0, 0)),
        (retry, State.QUEUED, None, (0, QUOTE)),
    ],
)
@pytest.mark.parametrize("assumed", [False, True])
def test_an_operator_decides(bench: Bench, verdict, state, cost, money, assumed) -> None:
    """Accepted, written off or tried again: the money is booked as they said, before the horizon and after."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    if assumed:
        bench.later(910)
        bench.attend(job)
    decided = verdict(job.id, bench.jobs)
    assert (state, cost, money, []) == (decided.state, decided.cost, bench.money(), bench.slots())
    with pytest.raises(TooLate):
        verdict(job.id, bench.jobs)


def test_an_operators_retry_goes_beyond_what_a_job_may_cost(make_bench: Callable[..., Bench]) -> None:
    """They said so at their own risk: the next attempt is sent though both together are above the cap."""
    bench = make_bench(retry={"spend_cap": 1.5})
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    retry(job.id, bench.jobs)
    assert Next("wait") == flow.start(bench.jobs.get(job.id), bench.tools)
    assert (QUOTE, QUOTE) == bench.money()


def test_a_complaint_about_a_repetition_is_about_now(bench: Bench) -> None:
    """The lane was slowed since the job was first let through: this is news all the same."""
    job = bench.at(State.IN_DOUBT)
    bench.lane.throttled(0.5, "rate", bench.jobs.now())
    bench.redis.hdel(bench.keys.lane, "cool", "tat")
    bench.say("create", answers.Throttled(1.0))
    assert Done("in doubt") == bench.attend(job)
    assert 0.49 == pytest.approx(bench.lane.state().slowed_to, abs=0.03)


def test_a_repetition_that_proves_well_closes_the_breaker(bench: Bench) -> None:
    """It was let through after the trouble began, whenever its job was first."""
    job = bench.at(State.IN_DOUBT)
    for number in range(bench.settings.limits.breaker):
        bench.runtime.scripts.heard(
            f"x.{number}", good=False, admitted_us=bench.jobs.now(), threshold=5, pause_us=1, longest_us=1
        )
    assert bench.lane.state().broken_until
    assert Next("wait") == bench.attend(job)
    assert bench.lane.state().broken_until is None


def test_who_books_what_was_carried_meanwhile_books_nothing(bench: Bench) -> None:
    """A worker that slept while the attempt went into another window neither assumes nor ends it."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    elsewhere = " ".join(("x", *(job.books or ())[1:]))
    bench.redis.hset(bench.keys.attempt(job.attempt), "books", elsewhere)
    bench.later(910)
    assert Done("moved") == bench.attend(job)
    assert not bench.jobs.get(job.id).assumed
    with pytest.raises(TooLate, match="moved on"):
        write_off(job.id, bench.jobs)
    assert State.IN_DOUBT == bench.jobs.get(job.id).state


@pytest.mark.parametrize(("verdict", "truth"), [(accept, 0), (write_off, QUOTE), (retry, 0)])
def test_the_bill_corrects_what_an_operator_decided(bench: Bench, verdict, truth) -> None:
    """A refund after it was accepted or tried again, a charge after it was written off: each is booked, once."""
    bench.can(replay=False, lookup=False)
    job = bench.at(State.IN_DOUBT)
    verdict(job.id, bench.jobs)
    assert [True, False] == [bench.tools.ledger.correct(job.attempt, truth) for _ in range(2)]
    assert (0, truth) == bench.money()


@pytest.mark.parametrize("verdict", [write_off, retry])
def test_a_clip_that_exists_is_neither_written_off_nor_made_again(bench: Bench, verdict) -> None:
    """It is known to be charged, and it can be fetched."""
    job = bench.at(State.UNDELIVERED)
    with pytest.raises(TooLate, match=r"it can be accepted|it is fetched"):
        verdict(job.id, bench.jobs)


def test_looks_at_a_doubt_become_rarer_within_bounds(bench: Bench) -> None:
    """Half the attempt's age, a second at least and fifteen at most."""
    bench.can(replay=False, lookup=True)
    job = bench.at(State.IN_DOUBT)
    waits = []
    for passing in (0, 10, 500):
        bench.later(passing)
        bench.say("lookup", answers.Unavailable("503"))
        bench.attend(job)
        waits.append(round(bench.due_in(job) or 0))
    assert [1, 5, 15] == waits
