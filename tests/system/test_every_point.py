"""A worker is killed at each point of a job's way, by SIGKILL: another ends the job, and it is paid for once."""

import subprocess
import sys
from pathlib import Path

import pytest
from plant import PRICE, clip

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
    env = {**plant.env, "MORTAL_AT": f"{call}:{when}:{count}", "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    command = [sys.executable, "-m", "celery", "-A", "mortal", "worker", "-P", "threads", "-c", "4", "-l", "INFO"]
    with (plant.folder / "mortal.log").open("wb") as log:
        mortal = subprocess.Popen([*command, "--without-mingle"], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        job = plant.client.submit(clip())
        died = mortal.wait(40)
    finally:
        mortal.kill()
    plant.worker("all", 4)
    [ended] = plant.ends([job], patience=30)
    result = plant.client.celery.AsyncResult(job.id).get(timeout=15)

    assert (-9, State.SUCCEEDED, job.id) == (died, ended.state, result["job_id"])
    assert [PRICE] == [charge["amount_micros"] for charge in plant.sandbox.meter()["charges"]]
    assert ("0.00", 0) == (plant.client.stats()["reserved_usd"], plant.client.stats()["at_provider"])
