"""A job that stops its worker twice is set aside with the evidence, and never run a third time."""

from bench import QUOTE, Bench

from overcrank.errors import Discarded
from overcrank.lifecycle import State
from overcrank.outcome import Ended, Next
from overcrank.pipeline import flow


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


def test_a_job_that_stops_three_workers_while_it_is_fetched_is_discarded(bench: Bench) -> None:
    """It is paid for, so it has one run more: the error says so, and under which name the provider has it."""
    job = bench.at(State.UNDELIVERED)
    for _ in range(3):
        bench.jobs.begun(job)  # a run that never came back
    assert Ended() == flow.deliver(job, bench.tools)
    job = bench.jobs.get(job.id)
    assert (State.DISCARDED, 900_000, (0, 900_000)) == (job.state, job.cost, bench.money())
    assert f"it is paid for, and the provider has it as {job.generation_id}" in str(job.exception)


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
