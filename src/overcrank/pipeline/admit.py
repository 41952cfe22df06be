"""Admit: ask the gate, which decides everything at once."""

from ..admission.gate import Admitted, Deferred, Parked
from ..errors import DeadlineMissed, Refused
from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Ended, Hold, Next, Outcome, Park
from .submit import charged
from .tools import Tools


def admit(job: Job, tools: Tools) -> Outcome:
    """Take a queued job through the gate, or say when to ask again."""
    deadline = job.clip.deadline
    if deadline is not None and tools.clock.now() > deadline.timestamp() * 1_000_000:
        return end(
            job, tools, State.FAILED, DeadlineMissed(f"it was not started by {deadline.isoformat()}; {charged(job)}")
        )
    try:
        answer = tools.gate.admit(job)
    except Refused as error:
        return end(job, tools, State.FAILED if job.paid else State.REFUSED, error)
    match answer:
        case Admitted(_, admitted):
            return Next("submit", admitted)
        case Deferred(limit, retry_at, _):
            return Hold(retry_at, limit, answer.wait, same=True)
        case Parked(limit):
            return Park(limit)
        case _:
            return Done(f"the job is {answer.state}")


def end(job: Job, tools: Tools, state: State, error: Refused | DeadlineMissed) -> Outcome:
    """End a job whose current attempt never was sent; what those before it were charged is what it cost."""
    tools.gate.leave(job)
    return Ended() if tools.jobs.move(job, state, error=error, cost=job.paid) else Done("somebody else moved it")
