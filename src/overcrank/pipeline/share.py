"""Sharing: a request that was paid for already, or is being paid for now, is not paid for again."""

from ..clip import Clip
from ..job import Job
from ..lifecycle import State
from ..planning.reuse import keyed, shared
from ..store.jobs import Jobs


def of_use(job: Job | None) -> bool:
    """Tell whether a job that a key led to has a clip, or will have one."""
    return job is not None and (job.state is State.SUCCEEDED or not job.ended)


def enter(jobs: Jobs, job_id: str, clip: Clip, quote: int, model: str) -> str:
    """Write a job whose message is here already; return its id, or that of the job that serves it as well."""
    clip = keyed(clip, model)
    while True:
        answer, there, _ = jobs.enter(job_id, clip, quote, sent=True)
        if answer == "entered" or there == job_id or not shared(clip):
            return str(there)
        if of_use(next(iter(jobs.get_many([there])), None)):
            jobs.saved(1, quote)
            return str(there)
        clip = keyed(clip, model, after=there)
