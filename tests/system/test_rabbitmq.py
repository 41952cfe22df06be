"""What is RabbitMQ's alone. These run where PLANT_BROKER names one, and are not chosen elsewhere; see brokers.py."""

import time

import pytest
from brokers import QUEUES
from celery import Celery
from plant import PRICE, clip
from wire_cutter import WireCutter

from overcrank import transport, wire
from overcrank.errors import ConfigError
from overcrank.lifecycle import State
from workers.broker import backlog
from workers.roles import ROLES, shares

pytestmark = pytest.mark.rabbitmq

OTHER = {"quorum": "classic", "classic": "quorum"}[QUEUES]


def queues(plant):
    """Return what the server knows of each queue."""
    return {queue["name"]: queue for queue in plant.broker.ask("GET", f"queues/{plant.broker.host}")}


def test_the_queues_are_of_the_kind_that_is_set(build):
    """Ours all are, whoever made them; the common queue is as anybody declares it."""
    plant = build()
    plant.client.submit(clip())
    found = queues(plant)

    assert {QUEUES} == {found[name]["type"] for name in wire.ALL_QUEUES if name != wire.COMMON_QUEUE}
    assert "classic" == found[wire.COMMON_QUEUE]["type"]
    assert (transport.RETURNS if QUEUES == "quorum" else None) == found["video.bulk"]["arguments"].get(
        "x-delivery-limit"
    )


def test_each_queue_has_a_consumer_with_places_of_its_own(build):
    """What the server counts for each consumer are the places of its queue."""
    plant = build()
    plant.worker()

    def places():
        consumers = plant.broker.ask("GET", f"consumers/{plant.broker.host}")
        found = {one["queue"]["name"]: one["prefetch_count"] for one in consumers}
        return {name: count for name, count in found.items() if name in wire.ALL_QUEUES}

    plant.until(places)  # the server counts now and then

    assert shares(ROLES["all"], 16) == places()


def test_a_look_at_a_queue_may_find_its_connection_closed(build):
    """Connections for looks are kept, and one that was cut meanwhile is made anew."""
    plant = build()
    plant.client.submit(clip())
    cutter = WireCutter(plant.broker.port)
    app = Celery("looking", broker=plant.broker.at(cutter.port), set_as_current=False)
    found = [backlog(app, ["video.normal", "nowhere"])]
    cutter.cut()
    time.sleep(0.5)  # it takes effect in another thread
    found.append(backlog(app, ["video.normal", "nowhere"]))
    app.close()
    cutter.close()

    assert [{"video.normal": 1, "nowhere": 0}] * 2 == found


def test_queues_of_another_kind_are_refused_before_anything_starts(build):
    """Worker, producer and doctor name the queue and the setting; no job is written."""
    plant = build()
    plant.client.submit(clip())
    plant.env["OVERCRANK_BROKER_QUEUES"] = OTHER
    worker = plant.run("worker")
    doctor = plant.run("doctor", "--only", "broker")
    said = [
        (process.process.wait(30), "OVERCRANK_BROKER_QUEUES" in process.log.read_text()) for process in (worker, doctor)
    ]
    with pytest.raises(ConfigError, match="OVERCRANK_BROKER_QUEUES"):
        plant._client().submit(clip())

    assert [True, True] == [named and code != 0 for code, named in said], plant.logs()
    assert 1 == plant.client.stats()["entered"]


def test_a_message_may_be_returned_any_number_of_times(build):
    """Held and handed back two dozen times, which RabbitMQ 4 would drop a message for, all are there and in order."""
    plant = build(WORKER__HOLD=0.3, LIMITS__RATE=5, LIMITS__BURST=1)
    plant.client._runtime.caps.pause("lane", "so that everything is held")
    plant.worker("submit", 4)
    jobs = [plant.client.submit(clip(f"clip {n}"), priority="bulk") for n in range(3)]
    time.sleep(24 * 0.5)  # as long as it takes
    plant.client._runtime.caps.resume("lane")
    plant.worker("wait", 4)
    plant.worker("fetch", 4)
    ended = plant.ends(jobs)

    assert [State.SUCCEEDED] * 3 == [job.state for job in ended]
    assert [PRICE] * 3 == [charge["amount_micros"] for charge in plant.sandbox.meter()["charges"]]
    assert jobs == sorted(jobs, key=lambda job: plant.client.get(job.id).moments["sent"])
