"""The forecast: in which budget window each of those who wait would be let through, by the arithmetic of the gate.

It is played in memory, window by window: best place first, a strict line for the lane, projects that are blocked set
aside, a share kept for urgent jobs. Nobody new comes, and everybody costs what is reserved for them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from ..keys import DAY, Period


@dataclass(frozen=True, slots=True)
class Asker:
    """Who waits: its place in line, its price and what would be reserved for it (µ$); *mine* are those asked about."""

    score: int
    project: str
    urgent: bool
    quote: int
    amount: int
    mine: bool = False


@dataclass(slots=True)
class Purse:
    """A budget: what a whole window holds, what this one holds, what of it is used, and how much of that is urgent.

    No cap is None.
    """

    cap: int | None
    own: int | None = None
    used: int = 0
    urgent: int = 0

    @property
    def holds(self) -> int | None:
        """What counts in the window that is being played."""
        return self.cap if self.own is None else self.own

    @property
    def most(self) -> int | None:
        """What the fullest window could pay; None where there is one without a cap."""
        return None if self.cap is None else max(self.cap, self.own or 0)

    def short(self, amount: int, kept: int = 0) -> bool:
        """Tell whether there is no room for an amount, with so much kept."""
        return self.holds is not None and self.used + kept + amount > self.holds

    def next(self) -> None:
        """Begin a new one."""
        self.own, self.used, self.urgent = None, 0, 0


@dataclass(slots=True)
class House:
    """The budgets of the lane and of its projects, each as (window, day), and the percent kept for urgent jobs."""

    lane: tuple[Purse, Purse]
    projects: dict[str, tuple[Purse, Purse]] = field(default_factory=dict)
    share: int = 0
    used: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

    def __post_init__(self) -> None:
        for names in self.used:  # those whose window and whose day is not a fresh one
            names.update(self.projects)

    def project(self, name: str) -> tuple[Purse, Purse]:
        """Return a project's budgets; one that nobody knows has no caps."""
        return self.projects.setdefault(name, (Purse(None), Purse(None)))

    def purses(self, asker: Asker) -> tuple[Purse, Purse, Purse, Purse]:
        """Return the four budgets that a reservation is made in."""
        return (*self.lane, *self.project(asker.project))

    def fitted(self, asker: Asker) -> Asker | None:
        """Return an asker with what would be reserved for it at the most; None where its price fits no window."""
        most = [purse.most for purse in self.purses(asker)]
        if any(cap is not None and asker.quote > cap for cap in most):
            return None
        amount = min([asker.amount, *(cap for cap in most if cap is not None)])
        return replace(asker, amount=max(asker.quote, amount))

    def next(self, *, day: bool) -> None:
        """Begin a new window, and a new day."""
        for kind in (0, 1) if day else (0,):
            self.lane[kind].next()
            for name in self.used[kind]:
                self.projects[name][kind].next()
            self.used[kind].clear()

    def project_limit(self, asker: Asker) -> str:
        """Return which of its project's budgets has no room for an asker."""
        window, day = self.project(asker.project)
        return "project-budget" if window.short(asker.amount) else "project-day" if day.short(asker.amount) else ""

    def lane_limit(self, asker: Asker) -> str:
        """Return which of the lane's budgets has none."""
        window, day = self.lane
        if window.short(asker.amount, self._kept(window, asker)):
            return "urgent-share" if self.share and not asker.urgent else "budget"
        return "day-budget" if day.short(asker.amount, self._kept(day, asker)) else ""

    def _kept(self, purse: Purse, asker: Asker) -> int:
        return 0 if asker.urgent or purse.holds is None else max(0, purse.holds * self.share // 100 - purse.urgent)

    def take(self, asker: Asker) -> None:
        """Reserve."""
        for purse in self.purses(asker):
            purse.used += asker.amount
            purse.urgent += asker.amount if asker.urgent else 0
        for names in self.used:
            names.add(asker.project)


@dataclass(frozen=True, slots=True)
class Start:
    """When an asker would be let through: windows from the current one on, and what it waited for last."""

    asker: Asker
    window: int
    limit: str


@dataclass(frozen=True, slots=True)
class Course:
    """How it would go: who is let through when, in that order, and who never."""

    starts: list[Start]
    never: list[Asker]


def play(askers: Iterable[Asker], house: House, period: Period) -> Course:
    """Return how those who wait would be let through, from the current *period* on."""
    course = Course([], [])
    queues: dict[tuple[str, bool], deque[Asker]] = {}
    for asker in sorted(askers, key=lambda each: each.score):
        fitted = house.fitted(asker)
        if fitted is None:
            course.never.append(asker)
        else:
            queues.setdefault((asker.project, asker.urgent), deque()).append(fitted)
    heads = [(queue[0].score, key) for key, queue in queues.items()]
    window, waited, fresh_day = 0, {"lane": ""}, False
    heapify(heads)
    while heads:
        before = len(course.starts)
        waited = _one(heads, queues, house, course, window, waited)
        if len(course.starts) == before and fresh_day:  # not even a whole day has room, as where a share is kept
            break
        start = period.start + window * period.length
        step = 1
        if len(course.starts) == before and window:  # a whole window has room, so the day has none
            step = -(-(DAY - start % DAY) // period.length)
        fresh_day = (start + step * period.length) // DAY > start // DAY
        window += step
        house.next(day=fresh_day)
    course.never.extend(asker for queue in queues.values() for asker in queue)
    return course


def _one(
    heads: list[tuple[int, tuple[str, bool]]], queues: dict[tuple[str, bool], deque[Asker]], house: House,
    course: Course, window: int, waited: dict[str, str],
) -> dict[str, str]:  # fmt: skip
    """Play one window with who is first in each line, a heap; return what the projects and the lane wait for."""
    aside: list[tuple[int, tuple[str, bool]]] = []
    waits = {"lane": ""}
    while heads:
        head = heappop(heads)
        project, urgent = key = head[1]
        asker = queues[key][0]
        if limit := waits.get(f"project:{project}") or house.project_limit(asker):
            waits[f"project:{project}"] = limit
        elif limit := ("" if urgent else waits["lane"]) or house.lane_limit(asker):
            waits["lane"] = limit
        else:
            house.take(asker)
            queues[key].popleft()
            why = waited.get(f"project:{project}") or waited["lane"]
            course.starts.append(Start(asker, window, why))
            if queues[key]:
                heappush(heads, (queues[key][0].score, key))
            continue
        aside.append(head)
        if limit == waits["lane"] and (urgent or not house.share):  # the line is strict
            break
    for head in aside:
        heappush(heads, head)
    return waits
