"""Render: make of a clip that is here what was asked for, and end the job. The original stays whatever happens.

The films are decoded in a process of their own. A clip that can not be decoded has not been delivered: the job goes
back to being paid undelivered, and is fetched anew for as long as the provider keeps it. One of which that could not be
found out is tried some times more, and then waits for an operator in the same state: it never succeeds unseen.
"""

import hashlib
import json
import logging
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..job import Job
from ..media.mp4 import NotAFilm
from ..media.recipe import Recipe, recipe
from ..media.render import Made, Task, available, render
from ..media.steps import Step
from ..media.trouble import Impossible, MissingExtra
from ..outcome import Outcome
from ..storage.base import NotKept, StorageUnavailable
from .backdrop import step as behind
from .described import made_differs, original, side_file
from .fetch import GONE, postponed, succeeded, undelivered
from .spoilt import OFTEN, SELDOM, counted, hopeless, noted, said
from .tools import Tools

logger = logging.getLogger(__name__)

CHECKS = 3
"""Times that a clip is tried to be decoded where that could not be finished, before an operator is asked."""

COSTS = ("cpu_s", "peak_mb")
"""What a step took: said in the result, and not beside the file, which is the same each time."""


def to_render(job: Job, tools: Tools) -> bool:
    """Tell whether there is anything to do to a job's clip: it is to be checked, slowed, sped up or pictured."""
    wanted = recipe(job.clip)
    return bool(wanted.delivery or wanted.extras or job.background) or (tools.settings.media.check and available())


def produce(job: Job, tools: Tools) -> Outcome:
    """Check the clip of a job that was fetched, make what was asked for, and end the job."""
    wanted = recipe(job.clip)
    try:
        lost = tools.jobs.begun(job) - 1  # as many runs before this one did not come back
        if lost >= (1 if _is_suspect(job) else tools.settings.worker.deaths):
            return _given_up(job, tools, wanted, lost)
        with closing(_work(job, tools, wanted, tools.storage.local(original(job), job.id))) as work:
            try:
                check = next(work)
            except MissingExtra as error:
                return _end(job, tools, wanted, _failed(job, wanted, str(error)))
            if isinstance(check.error, NotAFilm):
                return _refused(job, tools, f"what came can not be decoded: {check.error}")
            if check.error is not None:
                return _unknown(job, tools, str(check.error))
            checked = _checked(job) or {**check.what, **check.costs}
            tools.jobs.look_again(job, tools.lease, checked=json.dumps({"sha256": _sha256(job), **checked}))
            made = list(work)
        done = {"check": checked} | {one.step.name: _kept(job, tools, one) for one in made}
        return _end(job, tools, wanted, done)
    except NotKept as error:
        return undelivered(job, tools, f"{GONE}: {error}")
    except StorageUnavailable as error:
        return postponed(job, tools, str(error))


def _work(job: Job, tools: Tools, wanted: Recipe, film: Path) -> Generator[Made, None, None]:
    """Do the check, the delivery, and the extras of what is delivered; all in one process, as long as it lives.

    Where there is a background, the film before it is checked first, and the others are made of both.
    What a run before this one has decoded to its end is not checked again. Where there is no delivery, the extras are
    made of the original.
    """
    patience = tools.settings.media.patience.total_seconds()
    steps = wanted.steps
    if (checked := _checked(job)) is not None:
        yield Made(steps[0], checked)
        steps = steps[1:]
    elif job.background:
        yield from render([Task(steps[0], film, _place(job, tools, steps[0]))], patience)
        steps = steps[1:]
    if job.background:
        film, composed = _composed(job, tools, film)
        yield composed
    delivered = _place(job, tools, wanted.delivery) if wanted.delivery else film
    pictured = [step for step in wanted.extras if step.name != "light"]  # the light copy is not one of the delivery
    tasks = [Task(step, delivered if step in pictured else film, _place(job, tools, step)) for step in steps]
    if not tasks:
        return
    for made in render(tasks, patience):
        if made.error is not None:
            logger.warning("job %s: %s failed: %s", job.id, made.step.name, made.error)
        yield made
        if made.error is not None and made.step == wanted.delivery:
            break
    else:
        return
    if wanted.extras:
        yield from render([Task(step, film, _place(job, tools, step)) for step in wanted.extras], patience)


def _composed(job: Job, tools: Tools, film: Path) -> tuple[Path, Made]:
    """Return the film that the other steps are done to, and what became of the background behind it."""
    try:
        composite, background = behind(job, tools)
    except Impossible as error:
        return film, Made(Step("composite", {}), {}, error)
    to = _place(job, tools, composite)
    [made] = render([Task(composite, film, to)], tools.settings.media.patience.total_seconds())
    return (film, made) if made.error else (to, replace(made, what={**made.what, "background": background}))


