"""For everybody else it is ordinary Celery: results, chains, groups, chords, errbacks, revocation, Flower."""

import json
import subprocess
import sys
import urllib.request

import pytest
from celery import chain, chord, group
from celery.exceptions import TaskRevokedError
from plant import PRICE, clip, free_port

from overcrank.lifecycle import State

FOREIGN = '''
"""Somebody else's Celery application: it never imports overcrank."""
import os
from celery import Celery
from kombu import Queue

app = Celery("foreign", broker=os.environ["FOREIGN_BROKER"], backend=os.environ["OVERCRANK_REDIS_URL"])
app.conf.update(broker_transport_options={"priority_steps": [0]})
if not_ours := os.environ["NOT_TO_DECLARE"].split():  # queues of a kind that it does not know
    app.conf.task_queues = [Queue("celery"), *(Queue(name, no_declare=True) for name in not_ours)]


@app.task(name="foreign.add_up")
def add_up(results):
    return sum(float(result["cost_usd"]) for result in results)


@app.task(name="foreign.note")
def note(result):
    return result["job_id"]


@app.task(name="foreign.sorry")
def sorry(task_id):
    app.backend.client.set("sorry", task_id)


@app.task(name="foreign.prompt")
def prompt(words):
    return "a ball and " + words
'''


@pytest.fixture
def foreign(build, tmp_path):
    """Return a plant with a worker, and a foreign application with a worker of its own."""
    plant = build()
    plant.worker()
    (tmp_path / "foreign.py").write_text(FOREIGN)
    log = (tmp_path / "foreign.log").open("wb")
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "foreign", "worker", "-P", "solo", "--without-mingle", "-Q", "celery"],
        cwd=tmp_path,
        env={**plant.env, "FOREIGN_BROKER": plant.broker.url, "NOT_TO_DECLARE": " ".join(plant.broker.not_to_declare)},
        stdout=log,
        stderr=log,
    )
    yield plant, plant.broker.caller(priority_steps=[0])
    worker.kill()
    worker.wait()


def generate(app, prompt="a ball falls", **fields):
    """Return a signature of the generate task, as somebody without the library writes it."""
    return app.signature("overcrank.generate", kwargs=clip(prompt, **fields), queue="video.normal")


def test_send_task_from_code_that_never_imports_us(foreign):
    """`send_task` with a clip's fields is enough, and `get` returns file, checksum, cost and timings."""
    _, app = foreign
    result = app.send_task("overcrank.generate", kwargs=clip(), queue="video.urgent").get(timeout=30)

    assert {"0.194625", "30"} == {result["cost_usd"], str(result["film"]["frames"])}
    assert {"job_id", "url", "sha256", "bytes", "timings"} <= set(result)


def test_send_task_needs_no_queue(build):
    """A producer that names no queue sends where Celery sends by default, and its clip is made all the same."""
    plant = build()
    plant.worker()
    app = plant.broker.caller("bare")

    assert app.send_task("overcrank.generate", kwargs=clip()).get(timeout=30)["film"]["frames"] == 30


def test_a_result_raises_its_error(foreign):
    """`get` raises what the job ended with, by name, where the library is not known too."""
    _, app = foreign
    waiting = [
        app.send_task("overcrank.generate", kwargs=kwargs, queue="video.normal")
        for kwargs in (clip("forbidden things"), {"promt": "typo"}, {"job": "nonsense"}, clip(fps=7))
    ]
    raised = []
    for result in waiting:
        with pytest.raises(Exception) as caught:  # noqa: PT011  (the class is made by the backend)
            result.get(timeout=30)
        raised.append(type(caught.value).__name__)

    assert raised == ["Rejected", "InvalidClip", "UnknownJob", "InvalidClip"]


def test_chain_group_and_chord(foreign):
    """A clip may stand anywhere in a canvas: first, last, beside others, and before a chord's body."""
    _, app = foreign
    sign = app.signature
    first = chain(generate(app), sign("foreign.note")).apply_async()
    last = chain(
        sign("foreign.prompt", ("words",)),
        app.signature("overcrank.generate", kwargs={"duration": 1, "fps": 30}, queue="video.bulk"),
    ).apply_async()
    pair = chain(generate(app, "one"), generate(app, "two")).apply_async()
    three = group(generate(app, f"clip {n}") for n in range(3)).apply_async()
    both = chord([generate(app, f"clip {n}") for n in range(3)], sign("foreign.add_up")).apply_async()

    assert first.get(timeout=30) == first.parent.id
    assert last.get(timeout=30)["film"]["frames"] == 30
    assert pair.get(timeout=30)["job_id"] == pair.id
    assert [result["cost_usd"] for result in three.get(timeout=30)] == ["0.194625"] * 3
    assert both.get(timeout=30) == pytest.approx(3 * PRICE / 1e6)


