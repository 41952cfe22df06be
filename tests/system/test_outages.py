"""What is around the workers fails: the way to Redis, the disk, beat. Afterwards everything arrives, paid once."""

import os
import signal
import time

import pytest
from plant import OVERTAKING, PRICE, clip, early, overtaking
from wire_cutter import WireCutter, cut_under_way, freeze_for_a_while

from overcrank.lifecycle import State


@pytest.fixture
def behind_a_cutter(build):
    """Return a plant whose workers reach Redis through a wire cutter, and the cutter."""
    plant = build(generation_seconds=1.0, LIMITS__RATE=10, LIMITS__BURST=2)
    cutter = WireCutter(plant.server.port)
    plant.env["OVERCRANK_REDIS_URL"] = f"redis://127.0.0.1:{cutter.port}/0"
    yield plant, cutter
    cutter.close()


def test_connections_to_redis_may_be_cut(behind_a_cutter):
    """Every connection is reset, again and again, while clips are under way: all arrive, each paid once."""
    plant, cutter = behind_a_cutter
    plant.worker()
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(20)))
    cut_under_way(plant, cutter)

    assert ([State.SUCCEEDED] * 20, [PRICE] * 20, "0.00") == plant.all_home(jobs)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_answers_of_redis_may_be_held_back(behind_a_cutter, direction):
    """For some seconds nothing goes to Redis, or nothing comes back: all arrive, each paid once."""
    plant, cutter = behind_a_cutter
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(12)))
    freeze_for_a_while(plant, cutter, direction)

    assert ([State.SUCCEEDED] * 12, [PRICE] * 12, "0.00") == plant.all_home(jobs)


def test_redis_may_stand_still(build):
    """The server is stopped for longer than a lease and goes on: all arrive, each paid once."""
    plant = build(generation_seconds=1.0, LIMITS__RATE=10, LIMITS__BURST=2)
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(12)))
    plant.until(lambda: plant.sandbox.meter()["accepted"] >= 4)
    server = plant.server._process.pid
    os.kill(server, signal.SIGSTOP)
    time.sleep(12)  # the fault itself lasts this long: longer than a worker's lease and a call's time-out
    os.kill(server, signal.SIGCONT)

    assert ([State.SUCCEEDED] * 12, [PRICE] * 12, "0.00") == plant.all_home(jobs, patience=80)


def test_an_outage_of_the_vendor_is_not_multiplied(build):
    """While the vendor answers 500, the lane soon sends probes alone; afterwards nobody storms it, and all arrive."""
    plant = build(LIMITS__RATE=20, LIMITS__BURST=5, rate=20, burst=5)
    plant.sandbox.configure(faults={"submit": {"error_500": 1.0}, "max_per_key": 1000})
    plant.worker()
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(40)))
    plant.until(lambda: plant.sandbox.meter()["calls"]["create"] >= 5)
    time.sleep(8)  # the outage itself lasts this long: at the lane's rate there could be 160 calls
    during = plant.sandbox.meter()["calls"]["create"]
    plant.sandbox.configure(faults={})
    states, charged, reserved = plant.all_home(jobs)

    assert during <= 40
    assert ([State.SUCCEEDED] * 40, [PRICE] * 40, "0.00") == (states, charged, reserved)
    meter = plant.sandbox.meter()
    assert meter["answered_429"] == 0 or overtaking(meter, map(plant.client.get, [job.id for job in jobs])) > OVERTAKING


def test_a_store_that_can_not_be_written_keeps_the_clip_waiting(build, tmp_path):
    """While the folder for clips can not be used the clip is paid undelivered; once it can, the clip comes home."""
    blocked = tmp_path / "clips"
    blocked.write_text("no folder")
    plant = build(STORAGE__URL=(blocked / "here").as_uri())
    plant.worker()
    job = plant.client.submit(clip())
    waiting = plant.reaches(job, State.UNDELIVERED)
    plant.until(lambda: plant.client.get(job.id).note)
    blocked.unlink()

    assert waiting.cost == PRICE
    assert ([State.SUCCEEDED], [PRICE], "0.00") == plant.all_home([job])


@pytest.mark.parametrize("beats", [0, 2])
def test_beat_may_be_gone_or_doubled(build, beats):
    """With no beat at all, or with two, the budget's windows open on time and are never overspent."""
    plant = build(BUDGET__CAP=2 * PRICE / 1e6, BUDGET__WINDOW=5)
    plant.worker()
    for _ in range(beats):
        plant.run("beat", ready="beat: Starting")
    early(5)
    states, charged, reserved = plant.all_home(list(plant.client.submit_many(clip(f"clip {n}") for n in range(6))))
    windows = plant.sandbox.windows(5)

    assert ([State.SUCCEEDED] * 6, [PRICE] * 6, "0.00") == (states, charged, reserved)
    assert max(window["micros"] for window in windows.values()) <= 2 * PRICE


def test_a_child_that_dies_gives_its_job_to_another(build):
    """A process of a prefork pool is killed as by the out-of-memory killer: its job ends all the same, paid once."""
    plant = build(latency=3.0)
    plant.worker("all", 4, "--pool", "prefork")
    job = plant.client.submit(clip())
    plant.reaches(job, State.SUBMITTING)
    sending = plant.client._runtime.redis.hget(plant.client._runtime.keys.attempt(f"{job.id}.1"), "worker")
    os.kill(int(sending.split(":")[1]), signal.SIGKILL)
    plant.sandbox.configure(latency=0.0)

    assert ([State.SUCCEEDED], [PRICE], "0.00") == plant.all_home([job])
