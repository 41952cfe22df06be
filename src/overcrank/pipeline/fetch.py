"""Fetch: bring a paid clip home. It is tried for as long as the provider keeps it, and never paid for again."""

import json
from fractions import Fraction
from typing import Any

from ..backoff import later
from ..clock import SECOND, iso
from ..errors import Undeliverable
from ..job import Job
from ..lifecycle import State
from ..media.mp4 import Film, NotAFilm, probe
from ..money import plain
from ..outcome import Done, Ended, Next, Outcome
from ..providers import base as answers
from ..storage.base import StorageUnavailable
from .submit import STOPPED_WAIT
from .tools import Tools

FRESH_URLS = 3
"""How many fresh addresses are asked for in one run of the stage."""

SLOWEST = 60.0
"""Seconds between two runs of the stage for one job, at most."""


def fetch(job: Job, tools: Tools, there: answers.Completed | None = None) -> Outcome:
    """Store and verify the bytes of a finished generation; *there* is where they are, if that has just been said."""
    if job.generation_id is None:
        raise AssertionError(f"{job.id} is undelivered and has no generation id")
    why = ""
    for _ in range(FRESH_URLS):
        said, there = there or tools.provider.status(job.generation_id, job.status_url), None
        match said:
            case answers.Completed(url, sha256, _):
                try:
                    part = tools.storage.staging(job.id)
                    got = tools.provider.download(url, part, sha256)
                    if isinstance(got, answers.Downloaded):
                        return stored(job, tools, got, probe(part))
                except NotAFilm as error:
                    tools.storage.discard(job.id)
                    why = f"what came is no film: {error}"
                    continue
                except StorageUnavailable as error:
                    return again(job, tools, str(error))
                why = got.message
                if isinstance(got, answers.Unavailable):
                    break
            case answers.Stopped(reason, message):
                tools.lane.stop(reason, message)
                return again(job, tools, message, STOPPED_WAIT)
            case answers.Unavailable(message, retry_after):
                return again(job, tools, message, retry_after)
            case answers.Missing(message) | answers.Failed(_, message):
                why = f"the provider had it ready and now says: {message}"
                break
            case answers.Running():
                why = "the provider had it ready and now says it is still at work"
                break
    return again(job, tools, why)


def stored(job: Job, tools: Tools, got: answers.Downloaded, film: Film) -> Outcome:
    """Put verified bytes in their final place, with a side file that says where they come from."""
    described = describe(job, got, film)
    url = tools.storage.keep(tools.storage.staging(job.id), f"{job.id}.mp4", side_file(job, described))
    tools.storage.discard(job.id)
    file = json.dumps({"url": url, **described})
    moved = tools.jobs.move(job, State.FETCHED, due_in=tools.lease, stamp="fetched", file=file, note="", runs=0)
    return Next("finish", moved) if moved else Done("moved")


def describe(job: Job, got: answers.Downloaded, film: Film) -> dict[str, Any]:
    """Return what the file is, and how that compares with what was asked."""
    return {
        "sha256": got.sha256,
        "bytes": got.size,
        "film": {
            "codec": film.codec,
            "width": film.width,
            "height": film.height,
            "frames": film.frames,
            "fps": round(float(film.fps), 3),
            "duration": round(float(film.duration), 3),
        },
        "asked": {
            name: value
            for name in ("fps", "duration", "resolution", "deliver_fps", "speed")
            if (value := getattr(job.clip, name)) is not None
        },
        "differs": differs(job, film),
    }


def differs(job: Job, film: Film) -> list[str]:
    """Return in what the film is not as it was asked for: its frame rate, its length to a frame, its size."""
    asked, size = job.clip, f"{film.width}x{film.height}"
    frame = 1 / film.fps
    found = {
        f"fps is {float(film.fps):g}, not {asked.fps}": film.fps != asked.fps,
        f"duration is {float(film.duration):g}, not {asked.duration:g}": abs(film.duration - Fraction(asked.duration))
        >= frame,
        f"resolution is {size}, not {asked.resolution}": size != asked.resolution,
    }
    return [words for words, wrong in found.items() if wrong]


def side_file(job: Job, described: dict[str, Any]) -> dict[str, Any]:
    """Return what is written beside the clip: the request, the cost, the timings and the checksum."""
    return {
        "job_id": job.id,
        "generation_id": job.generation_id,
        "request": job.clip.model_dump(mode="json"),
        "cost_usd": plain(job.cost or 0),
        "quote_usd": plain(job.quote),
        "timings": {name: iso(moment) for name, moment in job.moments.items()},
        **described,
    }


def again(job: Job, tools: Tools, why: str, retry_after: float | None = None) -> Outcome:
    """Try again later: the clip is paid for, so only the end of the provider's patience ends ours."""
    since = (tools.clock.now() - job.moments.get("completed", 0)) / SECOND
    if since > tools.settings.provider.keeps.total_seconds():
        error = Undeliverable(f"it was paid for and could not be fetched in {since / 3600:.0f} h: {why}")
        return Ended() if tools.jobs.move(job, State.FAILED, error=error) else Done("moved")
    tools.jobs.look_again(job, later(max(retry_after or 0, min(SLOWEST, max(1.0, since / 4)))), note=why)
    return Done("later")


def finish(job: Job, tools: Tools) -> Outcome:
    """End a job whose clip is stored and settled; its result is to be handed over."""
    moved = tools.jobs.move(job, State.SUCCEEDED)
    return Ended(moved) if moved else Done("moved")
