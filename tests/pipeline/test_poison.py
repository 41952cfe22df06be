"""A job that stops its worker twice is set aside with the evidence, and never run a third time."""

from contextlib import suppress

import pytest
from bench import QUOTE, Bench, Crash

from overcrank.errors import Discarded
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import flow
from overcrank.providers import base as answers


def test_a_job_that_stops_two_workers_before_it_is_sent_is_discarded(bench: Bench) -> None:
    """The first time it is queued again; the second time it ends, with both deaths named and nothing spent."""
    job = bench.at(State.ADMITTED)
    assert Next("enter") == bench.attend(job)
    job = bench.jobs.get(job.id)
    bench.tools.gate.admit(job)
    assert Ended() == bench.attend(bench.jobs.get(job.id))
    job = bench.jobs.get(job.id)
    assert (State.DISCARDED, 2, (0, 0), []) == (job.state, job.deaths, bench.money(), bench.slots())
    assert isinstance(job.exception, Discarded)
    assert 2 == job.evidence.count("a worker went away while the job was admitted")
    assert [] == bench.vendor.created


def test_a_paid_clip_that_stops_two_workers_is_kept_for_an_operator(bench: Bench) -> None:
    """It is not fetched a third time, and never thrown away: it stays, with its money, and says why."""
    job = bench.at(State.UNDELIVERED)
    for _ in range(2):
        bench.jobs.begun(job)  # a run that never came back
    assert [Done("for an operator")] * 2 == [flow.deliver(bench.jobs.get(job.id), bench.tools) for _ in range(2)]
    job = bench.jobs.get(job.id)
    assert (State.UNDELIVERED, 2, 900_000, (0, 900_000)) == (job.state, job.deaths, job.cost, bench.money())
    assert "it stopped 2 workers" in job.evidence


@pytest.mark.parametrize("state", [State.GENERATING, State.IN_DOUBT])
def test_an_answer_that_stops_two_workers_is_not_read_a_third_time(bench: Bench, state: State) -> None:
    """Money is or may be spent, so the job goes before an operator with its price booked."""
    job, deaths = bench.at(state), []

    def kill(*_: object) -> answers.StatusAnswer:
        deaths.append(1)
        raise Crash

    bench.vendor.status = bench.vendor.lookup = kill  # type: ignore[assignment,method-assign]
    for _ in range(6):
        with suppress(Crash):
            bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (2, State.IN_DOUBT, True, (0, QUOTE), []) == (
        len(deaths), job.state, job.assumed, bench.money(), bench.slots()
    )  # fmt: skip
    assert "it stopped 2 workers" in job.evidence


def test_a_paid_call_that_stops_two_workers_is_not_made_a_third_time(bench: Bench) -> None:
    """The sending and one repetition; then the provider is only asked, and where it knows nothing the job ends."""
    job, sent = bench.at(State.SUBMITTING), []

    def kill(_: answers.CreateRequest) -> answers.CreateAnswer:
        sent.append(1)
        raise Crash

    bench.vendor.create = kill  # type: ignore[method-assign]
    for _ in range(4):
        with suppress(Crash):
            bench.attend(job)
    assert (1, State.IN_DOUBT, 2) == (len(sent), bench.jobs.get(job.id).state, bench.jobs.get(job.id).deaths)
    bench.later(120)
    bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (1, State.DISCARDED, (0, 0), []) == (len(sent), job.state, bench.money(), bench.slots())


@pytest.mark.parametrize(("eta", "runs"), [(0.0, 1), (9.0, 0)])
def test_the_look_that_follows_the_call_at_once_counts_until_it_comes_back(bench: Bench, eta: float, runs: int) -> None:
    """Whoever sent a clip that is ready at once looks at it too; where nobody does yet, nothing is counted."""
    job, _ = bench.start(said=answers.Accepted("g", eta=eta))
    begun = job.runs
    bench.say("status", answers.Running(10))
    flow.attend(job, bench.tools, counted=True)
    assert (runs, 0) == (begun, bench.jobs.get(job.id).runs)


def test_runs_that_come_back_do_not_count(bench: Bench) -> None:
    """A vendor that fails to deliver three times stops no worker, and the clip comes home in the end."""
    from overcrank.providers.base import Expired

    job = bench.at(State.UNDELIVERED)
    for _ in range(3):
        bench.say("download", *[Expired("too old")] * 3)
        flow.deliver(bench.jobs.get(job.id), bench.tools)
    flow.deliver(bench.jobs.get(job.id), bench.tools)
    assert State.SUCCEEDED == bench.jobs.get(job.id).state


def test_a_worker_that_dies_while_sending_is_remembered(bench: Bench) -> None:
    """The job is in doubt with the death noted; it is looked up, and goes on, since nothing is sent again."""
    job = bench.at(State.SUBMITTING)
    bench.vendor.bought[job.attempt] = "g1"
    bench.attend(job)
    job = bench.jobs.get(job.id)
    assert (State.GENERATING, 1, (QUOTE, 0)) == (job.state, job.deaths, bench.money())
