"""A clip with a background: it waits for it, is put in front of it, and books its part of what that cost."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("av")

import av
from bench import QUOTE, Bench

from overcrank.clip import Clip
from overcrank.errors import GenerationFailed, InvalidClip
from overcrank.ids import new_id
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.media import mp4
from overcrank.outcome import Done, Ended, Next, Outcome
from overcrank.pipeline import fetch as fetching
from overcrank.pipeline import flow, share
from overcrank.pipeline.render import produce
from overcrank.providers import base as answers
from overcrank.sandbox.clips import ClipShape, render

MODEL = "pixverse-v6-physics"
SKY = "#646464"


@pytest.fixture(scope="module")
def films() -> dict[str, bytes]:
    """Two different falls."""
    return {
        name: render(ClipShape((160, 90), 120, 120, seed, 9.81, "av")) for name, seed in (("front", 1), ("back", 2))
    }


@pytest.fixture
def vendor(bench: Bench, films: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose vendor delivers the film `next`."""
    monkeypatch.setattr(fetching, "probe", mp4.probe)
    bench.next = films["front"]  # type: ignore[attr-defined]

    def download(url: str, to: Path, sha256: str | None = None) -> answers.DownloadAnswer:
        to.write_bytes(bench.next)  # type: ignore[attr-defined]
        return answers.Downloaded(to.stat().st_size, hashlib.sha256(to.read_bytes()).hexdigest())

    monkeypatch.setattr(bench.vendor, "download", download)
    return bench


def enter(bench: Bench, **fields: Any) -> Job:
    """Enter a job as a message does."""
    if not {"mode", "speed", "deliver_fps"} & fields.keys():  # nothing is made of it unless a test asks for that
        fields["mode"] = "plain"
    clip = Clip(prompt="a ball falls", **{"fps": 120, "duration": 1.0, **fields})
    return bench.jobs.get(share.enter(bench.jobs, new_id(), clip, QUOTE, MODEL))


def arrive(bench: Bench, job: Job) -> Outcome:
    """Take a job through gate, wire and download."""
    flow.start(job, bench.tools)
    bench.attend(job)
    return flow.deliver(bench.jobs.get(job.id), bench.tools)


def done(bench: Bench, job: Job) -> Job:
    """Make what is to be made of a job's clip, and return it as it ended."""
    assert Ended() == produce(bench.jobs.get(job.id), bench.tools)
    return bench.jobs.get(job.id)


def told(bench: Bench, job: Job) -> list[str]:
    """Hand over a job's result; return the jobs that are due since."""
    audience, followers = bench.jobs.waiting(job.id)
    bench.jobs.told(job.id, audience, followers)
    return bench.redis.zrangebyscore(bench.keys.due, "-inf", bench.jobs.now())


def pixels(url: str) -> Any:
    """Return the last picture of a film."""
    with av.open(urlsplit(url).path) as container:
        return list(container.decode(video=0))[-1].to_ndarray(format="gray").astype(int)


def test_a_clip_waits_for_its_background_and_is_put_before_it(vendor: Bench, films) -> None:
    """It is fetched and in nobody's hand meanwhile; then it is made of both, and its other steps are made of that."""
    back = enter(vendor, unique_key="beach")
    front = enter(vendor, background="beach", key=SKY, key_tolerance=0.3, deliver_fps=30, extras="poster")
    assert Done("its background is still to come") == arrive(vendor, front)
    assert State.FETCHED == vendor.jobs.get(front.id).state
    vendor.next = films["back"]  # type: ignore[attr-defined]
    assert Ended() == arrive(vendor, back)
    assert [front.id] == told(vendor, vendor.jobs.get(back.id))
    assert Next("fetch") == vendor.attend(front)
    assert Next("render") == flow.deliver(vendor.jobs.get(front.id), vendor.tools)
    front, back = done(vendor, front), vendor.jobs.get(back.id)
    made = front.result["made"]
    assert ["composite", "slow", "poster"] == [name for name, what in made.items() if "error" not in what]
    assert (4.0, back.id, back.file["sha256"]) == (
        front.result["delivered"]["duration"], *(made["composite"]["background"][n] for n in ("job_id", "sha256")),
    )  # fmt: skip
    behind, before, both = (pixels(url) for url in (back.file["url"], front.file["url"], made["composite"]["url"]))
    ball, sky = before > 200, before < 170
    assert [True, True] == [bool(abs(both - one)[at].mean() < 8) for one, at in ((before, ball), (behind, sky))]


