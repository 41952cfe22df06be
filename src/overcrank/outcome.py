"""What a stage can come to. Only the Celery tasks turn one into a Celery call."""

from dataclasses import dataclass, field
from typing import Any

from .job import Job


@dataclass(frozen=True, slots=True)
class Next:
    """The job moved on; the named stage is to be run for it now (`enter`: its message is to be sent).

    *job* is the job as it is now, where that is known; *hint* is what the next stage would have to ask for again, and
    *now* says that nobody else will come for it before the caller's lease ends, so that the caller may go on at once.
    """

    stage: str
    job: Job | None = field(default=None, compare=False)
    hint: Any = field(default=None, compare=False, repr=False)
    now: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet, for a reason that holds for everyone: keep the message and ask again. Costs no attempt.

    *until* is in epoch microseconds, *wait* is the same in seconds from now. *same* says that the job was left as it
    was, so that nobody has to look at it before asking again.
    """

    until: int
    limit: str
    wait: float
    same: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Park:
    """Not yet, for this project only: the message is done with, the budget tick queues the job again."""

    limit: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It failed in a way that bought nothing: start it again in *wait* seconds. This used up an attempt."""

    wait: float
    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """There is nothing more to do in this stage; somebody else has the job, or it is over."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The job has reached an end that has to be announced: to whoever waits for its result."""

    job: Job | None = field(default=None, compare=False)


Outcome = Next | Hold | Park | Retry | Done | Ended
