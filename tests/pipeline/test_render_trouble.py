"""A clip that can not be checked, a file that is gone, a stage that fails: nothing succeeds unseen, nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

from bench import Bench
from filmed import damaged, fetched, files, place
from redis import RedisError

from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.media.render import Made
from overcrank.media.steps import Step
from overcrank.media.trouble import MediaError, Overdue
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import flow, verdict
from overcrank.pipeline import render as stage
from overcrank.providers import base as answers
from overcrank.storage import StorageUnavailable
from overcrank.storage.retention import Rules, tidy

HOUR = 3600


def now(bench: Bench, job: Job) -> Job:
    """Return the job as it is by now."""
    return bench.jobs.get(job.id)


def through(bench: Bench, job: Job) -> Job:
    """Take a job that is undelivered through fetching and rendering once, and return it as it is then."""
    if Next("render") == flow.deliver(now(bench, job), bench.tools):
        flow.produce(now(bench, job), bench.tools)
    return now(bench, job)


# the same bytes again


def test_the_same_undecodable_bytes_are_fetched_twice_and_then_hourly(vendor: Bench, film: bytes) -> None:
    """A third copy would be no better: the provider is asked once an hour, and an operator is told why."""
    vendor.vendor.film = damaged(film)  # type: ignore[attr-defined]
    job = fetched(vendor, extras="poster")
    flow.produce(job, vendor.tools)
    assert (vendor.due_in(job) or 0) < 60
    job = through(vendor, job)
    assert (State.UNDELIVERED, 2, True) == (
        job.state, vendor.vendor.downloads, HOUR <= (vendor.due_in(job) or 0) + 1 < 1.3 * HOUR  # type: ignore[attr-defined]
    )  # fmt: skip
    assert "the same bytes came 2 times" in (job.note or "")
    job = through(vendor, job)  # without a promised checksum the bytes have to come to be known
    assert (3, State.UNDELIVERED) == (vendor.vendor.downloads, job.state)  # type: ignore[attr-defined]
    assert "can not be decoded" in (job.note or "")


def test_what_the_provider_says_it_has_is_not_fetched_again(vendor: Bench, film: bytes) -> None:
    """Where its status promises the checksum of bytes that are known to be none, nothing is downloaded."""
    vendor.vendor.film = damaged(film)  # type: ignore[attr-defined]
    job = fetched(vendor)
    flow.produce(job, vendor.tools)
    job = through(vendor, job)
    vendor.say("status", answers.Completed("http://127.0.0.1/clip", job.spoilt["sha256"], 900_000))
    job = through(vendor, job)
    assert (2, State.UNDELIVERED) == (vendor.vendor.downloads, job.state)  # type: ignore[attr-defined]
    assert (vendor.due_in(job) or 0) > 0.9 * HOUR


def test_better_bytes_are_taken_after_all(vendor: Bench, film: bytes) -> None:
    """Once the provider has something else, the next look brings it home."""
    vendor.vendor.film = damaged(film)  # type: ignore[attr-defined]
    job = fetched(vendor)
    flow.produce(job, vendor.tools)
    through(vendor, job)
    vendor.vendor.film = film  # type: ignore[attr-defined]
    assert State.SUCCEEDED == through(vendor, job).state


def test_an_operator_may_end_what_never_will_be_better(vendor: Bench, film: bytes) -> None:
    """It is among the doubtful, with its reason; accepted, it ends as charged, and the original stays."""
    vendor.vendor.film = damaged(film)  # type: ignore[attr-defined]
    job = fetched(vendor)
    flow.produce(job, vendor.tools)
    through(vendor, job)
    [listed] = vendor.jobs.latest(verdict.DOUBTFUL)
    assert (job.id, True) == (listed.id, "--accept" in (listed.note or ""))
    ended = verdict.accept(job.id, vendor.jobs)
    assert (State.FAILED, [".mp4"]) == (ended.state, files(ended))


# a check that could not be finished


def checking(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """Have each check end in an error, or go well again."""

    def render(tasks: Any, patience: float) -> Any:
        for task in tasks:
            yield (
                Made(task.step, {}, error)
                if task.step == Step("check", {}) and error
                else Made(task.step, {"decoded": 240, "steady": True})
            )

    monkeypatch.setattr(stage, "render", render)


@pytest.mark.parametrize("error", [Overdue("it took longer than 300 s"), MediaError("there is too little memory")])
def test_a_check_that_is_not_finished_is_tried_again_and_then_waits_for_an_operator(
    vendor: Bench, monkeypatch, error
) -> None:
    """Three tries with the clip that is here; then it is paid undelivered, looked at hourly, and never succeeds."""
    job = fetched(vendor)
    checking(monkeypatch, error)
    states = []
    for _ in range(3):
        assert Done("later") == flow.produce(now(vendor, job), vendor.tools)
        states.append((now(vendor, job).state, (vendor.due_in(job) or 0) > 0.9 * HOUR))
    assert [(State.FETCHED, False), (State.FETCHED, False), (State.UNDELIVERED, True)] == states
    assert (str(error) in (now(vendor, job).note or ""), 1) == (True, vendor.vendor.downloads)  # type: ignore[attr-defined]
    vendor.later(HOUR)
    assert State.UNDELIVERED == through(vendor, job).state  # still not to be found out
    checking(monkeypatch, None)
    vendor.later(HOUR)
    assert State.SUCCEEDED == through(vendor, job).state


def test_a_step_that_hangs_never_lets_an_unchecked_clip_succeed(film_bench) -> None:
    """With no patience at all the check is not finished, and neither is the job."""
    bench = film_bench(media={"patience": timedelta(seconds=0.001)})
    job = fetched(bench, deliver_fps=30, extras="poster")
    assert Done("later") == flow.produce(job, bench.tools)
    job = now(bench, job)
    assert (State.FETCHED, True) == (job.state, "it took longer than 0.001 s" in (job.note or ""))


# workers that die


def dying(bench: Bench, job: Job, times: int) -> None:
    """Begin runs that never come back."""
    for _ in range(times):
        bench.jobs.begun(job)


def test_workers_that_die_while_a_clip_is_decoded_do_not_make_it_a_success(vendor: Bench) -> None:
    """It is fetched anew once; where one more worker dies at the same bytes it is looked at hourly."""
    job = fetched(vendor, deliver_fps=30)
    dying(vendor, job, vendor.settings.worker.deaths)
    assert Done("later") == flow.produce(job, vendor.tools)
    job = now(vendor, job)
    assert (State.UNDELIVERED, True) == (job.state, (vendor.due_in(job) or 0) < 100)
    assert Next("render") == flow.deliver(job, vendor.tools)
    dying(vendor, job, 1)
    assert Done("later") == flow.produce(now(vendor, job), vendor.tools)
    job = now(vendor, job)
    assert (State.UNDELIVERED, True) == (job.state, (vendor.due_in(job) or 0) > 0.9 * HOUR)
    vendor.later(HOUR)
    assert State.SUCCEEDED == through(vendor, job).state  # the machine was to blame
    assert [] == list((vendor.settings.data_dir / "clips" / ".partial").iterdir())


def test_workers_that_die_after_the_check_leave_the_original(vendor: Bench, monkeypatch) -> None:
    """The clip is known to be one: it is delivered as it came, and the result says what is missing."""
    job = fetched(vendor, deliver_fps=30)
    real = stage.render

    def render(tasks: Any, patience: float) -> Any:
        yield next(iter(real(tasks[:1], patience)))
        raise KeyboardInterrupt  # the worker's end

    with monkeypatch.context() as cut:
        cut.setattr(stage, "render", render)
        with pytest.raises(KeyboardInterrupt):
            flow.produce(job, vendor.tools)
    dying(vendor, job, vendor.settings.worker.deaths - 1)
    assert Ended() == flow.produce(now(vendor, job), vendor.tools)
    job = now(vendor, job)
    assert (State.SUCCEEDED, 240, [".mp4"]) == (job.state, job.result["decoded"], files(job))
    assert "went away" in job.result["made"]["slow"]["error"]
    assert "slow is missing: the original is delivered" in job.result["differs"]


# the stored original


def test_a_clip_whose_stored_original_is_gone_is_fetched_anew(vendor: Bench, film: bytes) -> None:
    """It does not wait for ever for a file that nobody will bring back."""
    job = fetched(vendor, extras="poster")
    vendor.tools.storage.remove(f"{job.id}.mp4")
    assert Done("later") == flow.produce(job, vendor.tools)
    job = now(vendor, job)
    assert (State.UNDELIVERED, True) == (job.state, "its stored clip is gone" in (job.note or ""))
    job = through(vendor, job)
    assert (State.SUCCEEDED, film) == (job.state, place(job.file["url"]).read_bytes())


def test_the_same_holds_where_nothing_is_to_be_made(film_bench) -> None:
    """A clip that vanished between its coming and its end is fetched anew too."""
    bench = film_bench(media={"check": False})
    job = bench.at(State.FETCHED)
    bench.tools.storage.remove(f"{job.id}.mp4")
    assert Done("later") == flow.deliver(job, bench.tools)
    assert State.UNDELIVERED == now(bench, job).state
    assert Ended() == flow.deliver(now(bench, job), bench.tools)


def test_a_storage_in_trouble_is_asked_less_and_less_often(vendor: Bench, monkeypatch) -> None:
    """The clip is there: the job waits for a lease at first and for a minute at last, and says why."""
    job = fetched(vendor, extras="poster")

    def local(*_: str) -> Path:
        raise StorageUnavailable("the disk fails")

    waits = []
    with monkeypatch.context() as broken:
        broken.setattr(vendor.tools.storage, "local", local)
        for passed in (0, 160, 10_000):
            vendor.later(passed)
            assert Done("later") == flow.produce(now(vendor, job), vendor.tools)
            waits.append(round((vendor.redis.zscore(vendor.keys.due, job.id) - vendor.jobs.about_now()) / 1e6))
    assert [True, True, True] == [30 <= waits[0] <= 37, 39 <= waits[1] <= 49, 59 <= waits[2] <= 73]
    assert ("the disk fails", 0) == (now(vendor, job).note, now(vendor, job).runs)
    assert Ended() == flow.produce(now(vendor, job), vendor.tools)


def test_retention_leaves_alone_what_is_still_to_be_made(vendor: Bench) -> None:
    """Files of a job that waits for its pictures stay however old they are; once it has ended they may go."""
    job = fetched(vendor, extras="poster")

    def tidied() -> int:
        later = datetime.now(UTC) + timedelta(days=2)
        rules = Rules(age=timedelta(days=1))
        return len(tidy(vendor.tools.storage, rules, later, running=vendor.jobs.running))

    assert (0, Ended(), 2) == (tidied(), flow.produce(job, vendor.tools), tidied())


def test_a_job_that_nobody_renders_says_what_it_waits_for(vendor: Bench) -> None:
    """After a minute its note names the role; a reason that is known already is left alone."""
    job = fetched(vendor)
    assert not job.note
    vendor.later(61)
    assert Next("render") == flow.deliver(job, vendor.tools)
    assert "it waits for a worker of role render" == now(vendor, job).note
    vendor.jobs.look_again(job, 1, note="the disk fails")
    flow.deliver(now(vendor, job), vendor.tools)
    assert ("the disk fails", Ended()) == (now(vendor, job).note, flow.produce(job, vendor.tools))


# errors that nobody foresaw


def test_an_error_in_the_fetching_stage_is_no_death(vendor: Bench, monkeypatch) -> None:
    """However often it happens, the job is not set aside; it says what went wrong, and no secret of it."""
    job, _ = vendor.start()
    vendor.attend(job)

    def download(*_: object) -> answers.DownloadAnswer:
        raise RuntimeError("no way to http://127.0.0.1/clip?sig=secret")

    with monkeypatch.context() as broken:
        broken.setattr(vendor.vendor, "download", download)
        for _ in range(5):
            assert Done("later") == flow.deliver(now(vendor, job), vendor.tools)
    job = now(vendor, job)
    assert (State.UNDELIVERED, 0) == (job.state, job.runs)
    assert "it could not be fetched: RuntimeError: no way to http://127.0.0.1/clip?sig=***" == job.note
    assert Next("render") == flow.deliver(job, vendor.tools)


def test_a_redis_that_goes_away_is_no_death_either(vendor: Bench, monkeypatch) -> None:
    """That the worker lives is noted with the next run that begins, if it can not be noted at once."""
    job = fetched(vendor, extras="poster")

    def away(*_: object, **__: object) -> Any:
        raise RedisError("it is away")

    for _ in range(5):
        with monkeypatch.context() as cut:
            cut.setattr(stage, "render", away)
            cut.setattr(vendor.jobs.redis, "hset", away)
            with pytest.raises(RedisError):
                flow.produce(job, vendor.tools)
    vendor.jobs.begun(job)
    assert (1, Ended()) == (now(vendor, job).runs, flow.produce(now(vendor, job), vendor.tools))


def test_an_error_in_the_render_stage_is_no_death(vendor: Bench, monkeypatch) -> None:
    """The clip stays where it is, and the job comes back to it."""
    job = fetched(vendor, extras="poster")

    def render(*_: object) -> Any:
        raise RuntimeError("a mistake")

    with monkeypatch.context() as broken:
        broken.setattr(stage, "render", render)
        for _ in range(5):
            assert Done("later") == flow.produce(now(vendor, job), vendor.tools)
    job = now(vendor, job)
    assert (State.FETCHED, 0, "it could not be rendered: RuntimeError: a mistake") == (job.state, job.runs, job.note)
    assert Ended() == flow.produce(job, vendor.tools)


def test_a_worker_without_the_storages_library_discards_nothing(film_bench, monkeypatch) -> None:
    """The paid clip waits, with what to install as its note."""
    pytest.importorskip("obstore")
    import sys

    bench = film_bench(storage={"url": "s3://bucket/clips?endpoint=http://127.0.0.1:9"})
    bench.tools.storage._staging.root = bench.settings.data_dir / "staging"
    monkeypatch.setitem(sys.modules, "obstore", None)
    job, _ = bench.start()
    bench.attend(job)
    for _ in range(5):
        assert Done("later") == flow.deliver(now(bench, job), bench.tools)
    job = now(bench, job)
    assert (State.UNDELIVERED, 0, True) == (job.state, job.runs, "pip install 'overcrank[s3]'" in (job.note or ""))
