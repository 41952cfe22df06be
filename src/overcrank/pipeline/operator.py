"""What only a person can decide: the money is booked, the slot is free, nothing is sent again by itself.

Such a job does not end: `overcrank jobs doubt` lists it and says what can be done.
"""

import logging
from typing import Any

from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Outcome
from ..scripts import ASSUMED
from .tools import Tools

logger = logging.getLogger(__name__)

ASSUMED_EVERY = 3600.0
"""Seconds between two looks at a job that waits for an operator: what can be found out may have changed."""


def assume(job: Job, tools: Tools, note: str, seconds: float = ASSUMED_EVERY, **seen: str | int) -> Outcome:
    """Book the attempt's price as charged, free its slot, and leave the rest to an operator."""
    fields: dict[str, Any] = {"note": note, **seen}
    if job.assumed:
        tools.jobs.look_again(job, seconds, **fields)
        return Done("for an operator")
    fields |= {"assumed": 1, "cost": job.paid + job.quote}
    moved = tools.jobs.move(job, State.IN_DOUBT, due_in=seconds, book=job.quote, sure=ASSUMED, **fields)
    if moved is None:
        return Done("moved")
    logger.error("job %s waits for an operator, its price is booked: %s; see `overcrank jobs doubt`", job.id, note)
    return Done("for an operator")
