"""Cancel: take a job out before it is sent. Afterwards it is being paid for, and will be delivered."""

from ..admission.gate import Gate
from ..errors import Cancelled, TooLate
from ..job import Job
from ..lifecycle import WAITING, State
from ..store.jobs import Jobs
from .submit import charged


def cancel(job_id: str, jobs: Jobs, gate: Gate) -> Job:
    """Cancel a job that was not sent, and return it; one that was cancelled already is returned as it is.

    One that the gate has just let through is not sent either: whoever changes its record first, this or its sender,
    decides, and what was reserved for it is given back in the same step.

    Raises:
        TooLate: it was sent, or it has ended.
        UnknownJob: there is no such job.
    """
    while True:
        job = jobs.get(job_id)
        if job.state is State.CANCELLED:
            return job
        if job.ended:
            raise TooLate(f"{job_id} has {job.state} already")
        admitted = job.state is State.ADMITTED
        if job.state not in WAITING and not admitted:
            raise TooLate(f"{job_id} is {job.state}: it is being paid for, so it will be delivered")
        gate.leave(job)
        error = Cancelled(f"it was cancelled before it was sent; {charged(job)}")
        moved = jobs.move(job, State.CANCELLED, due_in=0, error=error, release=admitted, cost=job.paid)
        if moved:
            return moved
