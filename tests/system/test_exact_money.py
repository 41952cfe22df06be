"""Exact on any number of workers: what the vendor's own meter says about money, rate and order."""

import os
import random
import signal
import time

import pytest
from plant import clip

from overcrank.lifecycle import State

QUOTE = 3_892_500
"""Micro-dollars: 5 s * 0.15 * 120/30 * (1 + 0.35 * 0.85) on the physics model."""
PER_WINDOW = 25
WINDOW = 12

EIGHT = {
    "BUDGET__CAP": 100,
    "BUDGET__WINDOW": WINDOW,
    "WORKER__HEARTBEAT": 0.4,
    "WORKER__LEASE": 2.5,
    "PROVIDER__POLL_INTERVAL": 0.3,
}


def dear(number: int) -> dict:
    """Return a clip of $3.8925, of which nothing is made."""
    return {"prompt": f"clip {number}", "mode": "plain", "duration": 5, "fps": 120}


def crowd(plant, count: int) -> list:
    """Start so many worker processes and wait until all are ready."""
    workers = [plant.run("worker", "--role", "all", "--slots", "4", "--no-events") for _ in range(count)]
    for worker in workers:
        plant.until(lambda worker=worker: "ready: " in worker.log.read_text(), patience=90)
    return workers


def full_windows(plant, began: int) -> list[int]:
    """Return how many jobs the vendor's meter has in each window that was full from its start to its end."""
    counted = plant.sandbox.windows(WINDOW)
    numbers = sorted(index for index in counted if index > began)
    return [counted[index]["accepted"] for index in numbers[:-1]]


def kill_between_calls(plant, worker) -> None:
    """Kill a worker that has no paid call on its way: what became of one nobody knows before the window is over.

    It is stopped first, so that what it has claimed stays as it is for as long as it takes to look.
    """
    group = worker.process.pid
    while True:
        os.killpg(group, signal.SIGSTOP)
        try:
            plant.until(lambda: not plant.client.stats()["in_flight"]["submitting"], patience=0.5)
        except AssertionError:
            os.killpg(group, signal.SIGCONT)
        else:
            worker.kill()
            return


def sleep_into_window(seconds: float) -> None:
    """Wait until so many seconds of a window have passed."""
    now = time.time() % WINDOW
    time.sleep((seconds - now) % WINDOW)


@pytest.mark.timeout(300)
def test_every_full_window_has_exactly_as_many_as_the_cap_pays(build):
    """Eight processes, two killed, the server restarted: $100 a window at $3.8925 is 25 jobs in every full window."""
    plant = build(durable=True, generation_seconds=0.1, clips="tiny", **EIGHT)
    workers = crowd(plant, 8)
    plant.run("beat", ready="beat: Starting")
    sleep_into_window(WINDOW - 4)
    began = int(time.time() // WINDOW)
    jobs = list(plant.client.submit_many(dear(n) for n in range(5 * PER_WINDOW)))
    chance = random.Random(1)
    for number in range(2):  # a kill in the first half of each window, so that what it left is found within it
        sleep_into_window(0.3 + chance.random())
        kill_between_calls(plant, workers[number])
    sleep_into_window(0.1)
    this = int(time.time() // WINDOW)
    plant.until(lambda: plant.sandbox.windows(WINDOW).get(this, {"accepted": 0})["accepted"] == PER_WINDOW)
    plant.restart_server()  # nothing is on its way: a call that is would be in doubt for longer than the window is
    ended = plant.ends(jobs, patience=90)
    meter = plant.sandbox.meter()

    assert [job.state for job in ended] == [State.SUCCEEDED] * len(jobs)
    assert full_windows(plant, began) == [PER_WINDOW] * len(full_windows(plant, began))
    assert len(full_windows(plant, began)) >= 3
    assert max(window["micros"] for window in plant.sandbox.windows(WINDOW).values()) <= 100_000_000
    assert meter["total_micros"] == QUOTE * len(jobs)
    assert meter["double_paid"] == []
    assert plant.client._runtime.audit.check().ok


def test_a_projects_budget_parks_it_and_lets_it_go_in_order(build):
    """Its jobs wait without a worker's seat, others go on, and after a raise they go on in the order they came."""
    plant = build(BUDGET__PROJECTS='{"film": 0.4}', LIMITS__RATE=4, LIMITS__BURST=1)
    plant.worker()
    film = [plant.client.submit(clip(f"film {n}", project="film")) for n in range(6)]
    plant.ends([plant.client.submit(clip("another"))])
    plant.until(lambda: plant.client.stats()["parked"] == 4)
    assert plant.client.stats()["holding"] == 0
    plant.client._runtime.caps.set("project:film/window", 10_000_000)
    ended = plant.ends(film)

    assert [job.state for job in ended] == [State.SUCCEEDED] * 6
    order = sorted(range(6), key=lambda n: ended[n].moments["sent"])
    assert all(abs(place - n) <= 1 for place, n in enumerate(order)), order  # two messages may overtake each other
    assert plant.client._runtime.audit.check().ok


def test_a_provider_that_fails_is_left_alone_and_tried_again(build):
    """After a few failed calls in a row nobody calls but a probe; when it is back everything goes on."""
    plant = build(LIMITS__BREAKER=3, LIMITS__BREAKER_PAUSE=1, LIMITS__BREAKER_LONGEST=2, WORKER__LEASE=3,
                  WORKER__HEARTBEAT=0.5, RETRY__BASE=0.1, RETRY__CAP=0.2, RETRY__ATTEMPTS=50)  # fmt: skip
    plant.worker()
    plant.sandbox.configure(faults={"submit": {"drop_before": 1.0}})
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(12)))
    plant.until(lambda: plant.client._runtime.lane.state().broken_until)
    plant.until(lambda: not plant.client.stats()["in_flight"]["submitting"])  # those that had left before it opened
    calls, since = plant.sandbox.meter()["calls"]["create"], time.monotonic()
    time.sleep(4)  # without a breaker there would be a call each 0.2 s for each of twelve jobs
    called = plant.sandbox.meter()["calls"]["create"] - calls
    assert called <= 1 + time.monotonic() - since  # a probe a second, at most
    plant.sandbox.configure(faults={})
    ended = plant.ends(jobs)

    assert [job.state for job in ended] == [State.SUCCEEDED] * 12
    assert plant.client._runtime.lane.state().broken_until is None


def test_too_many_at_once_is_learnt_without_slowing_the_rate(build):
    """A provider that allows fewer generations than we were told: a few refusals, and then as many as it allows."""
    plant = build(LIMITS__CONCURRENCY=8, concurrency=4, generation_seconds=1.0)
    plant.worker()
    ended = plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(24))))
    meter = plant.sandbox.meter()

    assert [job.state for job in ended] == [State.SUCCEEDED] * 24
    assert meter["max_in_flight"] == 4
    assert meter["answered_429"] <= 12
    assert plant.client._runtime.lane.state().slowed_to == 1.0
