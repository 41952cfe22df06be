"""A wrong key, an empty account, a clip too dear: said clearly, in the right place, and nothing is spent."""

import pytest
from plant import clip

from overcrank.errors import InvalidClip, OverBudget, StoreUnavailable, TooLate
from overcrank.lifecycle import State


@pytest.mark.parametrize(("fault", "reason"), [("auth_401", "key"), ("balance_402", "balance")])
def test_the_lane_stops_and_says_so(build, fault, reason):
    """With a wrong key or no balance the lane stops after a call or two, keeps every job, and goes on when told."""
    plant = build()
    plant.worker()
    plant.sandbox.force("submit", fault, 2)
    plant.sandbox.configure(latency=0.2)
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(2)))
    plant.until(lambda: plant.client.stats()["lane"]["stopped"])
    plant.until(lambda: not any(plant.client.stats()["in_flight"].values()))
    calls = plant.sandbox.meter()["calls"]["create"]
    stats = plant.client.stats()

    assert stats["lane"]["stopped"].startswith(reason)
    assert calls <= 2
    assert stats["spent_usd"] == "0.00"
    plant.sandbox.configure(faults={})
    plant.sandbox.reset()
    plant.client._runtime.lane.resume()
    assert [job.state for job in plant.ends(jobs)] == [State.SUCCEEDED] * 2


def test_a_mended_key_goes_on_and_a_wrong_one_is_not_tried_again(build):
    """A worker that starts with the same wrong key leaves the lane stopped; one with the right key opens it."""
    plant = build(api_key="the-right-key", PROVIDER__API_KEY="a-wrong-key")
    first = plant.worker()
    job = plant.client.submit(clip())
    plant.until(lambda: plant.client.stats()["lane"]["stopped"])
    first.stop()
    calls = plant.sandbox.meter()["calls"]["create"]
    plant.worker().stop()
    after = plant.sandbox.meter()["calls"]["create"], bool(plant.client.stats()["lane"]["stopped"])
    plant.env["OVERCRANK_PROVIDER__API_KEY"] = "the-right-key"
    plant.worker()

    assert (calls, True) == after
    assert State.SUCCEEDED == plant.ends([job])[0].state


def test_a_clip_dearer_than_a_window_is_refused(build):
    """A clip that no window could pay is refused where it is submitted, and nothing is written."""
    plant = build(BUDGET__CAP="0.10")
    with pytest.raises(OverBudget, match="OVERCRANK_BUDGET__CAP"):
        plant.client.submit(clip())

    assert plant.client.stats()["entered"] == 0


def test_a_wrong_clip_is_refused(build):
    """A wrong field is refused where it is submitted, with its name and what is allowed."""
    plant = build()
    with pytest.raises(InvalidClip, match=r"fps: 7 .* 24 to 240"):
        plant.client.submit(clip(fps=7))


def test_a_clip_at_the_provider_can_not_be_cancelled(build):
    """Once a clip is being paid for, cancelling it says so instead of losing it."""
    plant = build(generation_seconds=3.0)
    plant.worker()
    job = plant.client.submit(clip())
    plant.reaches(job, State.GENERATING)
    with pytest.raises(TooLate, match="paid for"):
        plant.client.cancel(job)

    assert plant.ends([job])[0].state == State.SUCCEEDED


def test_no_redis_is_said_clearly(build):
    """Without Redis, submitting says so and what to do."""
    plant = build()
    plant.server.stop()
    with pytest.raises(StoreUnavailable, match="OVERCRANK_REDIS_URL"):
        plant.client.submit(clip())
