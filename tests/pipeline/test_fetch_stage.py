"""Bringing a paid clip home: it is tried again and again, and never paid again."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bench import BYTES, READY, SHA256, Bench

from overcrank.lifecycle import State
from overcrank.media.mp4 import NotAFilm
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import fetch as stage
from overcrank.pipeline import flow
from overcrank.pipeline.fetch import fetch
from overcrank.providers import base as answers
from overcrank.storage import StorageUnavailable

COST = READY.cost or 0


def test_a_clip_is_stored_described_and_handed_over(bench: Bench) -> None:
    """File, checksum, cost and timings are in the result; the side file says where it comes from."""
    job = bench.at(State.UNDELIVERED)
    assert Ended() == flow.deliver(job, bench.tools)
    job = bench.jobs.get(job.id)
    assert State.SUCCEEDED == job.state
    result = job.result
    assert result is not None
    assert (SHA256, len(BYTES), "0.90", "1.00") == (
        result["sha256"], result["bytes"], result["cost_usd"], result["quote_usd"]
    )  # fmt: skip
    path = Path(urlsplit(result["url"]).path)
    assert BYTES == path.read_bytes()
    sides = [json.loads(side.read_text()) for side in path.parent.glob(f"{job.id}*.json")]
    assert [(job.id, SHA256, "a ball falls")] == [(s["job_id"], s["sha256"], s["request"]["prompt"]) for s in sides]
    assert {"created", "admitted", "sent", "accepted", "completed", "fetched", "ended"} <= set(result["timings"])
    assert [result["timings"]] == [side["timings"] for side in sides]
    assert "sig=" not in json.dumps(result) + json.dumps(sides)
    assert [] == [left for left in (bench.settings.data_dir / "clips").rglob("*.part*") if left.is_file()]


def test_an_address_that_expired_is_asked_for_again(bench: Bench) -> None:
    """A fresh one costs nothing."""
    job = bench.at(State.UNDELIVERED)
    bench.say("download", answers.Expired("403"))
    assert Next("finish") == fetch(job, bench.tools)
    assert State.FETCHED == bench.jobs.get(job.id).state


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("download", [answers.Expired("403")] * 3),
        ("download", [answers.Broken("too short")] * 3),
        ("download", [answers.Unavailable("no route")]),
        ("status", [answers.Unavailable("503", retry_after=9)]),
        ("status", [answers.Running()]),
        ("status", [answers.Missing("404")]),
        ("status", [answers.Failed("gone", "x", 0)]),
        ("status", [answers.Stopped("key", "wrong")]),
    ],
)
def test_what_does_not_come_is_fetched_later(bench: Bench, verb: str, said: list[object]) -> None:
    """The clip is paid for: nothing is booked back, nothing is sent again, and somebody comes back."""
    job = bench.at(State.UNDELIVERED)
    bench.say(verb, *said)
    assert Done("later") == fetch(job, bench.tools)
    after = bench.jobs.get(job.id)
    assert (State.UNDELIVERED, (0, COST), 1) == (after.state, bench.money(), len(bench.vendor.created))
    assert after.note
    assert 0.9 < (bench.due_in(job) or 0) < 11


def test_what_is_no_film_is_thrown_away_and_fetched_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error page with a 200 is not kept as somebody's clip."""
    job = bench.at(State.UNDELIVERED)

    def probe(_: Path) -> None:
        raise NotAFilm("html")

    monkeypatch.setattr(stage, "probe", probe)
    assert Done("later") == fetch(job, bench.tools)
    assert "html" in (bench.jobs.get(job.id).note or "")
    assert [] == [left for left in (bench.settings.data_dir / "clips").rglob("*") if left.is_file()]


def test_promised_bytes_that_are_no_film_are_fetched_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider says by their checksum that it has nothing else: it is asked hourly, and an operator is told."""
    job = bench.at(State.UNDELIVERED)
    downloads = broken_films(bench, monkeypatch)
    assert (Done("later"), 2) == (fetch(job, bench.tools), len(downloads))
    job = bench.jobs.get(job.id)
    assert (True, True) == ("`--accept` ends it" in (job.note or ""), (bench.due_in(job) or 0) > 3500)
    assert (Done("later"), 2) == (fetch(job, bench.tools), len(downloads))


def test_a_page_in_a_clips_stead_may_pass(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no checksum was promised the same page is soon looked past again, for ten minutes."""
    job = bench.at(State.UNDELIVERED)
    downloads = broken_films(bench, monkeypatch)
    bench.say("status", *[answers.Completed("http://127.0.0.1/clip")] * 6)
    assert (Done("later"), 3) == (fetch(job, bench.tools), len(downloads))
    assert (bench.due_in(job) or 0) < 11
    bench.later(700)
    fetch(bench.jobs.get(job.id), bench.tools)
    assert (bench.due_in(job) or 0) > 3500


def broken_films(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have no download be a film, and return the list of those that were made."""
    real, downloads = bench.vendor.download, []

    def probe(_: Path) -> None:
        raise NotAFilm("html")

    def download(url: str, to: Path, sha256: str | None = None) -> answers.DownloadAnswer:
        downloads.append(url)
        return real(url, to, sha256)

    monkeypatch.setattr(stage, "probe", probe)
    monkeypatch.setattr(bench.vendor, "download", download)
    return downloads


def test_a_full_disk_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job stays paid and undelivered, and says why."""
    job = bench.at(State.UNDELIVERED)

    def staging(_: str) -> Path:
        raise StorageUnavailable("the disk is full: make room")

    with monkeypatch.context() as full:
        full.setattr(bench.tools.storage, "staging", staging)
        assert Done("later") == fetch(job, bench.tools)
    assert "the disk is full" in (bench.jobs.get(job.id).note or "")
    assert Next("finish") == fetch(job, bench.tools)


def test_what_the_provider_keeps_no_longer_waits_for_an_operator(bench: Bench) -> None:
    """It was paid for and is never ended by itself: the note says so, and the books keep what it cost."""
    job = bench.at(State.UNDELIVERED)
    bench.later(24 * 3600 + 1)
    bench.say("status", answers.Missing("404"))
    assert Done("for an operator") == fetch(job, bench.tools)
    job = bench.jobs.get(job.id)
    assert (State.UNDELIVERED, COST, (0, COST)) == (job.state, job.cost, bench.money())
    assert "it was paid for and could not be fetched in 24 h: " in (job.note or "")
    assert 3000 < (bench.due_in(job) or 0)


def test_a_delivery_that_is_repeated_finds_its_work_done(bench: Bench) -> None:
    """Stored but not finished, finished but not announced: each goes on from where it is."""
    job = bench.at(State.FETCHED)
    assert Next("fetch") == bench.attend(job)
    assert Ended() == flow.deliver(job, bench.tools)
    assert Done("moved") == stage.finish(job, bench.tools)
    assert Ended() == flow.deliver(bench.jobs.get(job.id), bench.tools)
    assert Ended() == bench.attend(job)
