"""What is shown of a clip that came home: the film that was delivered, what else was made, and what is not as asked."""

import json
from typing import Any

import pytest
from rich.console import Console

from overcrank.batch.journal import Journal
from overcrank.clip import Clip, Priority
from overcrank.console.jobs import ended, job_card
from overcrank.job import Job
from overcrank.lifecycle import State

SHAPE = {"frames": 600, "fps": 30.0, "duration": 20.0, "width": 1920, "height": 1080}
WHOLE: dict[str, Any] = {
    "url": "file:///clips/x.mp4", "sha256": "a" * 64, "bytes": 5000, "differs": [],
    "film": {**SHAPE, "codec": "h264", "fps": 120.0, "duration": 5.0},
    "delivered": {"url": "file:///clips/x-slow.mp4", **SHAPE},
    "made": {"slow": {"url": "file:///clips/x-slow.mp4"}, "poster": {"url": "file:///clips/x-poster.jpg"}},
}  # fmt: skip
PARTLY = {
    **WHOLE, "differs": ["fps is 60, not 120"], "delivered": {"url": WHOLE["url"], **SHAPE},
    "made": {"slow": {"error": "it is not there"}, "poster": {"url": "file:///clips/x-poster.jpg"}},
}  # fmt: skip


def job(file: dict[str, Any], **fields: Any) -> Job:
    """Return a job that has its clip."""
    return Job(
        "id", State.SUCCEEDED, 9, Priority.NORMAL, "default", 5,
        Clip(prompt="x", **fields).model_dump_json(exclude_defaults=True), cost=5, file=file,
        moments={"created": 0, "ended": 5},
    )  # fmt: skip


def shown(view: Any) -> str:
    """Return what a terminal shows."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


@pytest.mark.parametrize("view", [ended, job_card])
def test_the_delivered_film_is_shown_with_what_was_made(view) -> None:
    """It is what was asked for; the original stands beside it, and so does what else there is."""
    text = shown(view(job(WHOLE)))
    for words in ("x-slow.mp4", "x.mp4", "x-poster.jpg", "600 frames at 30 fps, 20 s, 1920x1080"):
        assert words in text


@pytest.mark.parametrize("view", [ended, job_card])
def test_what_is_not_as_asked_is_shown(view) -> None:
    """What differs, and the steps that failed, with why."""
    text = shown(view(job(PARTLY)))
    for words in ("fps is 60, not 120", "slow was not made: it is not there"):
        assert words in text


def test_a_results_file_holds_it_too(tmp_path) -> None:
    """Delivered, made, what differs and what could not be made."""
    with Journal(tmp_path / "r", resume=False) as journal:
        journal.add(1, job(WHOLE), 5)
        journal.add(2, job(PARTLY), 5)
    _, whole, partly = map(json.loads, (tmp_path / "r").read_text().splitlines())
    assert (WHOLE["delivered"], {"slow": "file:///clips/x-slow.mp4", "poster": "file:///clips/x-poster.jpg"}) == (
        whole["delivered"], whole["made"]
    )  # fmt: skip
    assert ([], {}) == (whole["differs"], whole["unmade"])
    assert (["fps is 60, not 120"], {"slow": "it is not there"}) == (partly["differs"], partly["unmade"])


@pytest.mark.parametrize(
    ("file", "fields", "expected"),
    [
        (WHOLE, {"deliver_fps": 30}, False),
        (PARTLY, {"deliver_fps": 30}, True),
        (PARTLY, {"mode": "time_lapse", "speed": 3}, True),
        (PARTLY, {}, False),
    ],
)
def test_a_clip_falls_short_where_what_was_asked_for_was_not_made(file, fields, expected) -> None:
    """Not where nobody asked: the mode's own delivery is made where that is possible."""
    assert expected == job(file, **fields).falls_short
