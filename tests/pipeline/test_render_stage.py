"""What is made of a clip that is here; and a clip that can not be decoded is paid undelivered, not succeeded."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

from bench import Bench
from filmed import damaged, fetched, files, place, uneven

from overcrank.lifecycle import State
from overcrank.media import mp4
from overcrank.media import render as rendering
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import flow
from overcrank.pipeline.described import differs
from overcrank.pipeline.render import produce
from overcrank.sandbox.clips import ClipShape, render


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
    assert [
        "resolution is 160x90, not 1920x1080",
        "delivered size is 160x90, not 1920x1080",
        "light size is 160x90, not 1920x1080",
    ] == result["differs"]
    assert film == place(result["url"]).read_bytes()
    assert [] == list((vendor.settings.data_dir / "clips" / ".partial").iterdir())


def test_every_clip_is_decoded_unless_that_is_switched_off(film_bench) -> None:
    """By itself a clip of which nothing is asked goes to the render stage; with the switch it ends where it came."""
    job = fetched(film_bench())
    assert State.FETCHED == job.state
    bench = film_bench(media={"check": False})
    job, _ = bench.start()
    bench.attend(job)
    assert Ended() == flow.deliver(bench.jobs.get(job.id), bench.tools)


def test_without_the_extra_a_clip_is_probed_and_not_decoded(vendor: Bench, monkeypatch) -> None:
    """The core works as before: what is a whole MP4 is delivered."""
    monkeypatch.setattr(rendering, "NEEDED", ("no_such_module",))
    job, _ = vendor.start()
    vendor.attend(job)
    assert Ended() == flow.deliver(vendor.jobs.get(job.id), vendor.tools)


@pytest.mark.parametrize("extras", ["poster", ""])
def test_a_clip_that_can_not_be_decoded_is_paid_undelivered(vendor: Bench, film: bytes, extras) -> None:
    """It is fetched anew, the money stays booked; once a good copy comes, it succeeds."""
    vendor.vendor.film = damaged(film)  # type: ignore[attr-defined]
    job = fetched(vendor, extras=extras)
    assert Done("later") == produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.UNDELIVERED, True) == (job.state, "can not be decoded" in (job.note or ""))
    vendor.vendor.film = film  # type: ignore[attr-defined]
    assert Next("render") == flow.deliver(job, vendor.tools)
    assert Ended() == produce(vendor.jobs.get(job.id), vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.SUCCEEDED, film) == (job.state, place(job.file["url"]).read_bytes())


def test_a_clip_that_never_can_be_decoded_waits_for_an_operator(vendor: Bench, film: bytes) -> None:
    """When the provider keeps it no longer; the paid original stays."""
    vendor.vendor.film = damaged(film)  # type: ignore[attr-defined]
    job = fetched(vendor, extras="poster")
    vendor.later(vendor.settings.provider.keeps.total_seconds() + 1)
    assert Done("for an operator") == produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    assert (State.UNDELIVERED, [".mp4"]) == (job.state, files(job))


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
    folder = place(job.file["url"]).parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert Done("moved") == produce(job, vendor.tools)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_lengths_are_compared_to_a_frame(vendor: Bench) -> None:
    """One frame more or less is as asked; two are not."""
    job = fetched(vendor, deliver_fps=30)

    def said(frames: int) -> list[str]:
        return differs(job, mp4.Film(Fraction(frames, 120), Fraction(120), frames, 1920, 1080, "avc1"))

    assert [[], [], ["duration is 2.00833, not 2"]] == [said(240), said(240), said(241)]


def test_a_step_says_what_it_took_and_what_it_made(vendor: Bench) -> None:
    """Seconds of CPU and MB of memory, size and checksum of each file; and of the check, what that took."""
    job = fetched(vendor, deliver_fps=30, extras="poster")
    produce(job, vendor.tools)
    result = vendor.jobs.get(job.id).result
    for made in result["made"].values():
        content = place(made["url"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (made["sha256"], made["bytes"])
    took = [*result["made"].values(), result["check"]]
    assert [True] * 3 == [each["cpu_s"] >= 0 and each["peak_mb"] > 10 for each in took]
    assert (True, {"slow", "poster"}) == (result["steady"], set(result["made"]))


def test_side_files_say_all_there_is_to_say(vendor: Bench) -> None:
    """The clip's is completed at the end; each step's has its own checksum, the request, the cost and the timings."""
    job = fetched(vendor, deliver_fps=30, extras="poster")
    produce(job, vendor.tools)
    job = vendor.jobs.get(job.id)
    result = job.result

    def beside(url: str) -> dict[str, Any]:
        return json.loads(Path(f"{place(url)}.json").read_text())

    main = beside(result["url"])
    assert (result["timings"], result["made"], result["delivered"], 240) == (
        main["timings"], main["made"], main["delivered"], main["decoded"]
    )  # fmt: skip
    for name in ("slow", "poster"):
        side, made = beside(result["made"][name]["url"]), result["made"][name]
        assert (name, made["sha256"], result["sha256"], "0.90", "a ball falls") == (
            side["step"], side["sha256"], side["of"], side["cost_usd"], side["request"]["prompt"]
        )  # fmt: skip
        assert "completed" in side["timings"]


def test_what_is_delivered_is_compared_with_the_request(vendor: Bench) -> None:
    """A film at half the frame rate makes half a slow motion, and the result says so."""
    vendor.vendor.film = render(ClipShape((1920, 1080), 60, 120, 1, 9.81, "plain"))  # type: ignore[attr-defined]
    job = fetched(vendor, deliver_fps=30)
    produce(job, vendor.tools)
    assert ["fps is 60, not 120", "delivered frames is 120, not 240", "delivered duration is 4, not 8"] == (
        vendor.jobs.get(job.id).result["differs"]
    )


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({"deliver_fps": 24}, (1280, 720, 240, 24.0, 10.0)),
        ({"mode": "time_lapse", "speed": 4}, (1280, 720, 15, 30.0, 0.5)),
        ({"mode": "hyperlapse", "speed": 4}, (1076, 606, 15, 30.0, 0.5)),
    ],
)
def test_what_was_asked_for_differs_in_nothing(vendor: Bench, fields, shape) -> None:
    """Each mode delivers what its request leads to; what a hyperlapse cuts off is said, and is no difference."""
    vendor.vendor.film = render(ClipShape((1280, 720), 120, 240, 1, 9.81, "plain"))  # type: ignore[attr-defined]
    job = fetched(vendor, resolution="720p", **fields)
    produce(job, vendor.tools)
    result = vendor.jobs.get(job.id).result
    delivered = result["delivered"]
    assert ([], shape) == (
        result["differs"], tuple(delivered[key] for key in ("width", "height", "frames", "fps", "duration"))
    )  # fmt: skip
    assert ("hyperlapse" == fields.get("mode")) == ("cropped" in delivered)


def test_a_variable_frame_rate_is_said(vendor: Bench, tmp_path) -> None:
    """The check sees it; the result names it among what differs."""
    vendor.vendor.film = uneven(tmp_path / "a.mp4")  # type: ignore[attr-defined]
    job = fetched(vendor)
    produce(job, vendor.tools)
    result = vendor.jobs.get(job.id).result
    assert (False, "its frames are not equally long: the frame rate varies") == (
        result["steady"], result["differs"][-1]
    )  # fmt: skip
