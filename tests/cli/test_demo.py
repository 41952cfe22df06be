"""The demo: its play is the same for the same seed, and its bill adds up."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overcrank.cli.demo_plan import FAULTS, Play
from overcrank.cli.demo_verdict import undelivered
from overcrank.clip import Clip, Priority
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.sandbox.clips import ClipShape, render


def clip_of(fps: int, frames: int) -> bytes:
    """Return a small film."""
    return render(ClipShape((320, 180), fps, frames, 0, 9.81, "still"))


def test_the_same_seed_is_the_same_play():
    """Clips, budget and faults come from the seed alone."""
    assert Play.write(24, 7) == Play.write(24, 7)
    assert Play.write(24, 7).clips != Play.write(24, 8).clips


@pytest.mark.parametrize("seed", range(5))
def test_every_play_has_what_it_takes(seed: int):
    """Three priorities, more money than two windows hold, and every fault once."""
    play = Play.write(24, seed)
    assert {"urgent": 8, "normal": 8, "bulk": 8} == {
        name: sum(clip.priority == name for clip in play.clips) for name in ("urgent", "normal", "bulk")
    }
    assert 2 * play.cap < play.total
    assert sorted(FAULTS) == sorted((stage, fault) for _, stage, fault in play.faults)


def test_what_was_delivered_is_looked_into(tmp_path: Path):
    """A name alone is no proof: frames, rate and length count, and what a picture begins with."""
    film, asked = tmp_path / "x.mp4", {"deliver_fps": 30, "fps": 60, "duration": 1, "extras": "poster"}
    film.write_bytes(clip_of(60, 60))
    slow, poster = tmp_path / "x-slow.mp4", tmp_path / "x-poster.jpg"
    slow.write_bytes(clip_of(30, 60))
    poster.write_bytes(b"\xff\xd8\xff")
    file = {
        "url": film.as_uri(), "delivered": {"url": slow.as_uri()}, "made": {"poster": {"url": poster.as_uri()}}
    }  # fmt: skip

    def found(**changed) -> list[str]:
        request = Clip(prompt="x", **asked).model_dump_json(exclude_defaults=True)
        job = Job("id", State.SUCCEEDED, 1, Priority.NORMAL, "default", 5, request, file={**file, **changed})
        return undelivered(job)

    assert [] == found()
    assert ["delivered are 60 frames at 60 fps, 1 s; asked for were 60, 30, 2"] == found(
        delivered={"url": film.as_uri()}
    )
    assert ["the poster is no picture of its kind"] == found(made={"poster": {"url": film.as_uri()}})
    assert ["there is no poster"] == found(made={})


@pytest.mark.system
@pytest.mark.timeout(150)
def test_the_demo_ends_well_in_time(tmp_path: Path):
    """Two dozen clips come home in under 90 s; ledger and bill agree, nothing is paid twice, windows hold."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "overcrank", "demo", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    spent = time.monotonic() - began
    assert 0 == done.returncode, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [] == [fact["text"] for fact in found["facts"] if not fact["ok"]]
    assert (24, [], True) == (
        sum(job["state"] == "succeeded" and job["as_asked"] for job in found["jobs"]),
        found["paid_twice"],
        found["ledger_micros"] == found["bill_micros"] > 0,
    )
    assert {f"{stage}.{fault}" for stage, fault in FAULTS} <= set(found["faults"])
    films = [path.stem[36:] for path in (tmp_path / "overcrank-demo").rglob("*.mp4")]
    assert [*[""] * 24, "-hyper", "-lapse", "-slow"] == sorted(films)
    assert 24 == (tmp_path / "overcrank-demo" / "gallery.html").read_text().count("<article")
    assert spent < 90
