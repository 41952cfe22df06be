"""What a clip's files are, and how that compares with what was asked for."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..clip import Clip
from ..clock import iso
from ..job import Job
from ..media.expected import after, asked
from ..media.mp4 import Film
from ..media.recipe import Recipe
from ..media.steps import DELIVERIES, described
from ..money import plain
from ..providers import base as answers

COMPARED = (*DELIVERIES, "light")
"""Steps that make a film at a frame rate of its own."""


def original(job: Job) -> str:
    """Return the name under which a job's clip is stored as it came."""
    return job.original


def describe(job: Job, got: answers.Downloaded, film: Film) -> dict[str, Any]:
    """Return what the file is, and how that compares with what was asked."""
    return {
        "sha256": got.sha256,
        "bytes": got.size,
        "film": {**described(film), "duration": round(float(film.duration), 3)},
        "asked": wishes(job.clip),
        "differs": differs(job, film),
    }


def wishes(clip: Clip) -> dict[str, Any]:
    """Return what was asked of the film, as the request says it."""
    names = ("fps", "duration", "resolution", "deliver_fps", "speed")
    return {name: value for name in names if (value := getattr(clip, name)) is not None}


def differs(job: Job, film: Film) -> list[str]:
    """Return in what the film is not as it was asked for: its frame rate, its length to a frame, its size."""
    clip, size = job.clip, f"{film.width}x{film.height}"
    frame = 1 / film.fps
    found = {
        f"fps is {float(film.fps):g}, not {clip.fps}": film.fps != clip.fps,
        f"duration is {float(film.duration):g}, not {clip.duration:g}": abs(film.duration - Fraction(clip.duration))
        >= frame,
        f"resolution is {size}, not {clip.resolution}": size != clip.resolution,
    }
    return [words for words, wrong in found.items() if wrong]


def made_differs(clip: Clip, wanted: Recipe, done: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return in what that which was made of a clip is not what its request leads to, whatever the provider sent."""
    uneven = done.get("check", {}).get("steady") is False
    found = ["its frames are not equally long: the frame rate varies"] if uneven else []
    film = asked(clip)
    for step in wanted.steps:
        what = done.get(step.name, {})
        if "error" in what:
            found.append(f"{step.name} is missing" + (": the original is delivered" if step == wanted.delivery else ""))
        elif step.name in COMPARED:
            found += _unlike("delivered" if step == wanted.delivery else step.name, what, after(film, step))
    return found


def _unlike(name: str, what: Mapping[str, Any], expected: Film) -> list[str]:
    film = described(expected)
    is_so, should = ({**each, "size": f"{each['width']}x{each['height']}"} for each in (what, film))
    return [
        f"{name} {key} is {_short(is_so[key])}, not {_short(should[key])}"
        for key in ("fps", "frames", "duration", "size")
        if is_so[key] != should[key]
    ]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def side_file(job: Job, file: Mapping[str, Any], **moments: int) -> dict[str, Any]:
    """Return what is written beside a file: the request, the cost, the timings and what the file is."""
    return {
        "job_id": job.id,
        "generation_id": job.generation_id,
        "request": job.clip.model_dump(mode="json"),
        "chosen": job.chosen,
        "cost_usd": plain(job.cost or 0),
        "quote_usd": plain(job.quote),
        "timings": {name: iso(moment) for name, moment in {**job.moments, **moments}.items()},
        **{name: value for name, value in file.items() if name != "url"},
    }