def test_its_part_of_the_cost_is_booked_beside_its_own(vendor: Bench) -> None:
    """Both jobs cost what they cost; the ledger knows nothing of parts, and they add up."""
    back = enter(vendor, unique_key="beach")
    fronts = [enter(vendor, background=back.id, key=SKY) for _ in range(3)]
    arrive(vendor, back)
    for front in fronts:
        arrive(vendor, front)
    fronts = [done(vendor, front) for front in fronts]
    back = vendor.jobs.get(back.id)
    assert ([300_000] * 3, 900_000) == ([front.share for front in fronts], back.shared)
    assert ([900_000] * 4, (0, 3_600_000)) == ([job.cost for job in (back, *fronts)], vendor.money())
    assert ("0.30", "0.90") == (fronts[0].result["background_share_usd"], back.result["shared_out_usd"])
    side = json.loads(Path(urlsplit(fronts[0].result["made"]["composite"]["url"]).path + ".json").read_text())
    assert ("0.30", "0.90") == (side["background"]["share_usd"], side["background"]["cost_usd"])


def test_a_background_that_fails_costs_no_clip(vendor: Bench) -> None:
    """The result says why, and the original is delivered with what else was asked for."""
    back = enter(vendor, unique_key="beach")
    front = enter(vendor, background="beach", extras="poster")
    arrive(vendor, front)
    vendor.jobs.move(back, State.FAILED, error=GenerationFailed("no clouds"), cost=0)
    assert Next("render") == flow.deliver(vendor.jobs.get(front.id), vendor.tools)
    front = done(vendor, front)
    assert front.falls_short
    result = front.result
    assert f"its background {back.id} has failed: no clouds" == result["made"]["composite"]["error"]
    assert (result["url"], True, "0.00") == (
        result["delivered"]["url"], "url" in result["made"]["poster"], result["background_share_usd"],
    )  # fmt: skip


def test_a_background_whose_file_is_gone_costs_no_clip(vendor: Bench) -> None:
    """Retention, or somebody, removed it."""
    back = enter(vendor, unique_key="beach")
    front = enter(vendor, background="beach")
    arrive(vendor, back)
    Path(urlsplit(vendor.jobs.get(back.id).file["url"]).path).unlink()
    arrive(vendor, front)
    assert "is not kept any more" in done(vendor, front).result["made"]["composite"]["error"]


def test_a_clip_in_which_nothing_can_be_seen_through_is_delivered_as_it_is(vendor: Bench) -> None:
    """No pixel of an H.264 film is transparent."""
    back = enter(vendor, unique_key="beach")
    front = enter(vendor, background="beach", key="alpha")
    arrive(vendor, back)
    arrive(vendor, front)
    result = done(vendor, front).result
    assert ("name the colour" in result["made"]["composite"]["error"], result["url"]) == (
        True,
        result["delivered"]["url"],
    )


@pytest.mark.parametrize("name", ["beach", "0190b2c4-0000-7000-8000-000000000000"])
def test_a_background_that_is_not_there_is_refused_before_anything_is_paid(vendor: Bench, name) -> None:
    """Neither by a key nor by an id; and what another project has is not there."""
    enter(vendor, unique_key="beach", project="other")
    with pytest.raises(InvalidClip, match=f"background: '{name}' is neither"):
        enter(vendor, background=name)


def test_another_projects_background_is_not_there(vendor: Bench) -> None:
    """Also where its id is known."""
    back = enter(vendor, project="other")
    with pytest.raises(InvalidClip, match="in the project default"):
        enter(vendor, background=back.id)
