"""What code that knows nothing of ours may send, set and ask for, as it may with any Celery worker."""

import threading
from contextlib import contextmanager, suppress

import pytest
from celery import chain, chord
from celery.exceptions import TaskRevokedError
from plant import PRICE, clip

from overcrank.lifecycle import State


@pytest.fixture
def alone(build):
    """Return a plant with a worker, and an application of somebody else's whose own tasks nobody consumes."""
    plant = build()
    plant.worker()
    return plant, plant.broker.caller()


def generate(app, prompt="a ball falls", **fields):
    """Return a signature of the generate task."""
    return app.signature("overcrank.generate", kwargs=clip(prompt, **fields), queue="video.urgent")


def mine(app, name):
    """Return a signature of a task of somebody else's on a queue of their own."""
    return app.signature(f"mine.{name}").set(queue="mine")


def sent(plant, count=1):
    """Wait until there are so many messages in the queue `mine`; return the tasks they are for."""
    found = plant.until(lambda: got if len(got := plant.broker.messages("mine")) >= count else None, plant.logs)
    return sorted(headers["task"] for headers in found)


def test_a_chain_goes_on_in_a_queue_of_its_senders_own(alone):
    """The next step of a chain is sent to the queue it names, whether or not a worker of ours knows that queue."""
    plant, app = alone
    last = chain(generate(app), mine(app, "notify")).apply_async()

    assert last.parent.get(timeout=30)["cost_usd"] == "0.194625"
    assert sent(plant) == ["mine.notify"]


def test_a_callback_goes_to_a_queue_of_its_senders_own(alone):
    """So is what is linked to a clip that succeeds."""
    plant, app = alone
    result = generate(app).apply_async(link=[mine(app, "one"), mine(app, "two")])

    assert result.get(timeout=30)["cost_usd"] == "0.194625"
    assert sent(plant, 2) == ["mine.one", "mine.two"]


def test_an_errback_goes_to_a_queue_of_its_senders_own(alone):
    """So is what is linked to one that fails, at the provider or before any job was made."""
    plant, app = alone
    waiting = [
        generate(app, prompt, **fields).apply_async(link_error=mine(app, "sorry"))
        for prompt, fields in (("forbidden things", {}), ("a ball", {"fps": 7}))
    ]
    raised = []
    for result in waiting:
        with pytest.raises(Exception) as caught:  # noqa: PT011  (the class is made by the backend)
            result.get(timeout=30)
        raised.append(type(caught.value).__name__)

    assert raised == ["Rejected", "InvalidClip"]
    assert sent(plant, 2) == ["mine.sorry", "mine.sorry"]


def test_a_chords_body_goes_to_a_queue_of_its_senders_own(alone):
    """So is the body of a chord, once all its clips are there."""
    plant, app = alone
    chord([generate(app, f"clip {n}") for n in range(2)], mine(app, "add_up")).apply_async()

    assert sent(plant) == ["mine.add_up"]


def test_a_follower_that_can_not_be_sent_keeps_nobody_from_the_result(alone):
    """A callback whose signature is broken is left out: the result, the other callback and the next clip are there."""
    plant, app = alone
    broken = {"task": "mine.broken", "args": [], "kwargs": {}, "options": {"queue": 7}, "immutable": False}
    result = app.send_task("overcrank.generate", kwargs=clip(), queue="video.urgent", link=[broken, mine(app, "whole")])

    assert result.get(timeout=30)["cost_usd"] == "0.194625"
    assert sent(plant) == ["mine.whole"]
    plant.until(lambda: not plant.client._runtime.redis.zscore(plant.client._runtime.keys.due, result.id), plant.logs)


def test_no_errback_is_called_for_a_clip_that_is_made_after_an_outage(build):
    """Redis stands still for longer than its callers wait: what was held goes on, and nobody hears of a failure."""
    plant = build(BUDGET__CAP=PRICE * 100 / 1e6)
    plant.client._runtime.lane.stop("key", "for the test")
    plant.worker()
    app = plant.broker.caller()
    waiting = [
        app.send_task("overcrank.generate", kwargs=clip(f"clip {n}"), queue="video.bulk", link_error=mine(app, "sorry"))
        for n in range(8)
    ]
    plant.until(lambda: plant.client.stats()["holding"] >= 5, plant.logs)
    redis = plant.client._runtime.redis
    redis.execute_command("CLIENT", "PAUSE", "12000", "ALL")
    threading.Event().wait(12.5)
    plant.client._runtime.lane.resume()

    assert ["0.194625"] * 8 == [result.get(timeout=60)["cost_usd"] for result in waiting]
    assert [] == plant.broker.messages("mine")
    assert plant.sandbox.meter()["accepted"] == 8


@pytest.mark.parametrize("transport", [{}, {"priority_steps": list(range(10))}], ids=["default", "ten"])
def test_a_message_with_a_priority_of_celerys_runs(alone, transport):
    """Celery keeps it in a list beside the queue, by steps that the sender chose; it is found there."""
    plant, _ = alone
    app = plant.broker.caller(**transport)
    waiting = [
        app.send_task("overcrank.generate", kwargs=clip(f"clip {n}"), queue=queue, priority=n)
        for n, queue in ((5, "video.normal"), (9, "video.bulk"), (2, None), (8, None))
    ]
    found = [plant.client.get(result.get(timeout=30)["job_id"]).priority for result in waiting]

    assert ["normal", "bulk", "urgent", "bulk"] == found


