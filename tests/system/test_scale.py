"""What makes thousands of jobs cheap, with real processes: webhooks in, batches, and a broker of another kind."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

from plant import Plant, clip, free_port

from overcrank.lifecycle import State

Build = Callable[..., Plant]


def test_a_webhook_brings_a_job_forward(build: Build) -> None:
    """With the vendor's call a clip comes home long before its next look would have been; forged calls do nothing."""
    port = free_port()
    plant = build(
        generation_seconds=1.0, eta=False, PROVIDER__POLL_INTERVAL=60, PROVIDER__POLL_SLOWEST=60,
        WEBHOOK__PUBLIC_URL=f"http://127.0.0.1:{port}", WEBHOOK__SECRET="another-webhook-secret,sandbox-webhook-secret",
    )  # fmt: skip
    plant.run("hooks", "--port", str(port), ready="hooks listening on ")
    plant.worker()
    plant.sandbox.force("webhook", "forged")
    plant.sandbox.force("webhook", "twice")
    jobs = plant.ends([plant.client.submit(clip(f"ball {n}")) for n in range(3)], patience=20)
    assert [State.SUCCEEDED] * 3 == [job.state for job in jobs]
    assert 3 == plant.sandbox.meter()["calls"]["status"]


def test_without_any_webhook_nothing_is_lost(build: Build) -> None:
    """Where nobody receives the vendor's calls, clips come home by looking."""
    plant = build(WEBHOOK__PUBLIC_URL=f"http://127.0.0.1:{free_port()}", WEBHOOK__SECRET="x" * 16)
    plant.worker()
    assert [State.SUCCEEDED] == [job.state for job in plant.ends([plant.client.submit(clip())])]


def test_a_batch_runs_and_goes_on_where_it_was_killed(build: Build, tmp_path: Path) -> None:
    """A killed batch that is resumed writes each result once, pays for each clip once, and tells what is wrong."""
    plant = build(generation_seconds=0.5, LIMITS__RATE=20, LIMITS__BURST=5)
    plant.worker()
    path, results = tmp_path / "clips.jsonl", tmp_path / "clips.jsonl.results.jsonl"
    lines = [json.dumps(clip(f"ball {n}")) for n in range(40)]
    path.write_text("\n".join([*lines[:20], '{"prompt": ""}', *lines[20:]]) + "\n")
    first = plant.run("batch", "run", str(path))
    plant.until(lambda: results.exists() and results.read_text().count('"line"') > 5)
    first.kill()
    second = plant.run("batch", "run", str(path), "--resume")
    assert 1 == second.process.wait(60), plant.logs()
    written = [entry for line in results.read_text().splitlines() if "line" in (entry := json.loads(line))]
    assert sorted(set(range(1, 42)) - {21}) == sorted(entry["line"] for entry in written)
    assert {"succeeded"} == {entry["state"] for entry in written}
    assert 40 == plant.sandbox.meter()["paid"]
    rejects = [json.loads(line) for line in Path(f"{path}.rejects.jsonl").read_text().splitlines()]
    assert [21] == [entry["line"] for entry in rejects]


def test_a_batch_that_can_not_be_starts_nothing(build: Build, tmp_path: Path) -> None:
    """A batch above its budget, a strict one with a wrong line, and a dry run leave the queue empty."""
    plant = build()
    path = tmp_path / "clips.jsonl"
    path.write_text(json.dumps(clip()) + "\n{\n")
    for code, more in ((2, ["--budget", "0.01"]), (2, ["--strict"]), (0, ["--dry-run"])):
        assert code == plant.run("batch", "run", str(path), *more).process.wait(30), plant.logs()
    assert 0 == plant.client.stats()["entered"]


def test_a_stream_holds_no_more_than_its_window(build: Build) -> None:
    """Clips are taken from the source as others end, so that never more than the window are under way."""
    plant = build()
    plant.worker()
    taken: list[int] = []
    source = (taken.append(n) or clip(f"ball {n}") for n in range(30))
    for ended, job in enumerate(plant.client.stream(source, window=5, priority="bulk")):
        assert State.SUCCEEDED == job.state
        assert len(taken) - ended <= 5
    assert 29 == ended


def test_jobs_come_back_as_they_complete(build: Build) -> None:
    """`as_completed` yields every job once, whether it ended before or after it was asked."""
    plant = build()
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"ball {n}") for n in range(10)))
    plant.ends(jobs[:3])
    found = list(plant.client.as_completed(jobs, timeout=30))
    assert sorted(job.id for job in jobs) == sorted(job.id for job in found)
    assert {State.SUCCEEDED} == {job.state for job in found}


def test_a_batch_survives_a_cut_subscription_and_tells_how_far_it_is(build: Build, tmp_path: Path) -> None:
    """Where the server drops the connection that brings the news, the batch ends all the same."""
    plant = build(generation_seconds=0.5, LIMITS__RATE=10, LIMITS__BURST=2)
    plant.worker()
    path, results = tmp_path / "clips.csv", tmp_path / "clips.csv.results.jsonl"
    path.write_text("prompt,duration,fps\n" + "".join(f"ball {n},1,30\n" for n in range(15)))
    first = plant.run("batch", "run", str(path), "--window", "5", "--json")
    plant.until(lambda: results.exists() and '"line"' in results.read_text())
    plant.client._runtime.redis.client_kill_filter(_type="pubsub")
    assert 0 == first.process.wait(60), plant.logs()
    said = json.loads(first.log.read_text().splitlines()[-1])
    assert (15, 0, 0) == (said["done"], said["failed"], said["rejected"])
    assert 15 == plant.sandbox.meter()["paid"]


def test_ctrl_c_stops_a_batch_and_its_clips_go_on(build: Build, tmp_path: Path) -> None:
    """The second run collects what the first has sent, and pays for none of it again; an edited line is refused."""
    plant = build(generation_seconds=0.5, LIMITS__RATE=2, LIMITS__BURST=1)
    plant.worker()
    path, results = tmp_path / "clips.jsonl", tmp_path / "clips.jsonl.results.jsonl"
    lines = [json.dumps(clip(f"ball {n}")) for n in range(12)]
    path.write_text("\n".join(lines))
    first = plant.run("batch", "run", str(path))
    plant.until(lambda: results.exists() and '"line"' in results.read_text())
    first.process.send_signal(signal.SIGINT)
    assert 130 == first.process.wait(30), plant.logs()
    assert "--resume picks them up" in first.log.read_text()
    path.write_text("\n".join([json.dumps(clip("another")), *lines[1:]]))
    edited = plant.run("batch", "run", str(path), "--resume")
    assert 4 == edited.process.wait(30), plant.logs()
    assert "line 1 is not what it was" in edited.log.read_text()
    path.write_text("\n".join(lines))
    assert 0 == plant.run("batch", "run", str(path), "--resume").process.wait(60), plant.logs()
    assert 12 == plant.sandbox.meter()["paid"]
