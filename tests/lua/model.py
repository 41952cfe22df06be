"""The gate and the ledger as plain Python: what the scripts have to answer, and what must hold after every step."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from dataclasses import dataclass, field

from breaker import LONGEST, PAUSE, THRESHOLD, Breaker
from desk import HORIZON, HOUR, LEASE, PATIENCE, PERMIT, Desk, replayed

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.keys import DAY
from overcrank.lifecycle import State
from overcrank.store.jobs import BOOST_US

LOOK = 16
"""How many in line the gate looks at one by one."""


@dataclass
class Record:
    """One job."""

    score: int
    quote: int
    state: str = "queued"
    version: int = 1
    attempt_no: int = 1
    project: str = "default"
    limit: str = ""
    urgent: bool = False


@dataclass
class Try:
    """One attempt."""

    worker: str
    admitted: int
    window: int
    quote: int
    held: int
    state: str = "reserved"
    cost: int = 0
    version: int = 0
    project: str = "default"
    urgent: bool = False


@dataclass
class Line:
    """Who asks before a job, and what they would take."""

    count: int = 0
    urgent: int = 0
    owed: int = 0
    owed_urgent: int = 0
    first: int = 0


@dataclass
class Rate:
    """Where the lane's rate is."""

    tat: int = 0
    cool: int = 0
    ppm: int = 1_000_000
    since: int = 0
    cut_at: int = 0
    taken_at: int = 0
    full_at: int = 0
    returned: int = 0
    returned_at: int = 0

    def at(self, now: int) -> int:
        """Return the rate in millionths of the full one at a moment."""
        return min(1_000_000, self.ppm + (now - self.since) // SECOND * 20_000)


@dataclass
class Model:
    """What is allowed and what has happened."""

    interval: int
    burst: int
    concurrency: int
    cap: int
    now: int
    day_cap: int | None = None
    project_cap: int | None = None
    project_day_cap: int | None = None
    share: int = 0
    paused: set[str] = field(default_factory=set)
    lost: bool = False  # whether something is missing that is known to have been there
    rate: Rate = field(default_factory=Rate)
    jobs: dict[str, Record] = field(default_factory=dict)
    tries: dict[str, Try] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  # who asks, and until when it counts as there
    due: dict[str, int] = field(default_factory=dict)
    breaker: Breaker = field(default_factory=Breaker)
    passed: list[int] = field(default_factory=list)
    parked: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    afoot: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def window(self) -> int:
        """The start of the current window."""
        return self.now - self.now % HOUR

    @property
    def ends_soon(self) -> bool:
        """Whether what leaves now might be charged in the next window."""
        return self.window + HOUR - self.now <= SECOND // 2

    def spacing(self, ppm: int) -> int:
        """Return microseconds between two permits at a rate."""
        return -(-self.interval * 1_000_000 // ppm)

    def books(self) -> dict[int, tuple[int, int]]:
        """Return what is reserved and spent by window, summed over the attempts."""
        found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for each in self.tries.values():
            reserved, spent = found[each.window]
            found[each.window] = (reserved + each.held, spent + each.cost)
        return found

    def used(self, *, day: bool = False, project: str | None = None, urgent: bool = False) -> int:
        """Return what is reserved and spent in the current window or day: of all, of a project, or of the urgent."""
        now = self.now - self.now % DAY
        return sum(
            each.held + each.cost
            for each in self.tries.values()
            if (each.window - each.window % DAY == now if day else each.window == self.window)
            and project in {None, each.project}
            and (each.urgent or not urgent)
        )

    def _project_room(self, project: str) -> tuple[int, str]:
        """Return what a project may still reserve, and which of its caps says so."""
        window, day = (10**15 if cap is None else cap for cap in (self.project_cap, self.project_day_cap))
        window, day = window - self.used(project=project), day - self.used(day=True, project=project)
        return (day, "project-day") if self.project_day_cap is not None and day < window else (window, "project-budget")

    def beyond(self, quote: int) -> tuple[int, str] | None:
        """Return which cap could never pay for a quote, and whose it is."""
        caps = (
            (self.cap, "lane"),
            (self.day_cap, "lane"),
            (self.project_cap, "project"),
            (self.project_day_cap, "project"),
        )
        return next(((cap, whose) for cap, whose in caps if cap is not None and quote > cap), None)

    def _project_limit(self, name: str, job: Record) -> str | None:
        """Return why a job's project alone may not go on; a promise is used up by asking."""
        promised = self.afoot[job.project].pop(name, None)
        if f"project:{job.project}" in self.paused:
            return "project-paused"
        left, limit = self._project_room(job.project)
        if left - sum(self.afoot[job.project].values()) < job.quote:
            return limit
        line = self.parked[job.project]
        return "project-line" if line and promised is None and line[0][0] < job.score else None

    def release(self, project: str) -> list[str]:
        """Return who goes on of a project's parked jobs."""
        found: list[str] = []
        left = self._project_room(project)[0] - sum(self.afoot[project].values())
        while self.parked[project] and not self.lost and f"project:{project}" not in self.paused:
            name = self.parked[project][0][1]
            job = self.jobs[name]
            if job.quote > left and not self.beyond(job.quote):
                break
            left -= job.quote
            self.parked[project].pop(0)
            job.state, job.version = "queued", job.version + 1
            self.afoot[project][name] = job.quote
            found.append(name)
        return found

    def taken(self) -> int:
        """Return how many slots are taken now."""
        return sum(until > self.now for until in self.slots.values())

    def opens(self, turn: int) -> int:
        """Return when there is a permit for the caller with so many before it."""
        spacing = self.spacing(self.rate.at(self.now))
        tat = min(max(self.rate.tat, self.now), self.now + self.burst * spacing)
        return tat + (turn + 1 - self.burst) * spacing

    def permit(self, attempt: str) -> None:
        """Use one permit up."""
        rate, spacing = self.rate, self.spacing(self.rate.at(self.now))
        before = min(max(rate.tat, self.now), self.now + self.burst * spacing)
        rate.tat, rate.taken_at = before + spacing, self.now
        if before - self.now < max(1, self.burst // 2) * spacing:
            rate.full_at, rate.returned = self.now, 0
        self.passed.append(self.now)
        self.breaker.let_through(attempt, self.now)

    def _unused(self, attempt: str) -> None:
        """Give the permit of an attempt back that was never sent."""
        rate, spacing, admitted = self.rate, self.spacing(self.rate.at(self.now)), self.tries[attempt].admitted
        self.passed.remove(admitted)
        self.breaker.not_sent(attempt)
        tat = min(rate.tat, self.now + self.burst * spacing)
        if rate.taken_at > admitted:
            returned = 0 if self.now - rate.returned_at > 60 * SECOND else rate.returned
            if rate.full_at > admitted or returned >= max(1, self.burst // 2):
                return
            rate.returned, rate.returned_at = returned + 1, self.now
        if tat > self.now:
            rate.tat = max(self.now, tat - spacing)

    def admit(self, name: str, worker: str) -> list[str]:
        """Return what the gate has to answer."""
        job = self.jobs[name]
        attempt = f"{name}.{job.attempt_no}"
        if job.state != "queued":
            made = self.tries.get(attempt)
            if job.state == "admitted" and made and made.worker == worker:
                return ["admitted", str(made.admitted), str(job.version)]
            self.waiting.pop(name, None)
            return ["parked", job.limit] if job.state == "parked" else ["moved", job.state]
        self.waiting = {other: until for other, until in self.waiting.items() if until >= self.now}
        if self.lost:
            return self._defer(name, "books-lost", self.now + 2 * SECOND)
        if never := self.beyond(job.quote):
            self.waiting.pop(name, None)
            return ["refused", str(never[0]), never[1]]
        if limit := self._project_limit(name, job):
            self.waiting.pop(name, None)
            job.state, job.version, job.limit = "parked", job.version + 1, limit
            insort(self.parked[job.project], (job.score, name))
            return ["parked", limit]
        if "lane" in self.paused:
            return self._defer(name, "paused", self.now + 2 * SECOND)
        ahead = [other for other in self.waiting if (self.jobs[other].score, other) < (job.score, name)]
        ahead.sort(key=lambda other: (self.jobs[other].score, other))
        why, at = self._blocked(job, len(ahead), ahead[:LOOK])
        if why:
            return self._defer(name, why, at)
        self.permit(attempt)
        self.waiting.pop(name, None)
        self.due[name] = self.now + LEASE
        self.slots[attempt] = self.now + HORIZON
        self.tries[attempt] = Try(
            worker, self.now, self.window, job.quote, job.quote, project=job.project, urgent=job.urgent
        )
        job.state, job.version = "admitted", job.version + 1
        return ["admitted", str(self.now), str(job.version)]

    def _defer(self, name: str, why: str, at: int) -> list[str]:
        at = max(at, self.now + 1000)
        self.waiting[name] = min(at, self.now + PATIENCE) + 300_000
        return ["deferred", why, str(at), str(self.now)]

    def _before(self, ahead: int, near: list[str]) -> Line:
        line = Line(count=ahead)
        for job in (self.jobs[other] for other in near):
            if job.urgent:
                line.urgent, line.owed_urgent = line.urgent + 1, line.owed_urgent + job.quote
            else:
                line.owed, line.first = line.owed + job.quote, line.first or job.quote
        return line

    def _room(self, cap: int, line: Line, *, day: bool, urgent: bool) -> tuple[int, bool]:
        """Return what a book of the lane has left, and whether to pass those who may not have the share of it."""
        kept = max(0, cap * self.share // 100 - self.used(day=day, urgent=True))
        left = cap - self.used(day=day)
        common = left - max(kept, line.owed_urgent)
        if not urgent:
            return common - line.owed, False
        if kept and line.first > common:
            return left - line.owed_urgent, True
        return left - line.owed_urgent - max(0, min(line.owed, common)), False

    def _shut(self, ahead: int, *, slot: bool) -> tuple[str, int]:
        """Return why nobody may call who has so many before him; *slot* says that he needs one."""
        opens = self.opens(ahead)
        if self.now < self.rate.cool:
            return "cool-down", max(self.rate.cool, opens)
        if until := self.breaker.holds(ahead, opens, self.now):
            return "breaker", until
        if self.interval and opens > self.now:
            return "rate", opens
        if slot and self.concurrency and self.taken() + ahead >= self.concurrency:
            return "slots", self.now + SECOND
        return "", 0

    def _blocked(self, job: Record, ahead: int, near: list[str]) -> tuple[str, int]:
        line, bypass, short = self._before(ahead, near), False, []
        for cap, day in ((self.cap, False), (self.day_cap, True)):
            if cap is not None:
                left, past = self._room(cap, line, day=day, urgent=job.urgent)
                short.append(left < job.quote)
                bypass = bypass or past
        why, at = self._shut(line.urgent if bypass else ahead, slot=True)
        if why:
            return why, at
        if short[0]:
            return "urgent-share" if self.share and not job.urgent else "budget", self.window + HOUR
        if short[-1]:
            return "day-budget", self.now - self.now % DAY + DAY
        return ("window-end", self.window + HOUR) if self.ends_soon else ("", 0)

    def claim(self, name: str, worker: str) -> list[str]:
        """Return who may send."""
        job = self.jobs[name]
        made = self.tries.get(f"{name}.{job.attempt_no}")
        if job.state != "admitted" or made is None or made.worker != worker or made.state != "reserved":
            return ["moved", job.state]
        if self.now - made.admitted > PERMIT or made.window != self.window or self.ends_soon:
            return ["aged", str(job.version)]
        job.state, job.version, made.state = "submitting", job.version + 1, "submitting"
        self.due[name] = self.now + LEASE
        return ["go", str(job.version), str(self.now), int(self.breaker.bad > 0)]

    def doubt(self, name: str) -> bool:
        """Tell whether a job can be in doubt now, and let it be."""
        job = self.jobs[name]
        if job.state != "submitting":
            return False
        job.state, job.version = "in_doubt", job.version + 1
        self.due[name] = self.now
        return True

    def settle(self, attempt: str, cost: int, version: int, *, keep: bool, free: bool) -> list[str]:
        """Return what the books have to answer."""
        made = self.tries[attempt]
        if version <= made.version:
            return ["stale", made.state, str(made.cost)]
        made.held, made.cost, made.version = made.held if keep else 0, cost, version
        made.state = "charged" if cost else "free"
        if free:
            self.slots.pop(attempt, None)
        return ["settled", str(cost), str(max(0, cost - made.quote))]

    def give_back(self, name: str, version: int) -> bool:
        """Tell whether a job can be put back, and do so."""
        job = self.jobs[name]
        if job.state not in {"admitted", "submitting"} or job.version != version:
            return False
        attempt = f"{name}.{job.attempt_no}"
        made = self.tries[attempt]
        if made.version < 2:
            made.held, made.cost, made.version, made.state = 0, 0, 2, "released"
            self.slots.pop(attempt, None)
            if job.state == "admitted":
                self._unused(attempt)
        self.due.pop(name, None)
        job.state, job.version, job.attempt_no = "queued", job.version + 1, job.attempt_no + 1
        return True

    def cool(self, wait: int, admitted: int, *, cut: bool) -> tuple[int, int]:
        """Return until when the lane has to wait, and how fast it goes then."""
        rate = self.rate
        if cut and admitted > rate.cut_at:
            full = rate.at(self.now)
            rate.ppm, rate.since, rate.cut_at = max(100_000, full * 7 // 10), self.now, self.now
            rate.tat = self.now + -(-max(0, rate.tat - self.now) * full // rate.ppm)
        rate.cool = max(rate.cool, self.now + wait)
        rate.taken_at = rate.full_at = self.now
        rate.tat = max(rate.tat, self.now, rate.cool + (self.burst - 1) * self.spacing(rate.at(rate.cool)))
        return rate.cool, rate.at(self.now)

    def resend(self, name: str, version: int) -> list[str]:
        """Return whether a job's attempt may be sent once more."""
        job = self.jobs[name]
        attempt = f"{name}.{job.attempt_no}"
        if job.state != "in_doubt" or job.version != version:
            return ["moved", job.state]
        if self.lost or self.paused & {"lane", f"project:{job.project}"}:
            return ["deferred", "books-lost" if self.lost else "paused", str(self.now + 2 * SECOND), str(self.now)]
        why, at = self._shut(0, slot=self.slots.get(attempt, 0) <= self.now)
        if why:
            return ["deferred", why, str(max(at, self.now + 1000)), str(self.now)]
        if self.ends_soon:
            return ["deferred", "window-end", str(max(self.window + HOUR, self.now + 1000)), str(self.now)]
        if not self._carried(self.tries[attempt]):
            return ["deferred", "budget", str(self.now + 2 * SECOND), str(self.now)]
        self.permit(attempt)
        self.slots[attempt] = self.now + HORIZON
        job.version += 1
        return ["go", str(self.now), str(job.version)]

    def _carried(self, made: Try) -> bool:
        """Tell whether an attempt's money is in the current window, or had room to come along into it."""
        if made.window == self.window or made.version > 1:
            return True
        amount, today = made.held or made.quote, made.window - made.window % DAY == self.now - self.now % DAY
        more = amount - (made.held + made.cost if today else 0)
        project, urgent = made.project, made.urgent
        if amount > self._room(self.cap, Line(), day=False, urgent=urgent)[0]:
            return False
        if self.project_cap is not None and amount > self.project_cap - self.used(project=project):
            return False
        if self.day_cap is not None and more > max(0, self._room(self.day_cap, Line(), day=True, urgent=urgent)[0]):
            return False
        day = self.project_day_cap
        if day is not None and more > max(0, day - self.used(day=True, project=project)):
            return False
        made.window, made.held, made.cost, made.version, made.state = self.window, amount, 0, 0, "submitting"
        return True

    def take_due(self, most: int) -> list[str]:
        """Return who must be looked at now, and let whoever asks have them for a lease."""
        found = sorted((at, name) for name, at in self.due.items() if at <= self.now)[:most]
        for _, name in found:
            self.due[name] = self.now + LEASE
        return [name for _, name in found]

    def renew(self, in_hand: list[tuple[str, str]]) -> int:
        """Return how many jobs a heartbeat renews."""
        renewed = 0
        for name, state in in_hand:
            if self.jobs[name].state == state and name in self.due:
                renewed += self.due[name] != self.now + LEASE
                self.due[name] = self.now + LEASE
        return renewed


class Play:
    """Scripts and model side by side: each step is asked of both, and what must hold is looked at after it."""

    def __init__(
        self, desk: Desk, interval: int, burst: int, concurrency: int, cap: int, day_cap: int | None = None,
        project_cap: int | None = None, project_day_cap: int | None = None, share: int = 0,
    ) -> None:  # fmt: skip
        self.desk = desk
        desk.limits(interval=interval, burst=burst, concurrency=concurrency, cap=cap)
        self.model = Model(interval, burst, concurrency, cap, desk.now)
        for span, amount in (
            ("lane/day", day_cap), ("project:*/window", project_cap), ("project:*/day", project_day_cap),
            ("lane/urgent", share or None),
        ):  # fmt: skip
            self.allow(span, amount)

    def pass_time(self, microseconds: int) -> None:
        """Let time go by for both."""
        self.desk.pass_time(microseconds)
        self.model.now += microseconds

    def enter(self, priority: Priority, quote: int, project: str = "default") -> str:
        """Enter one more job."""
        name = f"j{len(self.model.jobs):03}"
        urgent = priority is Priority.URGENT
        self.model.jobs[name] = Record(self.model.now - BOOST_US[priority], quote, project=project, urgent=urgent)
        self.desk.enter(name, priority, quote=quote, project=project)
        return name

    def allow(self, span: str, amount: int | None) -> None:
        """Have an operator set a cap, or the share."""
        self.desk.scripts.allow(self.desk.keys.caps, "override", {span: amount}, entry="cap", now=self.desk.now)
        name = {
            "lane/window": "cap", "lane/day": "day_cap", "project:*/window": "project_cap",
            "project:*/day": "project_day_cap", "lane/urgent": "share",
        }[span]  # fmt: skip
        setattr(self.model, name, amount or 0 if span == "lane/urgent" else amount)

    def pause(self, owner: str, *, ends: bool) -> None:
        """Have an operator pause the lane or a project, or end that."""
        said = {f"paused:{owner}": None if ends else "audit"}
        self.desk.scripts.allow(self.desk.keys.caps, "", said, entry="pause", now=self.desk.now)
        (self.model.paused.discard if ends else self.model.paused.add)(owner)

    def lose(self, name: str, place: int) -> None:
        """Lose a book of a job's admission, one of the caps, or the lane's epoch; ask, let go, and put it back."""
        job, desk = self.model.jobs[name], self.desk
        keys = [*desk.keys.books_of(job.project, desk.period()), desk.keys.lane, desk.keys.caps]
        key = keys[place]
        kept, ttl = desk.redis.dump(key), max(0, desk.redis.pttl(key))
        if (place < 4 and kept is None) or (place == 4 and not desk.redis.xlen(desk.keys.journal)):
            return  # nobody has begun it
        match place:
            case 4:
                desk.redis.hdel(key, "epoch")
            case 5:
                fields = sorted(set(desk.redis.hkeys(key)) - {"lane/window"})
                desk.redis.hdel(key, fields[0] if fields else "lane/window")
            case _:
                desk.redis.delete(key)
        if place != 5 or fields:
            self.model.lost = True
            self.admit(name, "anna")
            self.release(job.project)
            self.model.lost = False
        desk.redis.restore(key, ttl, kept, replace=True)

    def release(self, project: str) -> None:
        """Let parked jobs go."""
        heads = self.desk.redis.zrange(self.desk.keys.parked(project), 0, -1)
        said = self.desk.scripts.release(project, heads, period=self.desk.period(), now=self.desk.now)
        assert ["released", *self.model.release(project)] == list(said)

    def admit(self, name: str, worker: str) -> None:
        """Ask the gate."""
        job = self.model.jobs[name]
        number, before = job.attempt_no, self.model.jobs[name].state
        said = self.desk.admit(name, worker=worker, quote=job.quote, attempt_no=number)
        assert self.model.admit(name, worker) == said, (name, worker, before)

    def claim(self, name: str, worker: str) -> None:
        """Ask who may send."""
        number = self.model.jobs[name].attempt_no
        said = self.desk.claim(name, worker, number)
        assert self.model.claim(name, worker) == said

    def settle(self, attempt: str, cost: int, version: int, *, keep: bool = False, free: bool = True) -> None:
        """Report what an attempt came to."""
        name, _, number = attempt.partition(".")
        said = self.desk.settle(name, cost, version=version, number=number, keep=keep, free=free)
        assert self.model.settle(attempt, cost, version, keep=keep, free=free) == said

    def give_back(self, name: str, version: int) -> None:
        """Put a job back that bought nothing."""
        job = self.model.jobs[name]
        made = self.model.tries.get(f"{name}.{job.attempt_no}")
        old = State(job.state) if job.state in {"admitted", "submitting"} else State.ADMITTED
        said = self.desk.move(
            name, old, State.QUEUED, version=version, fields={"attempt_no": job.attempt_no + 1},
            booked=(f"{name}.{job.attempt_no}", self.desk.books(f"{name}.{job.attempt_no}"), 0, 2) if made else None,
        )  # fmt: skip
        assert self.model.give_back(name, version) == (said[0] == "moved")

    def cool(self, wait: int, ago: int, *, cut: bool) -> None:
        """Say that the provider complained about a call admitted so long ago."""
        admitted = self.model.now - ago
        assert self.model.cool(wait, admitted, cut=cut) == self.desk.cool(
            wait, admitted, kind="rate" if cut else "none"
        )

    def doubt(self, name: str) -> None:
        """Let an answer be lost."""
        said = self.desk.move(name, State.SUBMITTING, State.IN_DOUBT, due_in_us=0)
        assert self.model.doubt(name) == (said[0] == "moved")

    def resend(self, name: str, version: int) -> None:
        """Ask to send once more, as somebody who knows the job at a version."""
        assert self.model.resend(name, version) == self.desk.resend(job_id=name, version=version)

    def heard(self, attempt: str, admitted: int, *, good: bool) -> None:
        """Tell the breaker what came of a call."""
        said = self.desk.scripts.heard(
            attempt, good=good, admitted_us=admitted, threshold=THRESHOLD, pause_us=PAUSE, longest_us=LONGEST,
            now=self.desk.now,
        )  # fmt: skip
        assert self.model.breaker.heard(attempt, admitted, self.model.now, good=good) == list(said)

    def leave(self, name: str) -> None:
        """Give up a place in line."""
        assert int(self.model.waiting.pop(name, None) is not None) == self.desk.scripts.leave(name)

    def take_due(self, most: int) -> None:
        """Take jobs that are due."""
        assert self.model.take_due(most) == self.desk.scripts.due(most, LEASE, now=self.desk.now)

    def renew(self, in_hand: list[tuple[str, str]]) -> None:
        """Send a heartbeat for jobs in the states they are believed to be in."""
        said = self.desk.scripts.renew("anna", LEASE, [(n, State(s)) for n, s in in_hand], now=self.desk.now)
        assert self.model.renew(in_hand) == said

    def holds(self) -> None:
        """Look at everything that must hold at any time."""
        model, desk = self.model, self.desk
        books = {desk.window_key(start): book for start, book in model.books().items()}
        gone = {key: (0, 0) for key in desk.redis.keys("*}:window:*") if key not in books}  # all of it was carried
        for key, (reserved, spent) in {**books, **gone}.items():
            stored = tuple(int(value or 0) for value in desk.redis.hmget(key, "reserved", "spent"))
            assert (reserved, spent) == stored, "the counters are the sums over the attempts"
            assert reserved >= 0
            assert spent >= 0
        for key in {key for name in model.tries for key in desk.books(name)}:
            reserved, spent, under, over = desk.redis.hmget(key, "reserved", "spent", "under", "over")
            assert under is None or int(reserved) + int(spent) <= int(under) + int(over or 0), (
                "never above the cap, but for what was booked above what was reserved"
            )
        told = replayed(desk.redis.xrange(desk.keys.journal))
        assert books == {key: book for key, book in told.items() if ":window:" in key or "}:window" in key}, (
            "the journal tells the books"
        )
        assert {name for name, until in model.slots.items() if until > model.now} == desk.slots()
        assert not model.concurrency or model.taken() <= model.concurrency
        for name, job in model.jobs.items():
            assert (job.state, str(job.version), str(job.attempt_no)) == tuple(
                desk.redis.hmget(desk.keys.job(name), "state", "version", "attempt_no")
            )
        for project, line in model.parked.items():
            assert [name for _, name in line] == desk.redis.zrange(desk.keys.parked(project), 0, -1)
        assert model.due == {name: int(at) for name, at in desk.redis.zrange(desk.keys.due, 0, -1, withscores=True)}
        assert set(model.waiting) == set(desk.redis.zrange(desk.keys.holders, 0, -1)) == set(
            desk.redis.zrange(desk.keys.present, 0, -1)
        ) == set(desk.redis.hkeys(desk.keys.quotes))  # fmt: skip
        assert {name for name, made in model.tries.items() if made.held} == set(
            desk.redis.zrange(desk.keys.open, 0, -1)
        ), "what has something reserved is known to be open"
        waiting = sum(job.quote for job in model.jobs.values() if job.state in {"queued", "parked"})
        assert waiting == int(desk.redis.hget(desk.keys.counters, "waiting_cost") or 0), "what waits is known in money"
        within(model.passed, model.burst, model.interval)


def within(passed: list[int], burst: int, interval: int) -> None:
    """Check that in every span W no more than burst + W / interval were let through."""
    times = sorted(passed)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert not interval or last - first + 1 <= burst + (times[last] - start) // interval
