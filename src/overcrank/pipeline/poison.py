"""Poison: a job that stops its worker again and again is set aside with the evidence, not run once more.

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
from .fetch import put_off
from .tools import Tools

logger = logging.getLogger(__name__)


def death(job: Job, tools: Tools) -> dict[str, Any]:
    """Return what to note about a job whose worker went away while it had the job in hand."""
    seen = f"{iso(tools.clock.now())} a worker went away while the job was {job.state}"
    return {"deaths": job.deaths + 1, "evidence": f"{job.evidence}; {seen}".strip("; ")[-1000:]}


def deadly(job: Job, tools: Tools) -> bool:
    """Tell whether one more death sets the job aside."""
    return job.deaths + 1 >= tools.settings.worker.deaths


def set_aside(job: Job, tools: Tools, noted: dict[str, Any], *, release: bool = False) -> Outcome:
    """Discard a job; where it was paid for, the message says so and where the clip is."""
    paid = f"; it is paid for, and the provider has it as {job.generation_id}" if job.cost else "; nothing was charged"
    error = Discarded(f"it stopped {noted['deaths']} workers: {noted['evidence']}{paid}")
    moved = tools.jobs.move(job, State.DISCARDED, error=error, release=release, **noted)
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