def test_somebody_elses_message_is_in_nobodys_way(alone):
    """Messages in the default queue that nobody takes stay there, and the clips behind them are made."""
    plant, app = alone
    for n in range(30):
        app.send_task("somebody.elses.task", args=[n])
    result = app.send_task("overcrank.generate", kwargs=clip())

    assert result.get(timeout=30)["cost_usd"] == "0.194625"
    kept = plant.until(lambda: found if len(found := _others(plant)) == 30 else None, lambda: _others(plant))
    assert {"somebody.elses.task"} == set(kept)


def _others(plant):
    return [headers["task"] for headers in plant.broker.messages("celery", in_hand=True)]


@contextmanager
def events(app):
    """Listen as a monitor does; give the list of events, which grows while the block runs."""
    caught, ready, over = [], threading.Event(), threading.Event()

    def listen():
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": caught.append})
            with receiver.consumer_context(wakeup=False) as (own, *_):
                ready.set()
                while not over.is_set():
                    with suppress(TimeoutError):
                        own.drain_events(timeout=0.2)

    thread = threading.Thread(target=listen)
    thread.start()
    assert ready.wait(10)
    yield caught
    over.set()
    thread.join(10)


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_monitors_see_how_a_job_ends(build, pool):
    """Each job is received, started, and succeeded or failed, in threads and in processes of a pool alike."""
    plant = build()
    with events(plant.broker.caller()) as caught:
        plant.worker("all", 4, "--pool", pool)
        good, bad = plant.client.submit(clip()), plant.client.submit(clip("forbidden"))
        plant.ends([good, bad])

        def told(job):
            return [event["type"] for event in list(caught) if event.get("uuid") == job.id]

        def all_of(job, end):  # those of a child may overtake its parent's; monitors order them by their clocks
            return sorted(told(job)) == sorted(["task-received", "task-started", end])

        plant.until(lambda: all_of(good, "task-succeeded"), lambda: told(good))
        plant.until(lambda: all_of(bad, "task-failed"), lambda: told(bad))

    assert 1 == len({event["hostname"] for event in caught if event.get("uuid") == good.id})


def test_monitors_see_a_line_and_no_metadata(alone):
    """What monitors show of somebody else's message is its clip and its price, never what else is in it."""
    plant, app = alone
    plant.client._runtime.lane.stop("key", "for the test")
    with events(app) as caught:
        good = app.send_task("overcrank.generate", kwargs=clip(metadata={"customer": "Ada"}), queue="video.normal")
        bad = app.send_task("overcrank.generate", kwargs={"prompt": "x", "sekrit": "Ada"}, queue="video.normal")
        shown = plant.until(
            lambda: found if {good.id, bad.id} == set(found := _received(caught)) else None, lambda: _received(caught)
        )
    plant.client._runtime.lane.resume()

    assert {good.id: "1s @30fps $0.194625 “a ball falls”", bad.id: "not a clip that can be made"} == shown


def _received(caught):
    return {event["uuid"]: event["kwargs"] for event in list(caught) if event["type"] == "task-received"}


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_revoking_cancels_wherever_the_message_is(build, pool):
    """A revoked clip is cancelled at once, held or still in its queue; a worker that starts anew knows of it."""
    plant = build()
    plant.client._runtime.lane.stop("key", "for the test")
    worker = plant.worker("all", 4, "--pool", pool)
    app = plant.broker.caller()
    waiting = [app.send_task("overcrank.generate", kwargs=clip(f"clip {n}"), queue="video.normal") for n in range(6)]
    plant.until(lambda: plant.client.stats()["holding"] >= (1 if plant.broker.pushes else 2), plant.logs)
    held = plant.client._runtime.redis.zrange(plant.client._runtime.keys.present, 0, 0)[0]
    queued = waiting[-1].id
    for task_id in (held, queued):
        app.control.revoke(task_id, reply=True, timeout=20, limit=1)
    cancelled = plant.client.get(held).state
    worker.kill()
    plant.worker("all", 4, "--pool", pool)
    plant.client._runtime.lane.resume()
    for result in waiting:
        if result.id in (held, queued):
            with pytest.raises(TaskRevokedError):
                result.get(timeout=60)
        else:
            result.get(timeout=60)

    assert cancelled == State.CANCELLED
    assert plant.sandbox.meter()["accepted"] == 4


def test_a_rate_that_is_none_changes_nothing(alone):
    """The remote control refuses a limit below zero, endless, or no number, and says what one is."""
    plant, app = alone
    before = plant.client._runtime.lane.state().rate
    for wrong in ("-5/s", "nan/s", "inf/s", "lots", "5/x"):
        [answer] = app.control.rate_limit("overcrank.generate", wrong, reply=True, timeout=20, limit=1)
        assert "is no rate" in next(iter(answer.values()))["error"], wrong
    assert before == plant.client._runtime.lane.state().rate
    app.control.rate_limit("overcrank.generate", "7/s", reply=True, timeout=20, limit=1)
    assert 7 == round(plant.client._runtime.lane.state().rate, 3)