def test_failure_reaches_errbacks_chains_and_chords(foreign):
    """A clip that fails calls its errback, fails the rest of its chain, and fails its chord."""
    plant, app = foreign
    sign = app.signature
    bad = generate(app, "forbidden")
    alone = bad.clone().apply_async(link_error=sign("foreign.sorry"))
    chained = chain(bad.clone(), sign("foreign.note")).apply_async()
    joined = chord([generate(app), bad.clone()], sign("foreign.add_up")).apply_async()
    names = []
    for result in (alone, chained, app.AsyncResult(joined.id)):
        with pytest.raises(Exception) as caught:  # noqa: PT011  (the class is made by the backend)
            result.get(timeout=30)
        names.append(type(caught.value).__name__)

    assert names == ["Rejected", "Rejected", "ChordError"]
    assert alone.id == plant.until(lambda: plant.client._runtime.redis.get("sorry"))


def test_the_same_key_twice_is_one_clip_with_two_results(foreign):
    """Two messages with one unique key make one clip, and both of their results arrive."""
    plant, app = foreign
    waiting = [
        app.send_task("overcrank.generate", kwargs=clip(unique_key="once"), queue="video.normal") for _ in range(2)
    ]
    results = [result.get(timeout=30) for result in waiting]

    assert results[0] == results[1]
    assert plant.sandbox.meter()["accepted"] == 1


def test_revoking_a_held_clip_cancels_it(build):
    """Celery's revoke, Flower's button, cancels a clip that was not sent: nothing is spent."""
    plant = build(BUDGET__CAP=PRICE / 1e6, BUDGET__WINDOW=3600)
    plant.worker()
    plant.ends([plant.client.submit(clip("it uses the window up"))])
    job = plant.client.submit(clip())
    plant.until(lambda: plant.client.stats()["holding"])
    plant.client.celery.control.revoke(job.id)
    [ended] = plant.ends([job])

    assert ended.state == State.CANCELLED
    plant.until(lambda: plant.client.celery.AsyncResult(job.id).state == "REVOKED")


def test_cancelled_clips_raise(foreign):
    """A clip cancelled before it was sent is not sent, and its result raises."""
    plant, app = foreign
    plant.client._runtime.lane.stop("key", "for the test")
    job = plant.client.submit(clip())
    plant.client.cancel(job)
    plant.client._runtime.lane.resume()
    with pytest.raises(TaskRevokedError, match="before it was sent"):
        app.AsyncResult(job.id).get(timeout=30)

    assert plant.sandbox.meter()["calls"]["create"] == 0


def test_the_state_is_started_while_in_flight(foreign):
    """`AsyncResult.state` says STARTED while the provider is at work."""
    plant, app = foreign
    plant.sandbox.configure(generation_seconds=3.0)
    result = app.send_task("overcrank.generate", kwargs=clip(), queue="video.normal")
    plant.until(lambda: result.state == "STARTED")
    result.get(timeout=30)

    assert result.state == "SUCCESS"


def test_prefork_works_too(build):
    """A worker with processes instead of threads does the same work, and hands back on shutdown."""
    plant = build()
    worker = plant.worker("all", 4, "--pool", "prefork")
    ended = plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(4))))

    assert [job.state for job in ended] == [State.SUCCEEDED] * 4
    assert worker.stop() == 0


def test_flower_shows_one_task_a_job(build):
    """Flower lists each job as one task, with a readable line, its state and its whole runtime, and no key."""
    plant, port = build(generation_seconds=1.0), free_port()
    plant.env["FLOWER_UNAUTHENTICATED_API"] = "true"
    plant.run("flower", "--port", str(port), ready="Connected to")
    plant.worker()
    good = plant.client.submit(clip("a red ball falls"))
    bad = plant.client.submit(clip("forbidden"))
    plant.ends([good, bad])

    def tasks():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tasks") as answer:
            shown = json.load(answer)
        return shown if {t["state"] for t in shown.values()} == {"SUCCESS", "FAILURE"} else None

    shown = plant.until(tasks, lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tasks").read())

    assert {good.id: "SUCCESS", bad.id: "FAILURE"} == {task_id: task["state"] for task_id, task in shown.items()}
    assert "1s @30fps" in shown[good.id]["kwargs"]
    assert "a red ball falls" in shown[good.id]["kwargs"]
    assert shown[good.id]["runtime"] >= 1.0
    assert "sandbox-key" not in json.dumps(shown)


def test_nonsense_does_not_stop_a_worker(build):
    """Messages from nowhere are refused with a reason, and the worker goes on."""
    plant = build()
    plant.worker()
    plant.broker.put_nonsense("video.normal")
    plant.client.celery.send_task("no.such.task", queue="video.normal")
    plant.client.celery.send_task("overcrank.fetch", args=["no-such-job"], queue="video.fetch")
    [ended] = plant.ends([plant.client.submit(clip())])

    assert ended.state == State.SUCCEEDED
