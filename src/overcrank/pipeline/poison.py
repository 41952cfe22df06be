"""Poison: a job that stops its worker again and again is set aside with the evidence, not run once more.

Where nothing was bought it ends; where money is or may be spent, an operator decides on it.

An error that a stage did not foresee stops no worker: it is noted, and the job is looked at again later.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..clock import iso
from ..errors import Discarded
from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Ended, Outcome
from ..server import OUTAGE
from ..telemetry import redact
from .evidence import added, noted
from .fetch import put_off
from .operator import ASSUMED_EVERY, assume
from .submit import charged
from .tools import Tools

logger = logging.getLogger(__name__)


def death(job: Job, tools: Tools) -> dict[str, Any]:
    """Return what to note about a job whose worker went away while it had the job in hand."""
    seen = f"{iso(tools.clock.now())} a worker went away while the job was {job.state}"
    return {"deaths": job.deaths + 1, "evidence": added(job, seen)}


def deadly(job: Job, tools: Tools) -> bool:
    """Tell whether one more death sets the job aside."""
    return job.deaths + 1 >= tools.settings.worker.deaths


def set_aside(job: Job, tools: Tools, seen: dict[str, Any], *, release: bool = False) -> Outcome:
    """Discard a job that has bought nothing."""
    error = Discarded(f"it stopped {seen['deaths']} workers: {seen['evidence']}; {charged(job)}")
    moved = tools.jobs.move(job, State.DISCARDED, error=error, release=release, cost=job.paid, **seen)
    return Ended() if moved else Done("moved")


def surviving(doing: str, job: Job, tools: Tools, stage: Callable[[], Outcome]) -> Outcome:
    """Run a stage of a job that is paid for; whatever it raises, the job goes on later and says what happened."""
    try:
        return stage()
    except OUTAGE:  # the lease brings the job back; that its worker lives is noted as soon as that can be
        with suppress(*OUTAGE):
            tools.jobs.came_back(job)
        raise
    except Exception as error:
        logger.exception("job %s could not be %s", job.id, doing)
        return put_off(job, tools, redact(f"it could not be {doing}: {type(error).__name__}: {error}")[:500])


def put_before_operator(job: Job, tools: Tools) -> Outcome:
    """Keep a job for which money is or may be spent, and do not run it again."""
    runs, most = job.runs, tools.settings.worker.deaths
    note = f"it stopped {most} workers, so it is not run again"
    seen: dict[str, Any] = {"runs": runs}
    if most + 1 == runs:  # the first time
        seen |= {"deaths": job.deaths + most, "evidence": noted(job, f"{iso(tools.clock.now())} {note} ({job.state})")}
    if job.state is State.UNDELIVERED:
        tools.jobs.look_again(job, ASSUMED_EVERY, note=note, **seen)
        return Done("for an operator")
    return assume(job, tools, note, **seen)
