"""A worker is killed at each point of a job's way, by SIGKILL: another ends the job, and it is paid for once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plant import PRICE, Plant, clip

from overcrank.job import Job
from overcrank.lifecycle import State

ROOT = Path(__file__).parents[2]

CALLS = [
    ("overcrank.store.jobs:Jobs.attend", 1),
    ("overcrank.admission.gate:Gate.admit", 1),
    ("overcrank.admission.gate:Gate.claim", 1),
    ("overcrank.providers.holysheep:HolySheep.create", 1),
    ("overcrank.store.jobs:Jobs.bought", 1),
    ("overcrank.providers.holysheep:HolySheep.status", 1),
    ("overcrank.store.jobs:Jobs.moving", 2),
    ("overcrank.admission.calibration:Calibration.note", 1),
    ("overcrank.store.jobs:Jobs.grip", 1),
    ("overcrank.providers.holysheep:HolySheep.download", 1),
    ("overcrank.storage.files:FileStorage.keep", 1),
    ("overcrank.storage.files:FileStorage.discard", 1),
    ("overcrank.store.jobs:Jobs.moving", 3),
    ("overcrank.store.jobs:Jobs.told", 1),
    ("workers.process:Process.let_go", 1),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("call", "count"), CALLS, ids=lambda value: str(value).rpartition(".")[2])
def test_a_worker_dies_at_a_point(build, call, count, when):
    """Whatever it had done last, the job ends within 30 s of the next worker's start, and is paid for once."""
    plant = build()
    with mortal(plant, f"{call}:{when}:{count}") as worker:
        job = plant.client.submit(clip())
        died = worker.wait(40)

    assert (-9, *GOOD) == (died, *as_the_next_worker_ends_it(plant, job))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_dies_as_it_sends_a_lost_message_again(build, when):
    """A message that was sent again, or was about to be, may be lost once more: it does not take longer than 30 s."""
    plant = build()
    job = plant.client.submit(clip())
    plant.broker.lose("video.normal")
    with mortal(plant, f"tasks.sweep:send:{when}:1") as worker:
        died = worker.wait(40)
    plant.broker.lose("video.normal")

    assert (-9, *GOOD) == (died, *as_the_next_worker_ends_it(plant, job))


GOOD = (State.SUCCEEDED, True, [PRICE], "0.00", 0)


def as_the_next_worker_ends_it(plant: Plant, job: Job) -> tuple[Any, ...]:
    """Return how the job ended, whether its result is that job's, what was charged, what is reserved and under way."""
    plant.worker("all", 4)
    [ended] = plant.ends([job], patience=30)
    result = plant.client.celery.AsyncResult(job.id).get(timeout=15)
    charged = [charge["amount_micros"] for charge in plant.sandbox.meter()["charges"]]
    stats = plant.client.stats()
    return ended.state, result["job_id"] == job.id, charged, stats["reserved_usd"], stats["at_provider"]


@contextmanager
def mortal(plant: Plant, point: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker that kills itself at a point."""
    env = {**plant.env, "MORTAL_AT": point, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    command = [sys.executable, "-m", "celery", "-A", "mortal", "worker", "-P", "threads", "-c", "4", "-l", "INFO"]
    with (plant.folder / "mortal.log").open("wb") as log:
        worker = subprocess.Popen([*command, "--without-mingle"], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        worker.kill()