def _checked(job: Job) -> dict[str, Any] | None:
    """Return what a decoder said of these very bytes, if it has got to their end."""
    if job.checked is None or job.checked["sha256"] != _sha256(job):
        return None
    return {name: what for name, what in job.checked.items() if name != "sha256"}


def _is_suspect(job: Job) -> bool:
    """Tell whether these very bytes were refused or given up before."""
    return job.spoilt is not None and job.spoilt["sha256"] == _sha256(job)


def _refused(job: Job, tools: Tools, why: str) -> Outcome:
    """Have a clip that can not be decoded fetched anew: soon, or seldom where the same bytes come again."""
    job = counted(job, tools, _sha256(job), sure=True)
    return undelivered(job, tools, said(job, why), SELDOM if hopeless(job, _sha256(job)) else None, **noted(job))


def _unknown(job: Job, tools: Tools, why: str) -> Outcome:
    """Try again later to decode a clip where that was not finished; after some times put it before an operator."""
    job = counted(job, tools, _sha256(job), sure=False)
    times = (job.spoilt or {}).get("times", 0)
    why = f"whether it can be decoded is not known after {times} tries: {why}"
    if times < CHECKS:
        return postponed(job, tools, why, **noted(job))
    return undelivered(job, tools, f"{why}; it is tried once an hour: `--accept` ends it", SELDOM, **noted(job))


def _given_up(job: Job, tools: Tools, wanted: Recipe, lost: int) -> Outcome:
    """Deliver the original of a job at which workers went away, if it can be decoded; else have it fetched anew.

    Where that ends alike, it stops one worker an hour at most, and an operator is asked.
    """
    if (checked := _checked(job)) is not None:
        return _end(
            job, tools, wanted, {"check": checked} | _failed(job, wanted, f"{lost} workers went away meanwhile")
        )
    job = counted(job, tools, _sha256(job), sure=False)
    times = (job.spoilt or {}).get("times", 0)
    why = f"{lost} workers went away while it was being decoded"
    if times < OFTEN:
        return undelivered(job, tools, why, **noted(job))
    why = f"{why}, and others before; it is tried once an hour: `--accept` ends it"
    return undelivered(job, tools, why, SELDOM, **noted(job))


def _sha256(job: Job) -> str:
    return str((job.file or {}).get("sha256"))


def _place(job: Job, tools: Tools, step: Step) -> Path:
    """Return where a step writes: near the staged clip, and removed with it."""
    return tools.storage.staging(job.id).with_name(f"{job.id}{step.ending}")


def _kept(job: Job, tools: Tools, made: Made) -> dict[str, Any]:
    """Keep what a step made, and return what it is; or why it failed."""
    if made.error is not None:
        return {"error": str(made.error)}
    place = _place(job, tools, made.step)
    with place.open("rb") as file:
        what = {**made.what, "sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": place.stat().st_size}
    step = {"step": made.step.name, "options": dict(made.step.options), "of": _sha256(job)}
    url = tools.storage.keep(place, f"{job.id}{made.step.ending}", side_file(job, {**step, **what}))
    return {"url": url, **what, **made.costs}


def _failed(job: Job, wanted: Recipe, why: str) -> dict[str, dict[str, Any]]:
    names = [*(["composite"] if job.background else []), *(step.name for step in wanted.steps if step.name != "check")]
    return {name: {"error": why} for name in names}


def _end(job: Job, tools: Tools, wanted: Recipe, done: Mapping[str, dict[str, Any]]) -> Outcome:
    """End the job, its result saying what was delivered and in what that is not what was asked for."""
    file = {**(job.file or {}), "made": {name: what for name, what in done.items() if name != "check"}}
    if "check" in done:
        check = done["check"]
        file |= {"decoded": check["decoded"], "steady": check["steady"]}
        file["check"] = {name: check[name] for name in COSTS if name in check}
    composite = done.get("composite", {})
    missing = ["composite is missing"] if "error" in composite else []
    file["differs"] = [*file.get("differs", []), *missing, *made_differs(job.clip, wanted, done)]
    delivery = done.get(wanted.delivery.name, {}) if wanted.delivery else {}
    shown = delivery if "url" in delivery else composite
    file["delivered"] = (
        {name: what for name, what in shown.items() if name not in COSTS}
        if "url" in shown
        else {"url": file.get("url"), **file.get("film", {})}
    )
    tools.storage.discard(job.id)
    return succeeded(job, tools, file)
