"""From a prompt to a film: what is asked for is made by a worker of its own role, and shown on one page."""

from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("av")

from buckets import bucket
from plant import Plant

from overcrank.gallery import write
from overcrank.lifecycle import State
from overcrank.media.mp4 import probe

WISHES = [
    {"prompt": "a ball falls", "deliver_fps": 30, "extras": "poster,preview,sheet,light", "duration": 2},
    {"prompt": "a day in a second", "mode": "time_lapse", "speed": 4, "fps": 120, "extras": "poster,preview,sheet"},
    {"prompt": "a walk around a ball", "mode": "hyperlapse", "speed": 4, "fps": 120, "extras": "poster,preview"},
    {"prompt": "a ball as it comes", "mode": "plain", "duration": 1, "extras": "poster"},
]

UNSEEN = {"prompt": "a ball, and nothing is made of it", "duration": 1, "fps": 30}


@pytest.mark.parametrize("roles", [["all"], ["submit", "wait", "fetch", "render"]])
def test_slow_motion_time_lapse_and_hyperlapse_come_home(build, roles) -> None:
    """Each is delivered at its speed to a frame, with its pictures, and all are on one page."""
    plant: Plant = build(clip_size=(320, 180), MEDIA__CHECK="true")
    for role in roles:
        plant.worker(role, 4, *(["--pool", "prefork"] if role == "render" else []))
    jobs = plant.ends(list(plant.client.submit_many(WISHES)))
    assert [(State.SUCCEEDED, None)] * 4 == [(job.state, job.error) for job in jobs]
    slow, lapse, hyper, plain = (job.result for job in jobs)
    assert (8.0, 1.266667, 1.266667, 1.0) == tuple(one["delivered"]["duration"] for one in (slow, lapse, hyper, plain))
    for one in (slow, lapse, hyper, plain):
        film = probe(Path(urlsplit(one["delivered"]["url"]).path))
        assert (one["delivered"]["frames"], one["delivered"]["fps"]) == (film.frames, float(film.fps))
        assert [] == [step for step, made in one["made"].items() if "error" in made]
    page = plant.folder / "gallery.html"
    assert 4 == write(jobs, page, "What came home")
    assert (3, 4) == (page.read_text().count('class="moves"'), page.read_text().count(" poster="))


def test_a_render_worker_that_is_killed_is_followed_by_another(build) -> None:
    """What it was making is made by the next one, once its lease has run out, and nothing is paid twice."""
    plant: Plant = build(clip_size=(640, 360), WORKER__LEASE=3, WORKER__HEARTBEAT=0.5)
    for role in ("submit", "wait", "fetch"):
        plant.worker(role, 4)
    first = plant.worker("render", 1)
    job = plant.client.submit({**WISHES[0], "duration": 10})
    plant.reaches(job, State.FETCHED)
    first.kill()
    plant.worker("render", 1)
    [ended] = plant.ends([job], 60)
    assert (State.SUCCEEDED, 1) == (ended.state, plant.sandbox.meter()["accepted"])


def test_every_clip_is_decoded_by_itself(build) -> None:
    """Without any setting a clip of which nothing is made is decoded too, and the result says so."""
    plant: Plant = build(clip_size=(320, 180))
    del plant.env["OVERCRANK_MEDIA__CHECK"]
    plant.worker()
    [job] = plant.ends([plant.client.submit(UNSEEN)])
    assert (State.SUCCEEDED, 30, True) == (job.state, job.result["decoded"], job.result["steady"])


def test_clips_come_home_into_a_bucket(build, tmp_path, monkeypatch) -> None:
    """What is made goes there too; everything is there once, each with its side file, and nothing stays here."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with bucket(tmp_path / "s3", "clips") as url:
        plant: Plant = build(clip_size=(320, 180), STORAGE__URL=url, MEDIA__CHECK="true")
        plant.worker()
        jobs = plant.ends([plant.client.submit(WISHES[0]), plant.client.submit(UNSEEN)], 60)
    assert [(State.SUCCEEDED, None)] * 2 == [(job.state, job.error) for job in jobs]
    objects = {str(path.relative_to(tmp_path / "s3")): path for path in (tmp_path / "s3").rglob("*") if path.is_file()}
    results = [job.result for job in jobs]
    kept = [made for one in results for made in (one, *one["made"].values())]
    contents = {one["url"].removeprefix("s3://"): one["sha256"] for one in kept}
    sides = {name for name in objects if name.endswith(".json")}
    assert (7, set(contents)) == (len(sides), set(objects) - sides)
    assert contents == {name: sha256(objects[name].read_bytes()).hexdigest() for name in contents}
    assert 8.0 == results[0]["delivered"]["duration"]
    assert [] == [path for path in (plant.folder / "data" / "staging").rglob("*") if path.is_file()]
