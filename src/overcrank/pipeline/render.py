"""Render: make of a clip that is here what was asked for, and end the job. The original stays whatever happens.

The films are decoded in a process of their own. A clip that can not be decoded has not been delivered: the job goes
back to being paid undelivered, and is fetched anew for as long as the provider keeps it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..job import Job
from ..lifecycle import State
from ..media.mp4 import NotAFilm
from ..media.recipe import Recipe, recipe
from ..media.render import Made, Task, available, render
from ..media.steps import Step
from ..media.trouble import MissingExtra
from ..outcome import Done, Ended, Outcome
from ..storage.base import StorageUnavailable
from .fetch import again
from .tools import Tools


def to_render(job: Job, tools: Tools) -> bool:
    """Tell whether there is anything to do to a job's clip: it is to be checked, slowed, sped up or pictured."""
    wanted = recipe(job.clip)
    return bool(wanted.delivery or wanted.extras) or (tools.settings.media.check and available())


def produce(job: Job, tools: Tools) -> Outcome:
    """Check the clip of a job that was fetched, make what was asked for, and end the job."""
    wanted = recipe(job.clip)
    try:
        if tools.jobs.begun(job) > tools.settings.worker.deaths:  # as many runs before this one did not come back
            return _end(job, tools, _failed(wanted, "its worker went away while it was being made"))
        made = _make(job, tools, wanted)
        check = made[0]
        if isinstance(check.error, NotAFilm):
            return undelivered(job, tools, f"what came can not be decoded: {check.error}")
        done = {one.step.name: _kept(job, tools, one) for one in made}
        tools.storage.discard(job.id)
    except MissingExtra as error:
        done = _failed(wanted, str(error))
    except StorageUnavailable as error:
        tools.jobs.came_back(job)
        tools.jobs.look_again(job, tools.lease, note=str(error))
        return Done("later")
    return _end(job, tools, done)


def undelivered(job: Job, tools: Tools, why: str) -> Outcome:
    """Take a clip that is here and can not be decoded for one that has not come."""
    moved = tools.jobs.move(job, State.UNDELIVERED, due_in=tools.lease, note=why, runs=0)
    return again(moved, tools, why) if moved else Done("moved")


def _make(job: Job, tools: Tools, wanted: Recipe) -> list[Made]:
    """Do the steps: the check and the delivery of the original, and the extras of what is delivered."""
    film = tools.storage.local(f"{job.id}.mp4")
    patience = tools.settings.media.patience.total_seconds()
    delivered = _place(job, tools, wanted.delivery) if wanted.delivery else film
    done: list[Made] = []
    for made in render([_task(job, tools, step, wanted, film, delivered) for step in wanted.steps], patience):
        done.append(made)
        if made.step.name == "check" and isinstance(made.error, NotAFilm):
            return done
    if any(made.step == wanted.delivery and made.error for made in done):  # the extras are made of the original, then
        again_of = [Task(step, film, _place(job, tools, step)) for step in wanted.extras]
        done = [made for made in done if made.step not in wanted.extras] + list(render(again_of, patience))
    return done


def _task(job: Job, tools: Tools, step: Step, wanted: Recipe, film: Path, delivered: Path) -> Task:
    return Task(step, delivered if step in wanted.extras else film, _place(job, tools, step))


def _place(job: Job, tools: Tools, step: Step) -> Path:
    """Return where a step writes: near the staged clip, and removed with it."""
    return tools.storage.staging(job.id).with_name(f"{job.id}{step.ending}")


def _kept(job: Job, tools: Tools, made: Made) -> dict[str, Any]:
    """Keep what a step made, and return what it is; or why it failed."""
    if made.error is not None:
        return {"error": str(made.error)}
    if made.step.name == "check":
        return made.what
    side = {
        "job_id": job.id,
        "step": made.step.name,
        "options": dict(made.step.options),
        "of": (job.file or {}).get("sha256"),
        **made.what,
    }
    return {"url": tools.storage.keep(_place(job, tools, made.step), f"{job.id}{made.step.ending}", side), **made.what}


def _failed(wanted: Recipe, why: str) -> dict[str, dict[str, Any]]:
    return {step.name: {"error": why} for step in wanted.steps if step.name != "check"}


def _end(job: Job, tools: Tools, done: Mapping[str, dict[str, Any]]) -> Outcome:
    """End the job, its result saying what was delivered."""
    wanted = recipe(job.clip)
    file = {**(job.file or {}), "made": {name: what for name, what in done.items() if name != "check"}}
    if "check" in done:
        file["decoded"] = done["check"].get("decoded", done["check"].get("error"))
    delivery = done.get(wanted.delivery.name, {}) if wanted.delivery else {}
    file["delivered"] = delivery if "url" in delivery else {"url": file.get("url"), **file.get("film", {})}
    return Ended() if tools.jobs.move(job, State.SUCCEEDED, file=json.dumps(file), runs=0) else Done("moved")
