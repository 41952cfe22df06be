"""An operator's verdict on a job that nobody can find out about, or that was paid for and can not be fetched.

The job is moved and its money booked for good in one step: nobody can find out otherwise in between.
"""

from typing import Any

from ..errors import TooLate, Undeliverable
from ..job import Job
from ..lifecycle import State
from ..store.jobs import ANEW, Jobs

DOUBTFUL = (State.IN_DOUBT, State.UNDELIVERED)
"""The states in which money is, or may be, spent and no clip is here."""


def accept(job_id: str, jobs: Jobs) -> Job:
    """End a doubtful job as charged: the provider's bill is believed to have it."""
    job = _doubtful(job_id, jobs)
    cost = job.quote if job.cost is None else job.cost - job.paid
    return _end(job, jobs, cost, "an operator accepted that it was charged and will not come")


def write_off(job_id: str, jobs: Jobs) -> Job:
    """End a job in doubt as not charged: an operator knows that the provider did not bill it.

    Raises:
        TooLate: it is known to be charged.
    """
    job = _doubtful(job_id, jobs)
    if job.state is not State.IN_DOUBT:
        raise TooLate(f"{job_id} is {job.state}: the provider charged it, so it can be accepted and not written off")
    return _end(job, jobs, 0, "an operator found that it was not charged and will not come")


def retry(job_id: str, jobs: Jobs) -> Job:
    """Queue a job in doubt for another paid attempt, at the operator's own risk of paying twice.

    The attempt in doubt stays booked as charged, and what a job may cost in all does not hold the next one up.

    Raises:
        TooLate: the clip exists and is fetched for as long as the provider keeps it.
    """
    job = _doubtful(job_id, jobs)
    if job.state is not State.IN_DOUBT:
        raise TooLate(f"{job_id} is {job.state}: the clip exists, so it is fetched and not made again")
    note = "an operator had it tried again; the attempt before is booked as charged"
    again: dict[str, Any] = {
        **ANEW,
        "attempt_no": job.attempt_no + 1,
        "paid": job.paid + job.quote,
        "assumed": 0,
        "cost": "",
        "own_risk": 1,
    }
    moved = jobs.move(job, State.QUEUED, unsent=True, book=job.quote, note=note, **again)
    if moved is None:
        raise TooLate(f"{job_id} has moved on meanwhile; look at it again")
    return moved


def _doubtful(job_id: str, jobs: Jobs) -> Job:
    job = jobs.get(job_id)
    if job.state not in DOUBTFUL:
        raise TooLate(f"{job_id} is {job.state}: there is nothing to decide")
    return job


def _end(job: Job, jobs: Jobs, cost: int, why: str) -> Job:
    moved = jobs.move(job, State.FAILED, due_in=0, book=cost, error=Undeliverable(why), cost=job.paid + cost)
    if moved is None:
        raise TooLate(f"{job.id} has moved on meanwhile; look at it again")
    return moved
