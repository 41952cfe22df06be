"""What is made of a clip that is here; and a clip that can not be decoded is paid undelivered, not succeeded."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("av")

from bench import Bench

from overcrank.errors import Undeliverable
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.media import mp4
from overcrank.media import render as rendering
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import fetch as fetching
from overcrank.pipeline import flow
from overcrank.pipeline.render import produce
from overcrank.providers import base as answers
from overcrank.sandbox.clips import ClipShape, render


@pytest.fixture(scope="module")
def film() -> bytes:
    """A second of a falling ball at 120 frames."""
    return render(ClipShape((160, 90), 120, 240, 1, 9.81, "av"))


@pytest.fixture
def vendor(bench: Bench, film: bytes, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose vendor delivers a real film, or whatever a test makes it."""
    monkeypatch.setattr(fetching, "probe", mp4.probe)
    bench.vendor.film = film  # type: ignore[attr-defined]

    def download(url: str, to: Path, sha256: str | None = None) -> answers.DownloadAnswer:
        to.write_bytes(bench.vendor.film)  # type: ignore[attr-defined]
        return answers.Downloaded(len(film), hashlib.sha256(to.read_bytes()).hexdigest())

    monkeypatch.setattr(bench.vendor, "download", download)
    return bench


def fetched(bench: Bench, **fields: Any) -> Job:
    """Return a job whose clip is here and waits to be rendered."""
    job, _ = bench.start(fps=120, duration=2.0, **fields)
    bench.attend(job)
    assert Next("render") == flow.deliver(bench.jobs.get(job.id), bench.tools)
    return bench.jobs.get(job.id)


def files(job: Job) -> list[str]:
    """Return what is kept of a job, by the part of its name after its id."""
    folder = Path(urlsplit(job.file["url"]).path).parent
    return sorted(path.name.removeprefix(job.id) for path in folder.glob(f"{job.id}*") if path.suffix != ".json")


def test_what_was_asked_for_is_made_and_kept(vendor: Bench, film: bytes) -> None:
    """Delivered four times slower, with pictures; the original is kept, and the result says what is what."""
    job = fetched(vendor, deliver_fps=30, extras="poster,preview,sheet,light")
    assert Ended() == produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    result = job.result
    assert ["-light.mp4", "-poster.jpg", "-preview.webp", "-sheet.jpg", "-slow.mp4", ".mp4"] == files(job)
    assert (State.SUCCEEDED, 240, 8.0, 30.0) == (
        job.state, result["decoded"], result["delivered"]["duration"], result["delivered"]["fps"],
    )  # fmt: skip
    assert {"fps": 120, "duration": 2.0, "resolution": "1920x1080", "deliver_fps": 30} == result["asked"]
    assert ["resolution is 160x90, not 1920x1080"] == result["differs"]
    assert film == Path(urlsplit(result["url"]).path).read_bytes()
    side = json.loads(Path(urlsplit(result["delivered"]["url"]).path + ".json").read_text())
    assert (job.id, "slow", {"fps": 30}, result["sha256"]) == (
        side["job_id"],
        side["step"],
        side["options"],
        side["of"],
    )
    assert [] == list((vendor.settings.data_dir / "clips" / ".partial").iterdir())


def test_a_clip_of_which_nothing_is_asked_is_not_rendered(vendor: Bench) -> None:
    """It ends in the fetching stage, as before."""
    job, _ = vendor.start()
    vendor.attend(job)
    assert Ended() == flow.deliver(vendor.jobs.get(job.id), vendor.tools)


def test_every_clip_is_decoded_where_that_is_set(make_bench, film) -> None:
    """The setting brings every clip to the render stage."""
    bench = make_bench(media={"check": True})
    job, _ = bench.start()
    bench.attend(job)
    assert Next("render") == flow.deliver(bench.jobs.get(job.id), bench.tools)


def test_a_clip_that_can_not_be_decoded_is_paid_undelivered(vendor: Bench, film: bytes) -> None:
    """It is fetched anew, the money stays booked; once a good copy comes, it succeeds."""
    middle = film.index(b"mdat") + 1000
    vendor.vendor.film = film[:middle] + b"\xff" * 2000 + film[middle + 2000 :]  # type: ignore[attr-defined]
    job = fetched(vendor, extras="poster")
    assert Done("later") == produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.UNDELIVERED, True) == (job.state, "can not be decoded" in (job.note or ""))
    vendor.vendor.film = film  # type: ignore[attr-defined]
    assert Next("render") == flow.deliver(job, vendor.tools)
    assert Ended() == produce(vendor.jobs.get(job.id), vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.SUCCEEDED, film) == (job.state, Path(urlsplit(job.file["url"]).path).read_bytes())


def test_a_clip_that_never_can_be_decoded_fails_in_the_end(vendor: Bench, film: bytes) -> None:
    """When the provider keeps it no longer; the paid original stays."""
    middle = film.index(b"mdat") + 1000
    vendor.vendor.film = film[:middle] + b"\xff" * 2000 + film[middle + 2000 :]  # type: ignore[attr-defined]
    job = fetched(vendor, extras="poster")
    vendor.later(vendor.settings.provider.keeps.total_seconds() + 1)
    assert Ended() == produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.FAILED, Undeliverable, [".mp4"]) == (job.state, type(job.exception), files(job))


def test_a_step_that_fails_costs_no_clip(vendor: Bench) -> None:
    """What the film does not allow is said in the result; the rest is made of the original."""
    vendor.vendor.film = render(ClipShape((160, 90), 30, 60, 1, 9.81, "av"))  # type: ignore[attr-defined]
    job = fetched(vendor, deliver_fps=30, extras="poster")
    assert Ended() == produce(job, vendor.tools)
    result = vendor.jobs.get(job.id).result
    assert "no slow motion" in result["made"]["slow"]["error"]
    assert (result["url"], True) == (result["delivered"]["url"], "url" in result["made"]["poster"])


def test_a_worker_without_the_extra_says_so_and_keeps_the_clip(vendor: Bench, monkeypatch) -> None:
    """The job succeeds with its original, and the result names what to install."""
    job = fetched(vendor, deliver_fps=30)
    monkeypatch.setattr(rendering, "NEEDED", ("no_such_module",))
    assert Ended() == produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.SUCCEEDED, [".mp4"]) == (job.state, files(job))
    assert "pip install 'overcrank[video]'" in job.result["made"]["slow"]["error"]


def test_rendering_twice_is_the_same_files(vendor: Bench) -> None:
    """A worker that died after it had made everything is followed by one that makes the same."""
    job = fetched(vendor, deliver_fps=30, extras="poster,preview,sheet,light")
    produce(job, vendor.tools)
    folder = Path(urlsplit(job.file["url"]).path).parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert Done("moved") == produce(job, vendor.tools)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_workers_that_go_away_are_counted(vendor: Bench) -> None:
    """After as many as are allowed, the clip is delivered as it came."""
    job = fetched(vendor, deliver_fps=30)
    for _ in range(vendor.settings.worker.deaths):
        vendor.jobs.begun(job)
    assert Ended() == produce(job, vendor.tools)
    assert "went away" in vendor.jobs.get(job.id).result["made"]["slow"]["error"]


def test_lengths_are_compared_to_a_frame(vendor: Bench) -> None:
    """One frame more or less is as asked; two are not."""
    job = fetched(vendor, deliver_fps=30)

    def said(frames: int) -> list[str]:
        return fetching.differs(job, mp4.Film(Fraction(frames, 120), Fraction(120), frames, 1920, 1080, "avc1"))

    assert [[], [], ["duration is 2.00833, not 2"]] == [said(240), said(240), said(241)]
