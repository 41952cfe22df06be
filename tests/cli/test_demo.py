"""The demo: its play is the same for the same seed, and its bill adds up."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overcrank.cli.demo_plan import FAULTS, Play


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
