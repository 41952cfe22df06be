"""The same film is paid for once by real workers, however many ask for it and in whatever way."""

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from plant import PRICE, Plant, clip

from overcrank.lifecycle import State
from overcrank.money import dollars, micros

SAME = clip(seed=7)


def test_many_askers_pay_once_and_each_has_a_result(build) -> None:
    """A producer, a message of another program, and one that comes when it is done; the vendor was paid once."""
    plant: Plant = build(generation_seconds=1.0)
    plant.worker()
    plant.worker()
    jobs = list(plant.client.submit_many([{**SAME, "metadata": {"n": n}} for n in range(5)]))
    app = plant.broker.caller()
    message = app.send_task("overcrank.generate", kwargs=SAME, queue="video.urgent")
    ended = plant.ends(jobs)
    said = message.get(timeout=30)
    late = plant.ends([plant.client.submit(SAME)])
    paid = [job for job in ended if job.saved is None]
    assert ([State.SUCCEEDED] * 6, 1) == ([job.state for job in ended + late], plant.sandbox.meter()["accepted"])
    assert list(range(5)) == [job.clip.metadata["n"] for job in ended]
    assert 1 == len(paid) + (said.get("served_by") is None)
    assert 6 * PRICE == micros(plant.client.stats()["saved_usd"])
    assert PRICE == micros(plant.client.stats()["spent_usd"])


def test_more_is_made_of_a_clip_without_paying(build) -> None:
    """The job that does it has a result of its own, and the original is the one that was paid for."""
    plant: Plant = build()
    plant.worker()
    [first] = plant.ends([plant.client.submit(clip(fps=120))])
    [more] = plant.ends([plant.client.render(first, deliver_fps=30, extras="poster")])
    assert (first.file["url"], 4.0, first.id) == (
        more.file["url"], more.result["delivered"]["duration"], more.result["served_by"],
    )  # fmt: skip
    assert (["slow", "poster"], 1) == (list(more.file["made"]), plant.sandbox.meter()["accepted"])


def lines(path: Path, *clips: dict) -> str:
    """Write a manifest and return its name."""
    path.write_text("".join(json.dumps(one) + "\n" for one in clips))
    return str(path)


def results(path: Path) -> list[dict]:
    """Return the results of a batch, by line."""
    entries = [json.loads(text) for text in path.read_text().splitlines()]
    return sorted((entry for entry in entries if "line" in entry), key=lambda entry: entry["line"])


def test_a_batch_pays_for_each_film_once_also_after_a_crash(build) -> None:
    """Six lines of two films; the run is killed, and goes on; the vendor was paid twice in all."""
    plant: Plant = build(generation_seconds=3.0)
    plant.worker()
    file = lines(plant.folder / "c.jsonl", *(clip(seed=number % 2, metadata={"n": number}) for number in range(6)))
    first = plant.run("batch", "run", file)
    plant.until(lambda: plant.client.stats()["following"] == 4)
    first.kill()
    dry = plant.run("batch", "run", file, "--resume", "--dry-run")
    assert 0 == dry.process.wait(30)
    second = plant.run("batch", "run", file, "--resume", "--budget", str(3 * PRICE / 1_000_000))
    assert 0 == second.process.wait(60), second.log.read_text()
    ended = results(plant.folder / "c.jsonl.results.jsonl")
    assert (list(range(1, 7)), 6, 2) == (
        [one["line"] for one in ended], len({one["id"] for one in ended}), plant.sandbox.meter()["accepted"],
    )  # fmt: skip
    assert [micros(one["saved_usd"]) for one in ended if "saved_usd" in one] == [PRICE] * 4
    assert f"{dollars(4 * PRICE)} saved" in second.log.read_text()
    third = plant.run("batch", "run", file, "--resume", "--budget", "0.01", "--json")
    assert 0 == third.process.wait(30), third.log.read_text()  # all is done, so nothing is over the budget


def test_a_background_is_made_once_and_put_behind_the_lines_of_a_batch(build) -> None:
    """A labelled line and one said in place; the bill, the ledger and the parts agree to the micro-dollar."""
    plant: Plant = build(clip_size=(160, 90))
    plant.worker()
    key = {"key": "#646464", "key_tolerance": 0.3}
    beach = clip("a beach", duration=2)
    file = lines(
        plant.folder / "c.jsonl",
        *(clip(f"a ball {number}", background="sky", **key) for number in range(3)),
        clip("a sky", label="sky"),
        *(clip(f"a stone {number}", background=beach, extras="poster", **key) for number in range(2)),
    )
    dry = plant.run("batch", "run", file, "--dry-run", "--json")
    assert 0 == dry.process.wait(30)
    bill = json.loads(dry.log.read_text())
    run = plant.run("batch", "run", file)
    assert 0 == run.process.wait(90), run.log.read_text() + plant.logs()
    ended = results(plant.folder / "c.jsonl.results.jsonl")
    jobs = [plant.client.get(one["id"]) for one in ended]
    placed, *_ = jobs
    balls, sky, stones = jobs[1:4], jobs[4], jobs[5:]
    assert (list(range(7)), 7) == ([one["line"] for one in ended], plant.sandbox.meter()["accepted"])
    assert [[], []] == [[s for s, m in job.file["made"].items() if "error" in m] for job in (balls[0], stones[0])]
    assert ({sky.id}, {placed.id}) == ({job.background for job in balls}, {job.background for job in stones})
    assert (sky.cost, placed.cost) == (sum(job.share for job in balls), sum(job.share for job in stones))
    assert (sky.cost, placed.cost) == tuple(plant.client.get(job.id).shared for job in (sky, placed))
    spent = micros(plant.client.stats()["spent_usd"])
    assert (spent, spent) == (micros(bill["total_usd"]), sum(job.cost for job in jobs))
    assert micros(bill["naive_usd"]) == spent + 2 * sky.cost + placed.cost
    assert all("composite" in urlsplit(job.result["delivered"]["url"]).path for job in (*balls, *stones))
    plant.until(lambda: len(plant.client.archived()) == 7, patience=60)
    [whole] = plant.client.spend()
    assert (spent, whole["share"]) == (whole["cost"], whole["shared"])


def drained(listening) -> None:
    """Take in what events there are."""
    with suppress(TimeoutError):
        listening.drain_events(timeout=0.2)


def test_monitors_show_a_job_that_another_paid_for(build) -> None:
    """It never had a message, and is one task with its name, its line and its price of nothing all the same."""
    plant: Plant = build(generation_seconds=1.0)
    plant.worker()
    seen: dict[str, dict] = {}
    with plant.client.celery.connection_for_read() as connection:
        handlers = {kind: lambda event: seen.setdefault(event["uuid"], {}).update({event["type"]: event})
                    for kind in ("task-received", "task-succeeded")}  # fmt: skip
        receiver = plant.client.celery.events.Receiver(connection, handlers=handlers)
        with receiver.consumer_context(wakeup=False) as (listening, *_):  # from before the first event on
            _, follower = plant.client.submit_many([SAME, SAME])
            plant.until(lambda: drained(listening) or "task-succeeded" in seen.get(follower.id, {}), plant.logs)
    shown = seen[follower.id]
    assert ("overcrank.generate", True) == (shown["task-received"]["name"], "$0.00" in shown["task-received"]["kwargs"])
    assert f"0.00 USD {plant.client.get(follower.id).file['url']}" == shown["task-succeeded"]["result"]
