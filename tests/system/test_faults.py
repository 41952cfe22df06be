"""Whatever dies, each job ends, once, and is paid for once."""

import pytest
from plant import PRICE, clip

from overcrank.clip import read_clip
from overcrank.ids import new_id
from overcrank.lifecycle import State


@pytest.mark.parametrize("fault", ["drop_after", "error_500_after", "garbage", "hang", "missing_id", "error_500"])
def test_a_lost_answer_is_paid_once(build, fault):
    """A create whose answer is lost is found again by its key and never bought twice."""
    plant = build(PROVIDER__READ_TIMEOUT=2)
    plant.worker()
    plant.sandbox.force("submit", fault, 1)
    [job] = plant.ends([plant.client.submit(clip())])
    meter = plant.sandbox.meter()

    assert job.state == State.SUCCEEDED
    assert [charge["amount_micros"] for charge in meter["charges"]] == [PRICE]
    assert meter["undelivered"] == []


@pytest.mark.parametrize(
    ("name", "state", "sandbox", "forced", "settings"),
    [
        ("holding", State.QUEUED, {}, [], {}),
        ("submitting", State.SUBMITTING, {"latency": 2.0}, [], {}),
        ("in doubt", State.IN_DOUBT, {}, [("submit", "hang", 1)], {"PROVIDER__READ_TIMEOUT": "1"}),
        ("generating", State.GENERATING, {"generation_seconds": 3.0}, [], {}),
        ("fetching", State.UNDELIVERED, {}, [("content", "slow", 1)], {}),
    ],
)
def test_a_killed_worker_costs_nothing(build, name, state, sandbox, forced, settings):
    """A worker is killed in each stage of a job's life: another takes over, and the job is paid for once."""
    plant = build(**sandbox, **settings)
    for stage, fault, count in forced:
        plant.sandbox.force(stage, fault, count)
    caps = plant.client._runtime.caps
    if name == "holding":
        caps.pause("lane", "so that it is held")
    first = plant.worker()
    job = plant.client.submit(clip(name))
    if name == "holding":
        plant.until(lambda: plant.client.stats()["holding"])
    plant.reaches(job, state)
    first.kill()
    if name == "holding":
        caps.resume("lane")
    plant.worker()
    [ended] = plant.ends([job], patience=30)
    meter = plant.sandbox.meter()

    assert ended.state == State.SUCCEEDED
    assert [charge["amount_micros"] for charge in meter["charges"]] == [PRICE]
    assert plant.client.stats()["reserved_usd"] == "0.00"
    assert plant.client.stats()["at_provider"] == 0


def test_a_lost_message_is_sent_again(build):
    """A message that vanished from the broker comes back, because the job's record is what counts."""
    plant = build()
    job = plant.client.submit(clip())
    plant.broker.lose("video.normal")
    plant.worker()
    [ended] = plant.ends([job])

    assert ended.state == State.SUCCEEDED


def test_a_message_that_never_left_is_sent(build):
    """A producer that dies between writing a job and sending its message loses nothing: the sweep sends it."""
    plant = build()
    job_id = new_id()
    plant.client._jobs.enter(job_id, read_clip(clip()), PRICE, sent=False)
    plant.worker()
    [ended] = plant.ends([plant.client.get(job_id)])

    assert State.SUCCEEDED == ended.state


def test_a_doubled_message_is_harmless(build):
    """A message that comes three times makes one clip."""
    plant = build(generation_seconds=1.0)
    job = plant.client.submit(clip())
    plant.broker.double("video.normal", 2)
    plant.worker()
    [ended] = plant.ends([job])

    assert ended.state == State.SUCCEEDED
    assert [charge["amount_micros"] for charge in plant.sandbox.meter()["charges"]] == [PRICE]


def test_the_server_may_be_killed(build):
    """Redis is killed and restarted from its log while clips are under way: all arrive, each paid once."""
    plant = build(durable=True, generation_seconds=2.0, LIMITS__RATE=10, LIMITS__BURST=2)
    plant.worker()
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(20)))
    plant.until(lambda: plant.sandbox.meter()["accepted"] >= 5)
    plant.restart_server()
    ended = plant.ends(jobs, patience=60)
    meter = plant.sandbox.meter()

    assert [job.state for job in ended] == [State.SUCCEEDED] * 20
    assert [charge["amount_micros"] for charge in meter["charges"]] == [PRICE] * 20
    assert plant.client.stats()["reserved_usd"] == "0.00"


def test_a_stopping_worker_hands_back_what_it_holds(build):
    """A worker that holds jobs stops at once and keeps none of them, and another sends them, each once."""
    plant = build()
    plant.client._runtime.caps.pause("lane", "so that everything is held")
    first = plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(5)))
    plant.until(lambda: plant.client.stats()["holding"] == 5, plant.logs)

    assert first.stop(patience=10) == 0
    assert plant.client.stats()["holding"] == 0
    assert plant.broker.waiting("video.normal") == len(jobs)

    plant.client._runtime.caps.resume("lane")
    plant.worker()

    assert [job.state for job in plant.ends(jobs)] == [State.SUCCEEDED] * 5
    assert [charge["amount_micros"] for charge in plant.sandbox.meter()["charges"]] == [PRICE] * 5
