"""The way to the broker fails, or the broker is away; jobs and money are where they were. On Redis and on RabbitMQ."""

import threading
import time

import pytest
from plant import PRICE, clip, free_port
from wire_cutter import WireCutter, cut_under_way, freeze_for_a_while

from overcrank.lifecycle import State


@pytest.fixture
def cut_off(build):
    """Return a plant whose workers and producer reach the broker through a wire cutter, and the cutter."""
    plant = build(generation_seconds=1.0, LIMITS__RATE=10, LIMITS__BURST=2)
    cutter = WireCutter(plant.broker.port)
    plant.env["OVERCRANK_BROKER_URL"] = plant.broker.at(cutter.port)
    plant.client = plant._client()
    yield plant, cutter
    cutter.close()


def test_connections_to_the_broker_may_be_cut(cut_off):
    """Every connection is reset, again and again, while clips are under way: all arrive, each paid once."""
    plant, cutter = cut_off
    plant.worker()
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(20)))
    cut_under_way(plant, cutter)

    assert ([State.SUCCEEDED] * 20, [PRICE] * 20, "0.00") == plant.all_home(jobs)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_nothing_may_come_through_to_the_broker_for_a_while(cut_off, direction):
    """For some seconds nothing goes to the broker, or nothing comes back: all arrive, each paid once."""
    plant, cutter = cut_off
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(12)))
    freeze_for_a_while(plant, cutter, direction)

    assert ([State.SUCCEEDED] * 12, [PRICE] * 12, "0.00") == plant.all_home(jobs)


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_what_is_held_while_the_connection_is_lost_keeps_nothing_from_coming_home(cut_off, pool):
    """Held messages come twice, as the broker sends them anew: there is a seat for what is paid for all the same."""
    plant, cutter = cut_off
    plant.sandbox.configure(generation_seconds=6.0)
    plant.worker("all", 4, "--pool", pool)
    paid = plant.client.submit(clip("it is paid for"))
    plant.reaches(paid, State.GENERATING)
    plant.client._runtime.lane.stop("key", "for the test")
    held = [
        plant.client.submit(clip(f"clip {n}"), priority=priority)
        for n in range(8)
        for priority in ("bulk", "normal", "urgent")
    ]
    plant.until(lambda: plant.client.stats()["holding"] >= 3, plant.logs)
    for _ in range(2):
        cutter.cut()
        time.sleep(1.5)  # it connects again, and takes as many messages anew
    [home] = plant.ends([paid], 20)
    plant.client._runtime.lane.resume()

    assert State.SUCCEEDED == home.state
    assert ([State.SUCCEEDED] * 24, [PRICE] * 25, "0.00") == plant.all_home(held)


def test_who_is_told_that_a_clip_is_submitted_is_told_so_by_the_broker(cut_off):
    """`submit` returns once the broker has the message: while it can not say so, it does not."""
    plant, cutter = cut_off
    plant.client.submit(clip("this opens the connections"))
    cutter.freeze("down")
    done = threading.Event()
    thread = threading.Thread(target=lambda: (plant.client.submit(clip("this one waits")), done.set()))
    thread.start()
    early = done.wait(2)
    cutter.freeze()
    thread.join(20)

    assert (False, True) == (early, done.is_set())
    assert 2 == plant.broker.waiting("video.normal")
    assert 0 == plant.client._runtime.redis.zcard(plant.client._runtime.keys.unsent)


def test_a_clip_may_be_submitted_while_the_broker_is_away(build):
    """The job is written and `submit` returns it; once the broker is there the sweep sends its message."""
    plant = build()
    there = plant.env.get("OVERCRANK_BROKER_URL")
    plant.env["OVERCRANK_BROKER_URL"] = plant.broker.at(free_port())
    plant.client = plant._client()
    job = plant.client.submit(clip())
    unsent = plant.client._runtime.redis.zrange(plant.client._runtime.keys.unsent, 0, -1)
    plant.env["OVERCRANK_BROKER_URL"] = there or plant.env["OVERCRANK_REDIS_URL"]
    plant.worker()

    assert [job.id] == unsent
    assert ([State.SUCCEEDED], [PRICE], "0.00") == plant.all_home([job])
