"""Every key there is. All carry one hash tag, so that a script's keys share a slot of a Redis Cluster.

A key either expires or is named in `PERMANENT`; a test looks for others.
"""

from hashlib import sha256
from typing import NamedTuple

from .clip import Priority
from .lifecycle import State

PERMANENT = (
    "limits", "lane", "caps", "holders", "present", "quotes", "slots", "open", "parks", "due", "unsent", "counters",
    "workers", "journal", "books", "ratios",
)  # fmt: skip
"""Names of keys that stay: each is bounded by the jobs in flight, or trimmed where it is written."""


DAY = 86_400_000_000
"""Microseconds of a day, in UTC."""

SPANS = ("lane/window", "lane/day", "project/window", "project/day")
"""The four books of every admission, in the order in which scripts take them."""


class Period(NamedTuple):
    """A moment's budget windows, all in µs: where the window starts, how long it is, and where the day starts."""

    start: int
    length: int
    day: int

    @classmethod
    def at(cls, now: int, length: int) -> "Period":
        """Return the windows that *now* is in."""
        return cls(now - now % length, length, now - now % DAY)


BEAT = "beat"
"""What beat is called among the processes that say that they live."""

DUE = "due"
"""What is said on the `wake` channel when a job became due before its time."""


class Keys:
    """The keys of one namespace, that is of one provider account."""

    def __init__(self, namespace: str) -> None:
        self.prefix = f"{{{namespace}}}:"
        for name in PERMANENT:
            setattr(self, name, self.prefix + name)

    limits: str
    """Hash: what is allowed. interval µs between calls, burst, concurrency, window µs; and who said so."""
    lane: str
    """Hash: where the lane is. credit for retries, tat µs, cool µs, ppm, ppm_at µs, cut_at µs, ceiling, stopped
    (why); rested µs, when a burst began to leave; taken_at µs, full_at µs, returned: which permits may come back; the
    breaker's bad, bad_call, open_until µs, trips, probe; the books' epoch, when their journal began, µs, and the
    window and day last reserved in; fields:KEY, how many fields what is allowed has, and overridden:KEY, that an
    operator's word is among them."""
    caps: str
    """Hash: what may be spent, µ$, as lane/window, lane/day, project:NAME/window, project:*/day; lane/urgent percent;
    paused:lane, paused:project:NAME (why); and who said so."""
    holders: str
    """Sorted set: jobs that ask the gate, by their place in line."""
    present: str
    """Sorted set: until when each of them counts as there, µs."""
    quotes: str
    """Hash: what each of them would reserve, µ$; below zero where it is urgent."""
    slots: str
    """Sorted set: attempts that may occupy the provider, until when at most, µs."""
    open: str
    """Sorted set: attempts that have something reserved, since when, µs."""
    parks: str
    """Set: projects that have parked jobs."""
    due: str
    """Sorted set: jobs in flight, and when somebody must look at each, µs."""
    unsent: str
    """Sorted set: queued jobs whose message may not have left, since when, µs."""
    counters: str
    """Hash: how many jobs entered, and ended in each way; how many were served (reused), and what that saved, µ$;
    waiting_cost: what those would cost that wait, µ$."""
    workers: str
    """Sorted set: workers, and until when each counts as alive, µs."""
    journal: str
    """Stream: every reservation, settlement and change of what is allowed; its replay is the books."""
    books: str
    """Hash: what the budget tick last saw, for people."""
    ratios: str
    """Hash: how often what was charged was so many percent of its price, by model, frame rate and size."""

    def job(self, job_id: str) -> str:
        """Hash: a job's record."""
        return f"{self.prefix}job:{job_id}"

    def audience(self, job_id: str) -> str:
        """Hash: the Celery requests that wait for the job; task id to canvas, empty once told."""
        return f"{self.prefix}audience:{job_id}"

    def attempt(self, attempt_id: str) -> str:
        """Hash: one paid try."""
        return f"{self.prefix}attempt:{attempt_id}"

    def generation(self, generation_id: str) -> str:
        """String: the attempt that first had this name at the provider."""
        return f"{self.prefix}generation:{sha256(generation_id.encode()).hexdigest()[:40]}"

    def film(self, name: str) -> str:
        """String: the job that makes a film, by what stands for the film."""
        return f"{self.prefix}film:{name}"

    def followers(self, job_id: str) -> str:
        """Set: the jobs that wait for the end of the job."""
        return f"{self.prefix}followers:{job_id}"

    def unique(self, project: str, key: str) -> str:
        """String: the job a project's unique key stands for."""
        return f"{self.prefix}unique:{sha256(f'{project}/{key}'.encode()).hexdigest()[:40]}"

    def state(self, state: State, priority: Priority) -> str:
        """Sorted set: the jobs in a state; the queued ones by priority, in the order of their turn."""
        return f"{self.prefix}queued:{priority}" if state is State.QUEUED else f"{self.prefix}jobs:{state}"

    def states(self) -> dict[str, str]:
        """Every index of jobs there is, by the name people see."""
        named = {f"queued:{priority}": self.state(State.QUEUED, priority) for priority in Priority}
        return named | {str(s): self.state(s, Priority.NORMAL) for s in State if s is not State.QUEUED}

    def window(self, start: int, length: int) -> str:
        """Hash: the lane's book of a budget window. reserved, spent, urgent, cap (its own): µ$; epoch.

        project:NAME: that there is a book of that; under: the cap it last reserved under; over: what was booked beyond
        what was reserved, both µ$; warned_...: what people were told.
        """
        return f"{self.prefix}window:{length // 1_000_000}:{start // 1_000_000}"

    def book(self, owner: str, period: Period, *, day: bool) -> str:
        """Hash: a book such as that of a window; *owner* is `lane` or a project as `project:NAME`."""
        span = f"day:{period.day // 1_000_000}" if day else ""
        if owner == "lane":
            return self.prefix + span if day else self.window(period.start, period.length)
        name = owner.removeprefix("project:")
        span = span or f"{period.length // 1_000_000}:{period.start // 1_000_000}"
        return f"{self.prefix}project:{name}:{span}"

    def books_of(self, project: str, period: Period) -> tuple[str, str, str, str]:
        """Return the four books of a project's admission, in the order of `SPANS`."""
        owner = f"project:{project}"
        return (
            self.book("lane", period, day=False), self.book("lane", period, day=True),
            self.book(owner, period, day=False), self.book(owner, period, day=True),
        )  # fmt: skip

    def parked(self, project: str) -> str:
        """Sorted set: a project's parked jobs, by their place in line."""
        return f"{self.prefix}parked:{project}"

    def afoot(self, project: str) -> str:
        """Hash: jobs let go from among the parked that have not asked the gate yet, what each would reserve; sum."""
        return f"{self.prefix}afoot:{project}"

    def hand(self, job_id: str) -> str:
        """String: the worker that is fetching the job's bytes."""
        return f"{self.prefix}hand:{job_id}"

    def alive(self, machine: str, what: str) -> str:
        """String: a process lives on a machine, of a worker's role or `beat`; its own health check asks for it."""
        return f"{self.prefix}alive:{machine}:{what}"

    def tick(self, name: str) -> str:
        """String: a periodic action's current slot is taken."""
        return f"{self.prefix}tick:{name}"

    @property
    def wake(self) -> str:
        """Channel: a slot or some budget came free."""
        return f"{self.prefix}wake"

    @property
    def alerts(self) -> str:
        """Channel: what people should know of now, as JSON."""
        return f"{self.prefix}alerts"

    @property
    def news(self) -> str:
        """Channel: a job ended; the message is its id."""
        return f"{self.prefix}news"
