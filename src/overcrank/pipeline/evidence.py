"""Evidence: what a job says to its end of what it saw; a note is only of the moment."""

from ..job import Job
from ..providers.redact import clean

LONGEST = 1000
"""Characters that are kept: of a longer story, the end."""


def noted(job: Job, said: str) -> str:
    """Return the job's evidence with what was seen now, fit to be shown; the same thing is said once."""
    said = clean(said)
    return job.evidence if said in job.evidence else added(job, said)


def added(job: Job, said: str) -> str:
    """Return the job's evidence with words of our own, however often they were said before."""
    return f"{job.evidence}; {said}".strip("; ")[-LONGEST:]
