"""Poison: a job that stops its worker again and again is set aside with the evidence, not run once more."""

from typing import Any

from ..clock import iso
from ..errors import Discarded
from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Ended, Outcome
from .tools import Tools


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
