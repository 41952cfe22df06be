"""A desk at which a test plays all workers: it knows the scripts, and its time is what the test says."""

import re
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from redis import Redis

from overcrank import scripts
from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.keys import Keys, Period
from overcrank.lifecycle import State
from overcrank.scripts import KeepFor, Scripts
from overcrank.store.jobs import BOOST_US

NOW = 1_800_000_000 * SECOND
"""The beginning of an hour."""

HOUR = 3600 * SECOND
USD = 1_000_000
MS = 1000
KEEP_FOR = KeepFor(3600, 7200)
LEASE, PATIENCE, HORIZON, PERMIT, PROBE = 8 * SECOND, 3 * SECOND, 900 * SECOND, 2 * SECOND, 30 * SECOND


class Desk:
    """All scripts over one server, at one moment."""

    def __init__(self, redis: Redis, change: Callable[[str, str], str] = lambda verb, text: text) -> None:
        self.redis, self.keys, self.now = redis, Keys("test"), NOW
        original = scripts.source
        with patch.object(scripts, "source", lambda verb: change(verb, original(verb))):
            self.scripts = Scripts(redis, self.keys)
        self.limits()

    def limits(self, **given: int) -> None:
        """Allow much, but for what is given: interval µs, burst, concurrency, window µs; cap µ$ a window."""
        allowed = {"interval": 0, "burst": 1, "concurrency": 0, "window": HOUR, **given}
        self.caps(**{"lane/window": allowed.pop("cap", 1000 * USD)})
        self.redis.hset(self.keys.limits, mapping=allowed)

    def caps(self, **given: int) -> None:
        """Set caps by their span, µ$."""
        self.redis.hset(self.keys.caps, mapping=given)

    def period(self, at: int | None = None) -> Period:
        """Return the windows of a moment."""
        return Period.at(self.now if at is None else at, HOUR)

    def pass_time(self, microseconds: int) -> None:
        """Let time go by."""
        self.now += microseconds

    def enter(self, job_id: str, priority: Priority = Priority.NORMAL, **more: Any) -> list[str]:
        """Enter a job."""
        fields = {
            "request": "{}",
            "priority": priority,
            "project": more.pop("project", "default"),
            "quote": more.pop("quote", USD),
            **more.pop("extra", {}),
        }
        given = {"boost_us": BOOST_US[priority], "sent": True, "now": self.now, **more}
        return list(self.scripts.enter(job_id, priority, fields, **given))

    def admit(self, job_id: str, **more: Any) -> list[str]:
        """Ask the gate for a job."""
        number = more.pop("attempt_no", None) or int(self.redis.hget(self.keys.job(job_id), "attempt_no") or 1)
        job = self.job(job_id)
        quote = more.pop("quote", USD)
        given: dict[str, Any] = {
            "worker": "anna", "quote": quote, "amount": quote, "now": self.now, "period": self.period(),
            "project": job.get("project", "default"), "probe_us": PROBE, "window_ttl_s": 7200, **more,
        }  # fmt: skip
        return list(
            self.scripts.admit(
                job_id, f"{job_id}.{number}", number, Priority(job.get("priority", "normal")), horizon_us=HORIZON,
                lease_us=LEASE, patience_us=PATIENCE, **given,
            )
        )  # fmt: skip

    def claim(self, job_id: str, worker: str = "anna", number: int = 1, period: Period | None = None) -> list[str]:
        """Ask whether a worker may send a job's attempt."""
        return list(
            self.scripts.claim(
                job_id, f"{job_id}.{number}", project=self.job(job_id).get("project", "default"), worker=worker,
                period=period or self.period(), permit_us=PERMIT, lease_us=LEASE, sent_to="v s a", model="m",
                body="{}", now=self.now,
            )
        )  # fmt: skip

    def settle(self, job_id: str, cost: int = 0, **more: Any) -> list[str]:
        """Book what a job's attempt came to."""
        given: dict[str, Any] = {
            "state": "charged" if cost else "free",
            "version": 2,
            "keep": False,
            "free": True,
            **more,
        }
        attempt = f"{job_id}.{given.pop('number', 1)}"
        books = self.books(attempt)
        return list(
            self.scripts.settle(
                attempt, books, cost=cost, keep_for=KEEP_FOR, now=self.now, **given
            )
        )  # fmt: skip

    def doubtful(self, job_id: str, **more: Any) -> None:
        """Enter a job, and let its attempt be in doubt."""
        self.enter(job_id, more.pop("priority", Priority.NORMAL))
        assert "admitted" == self.admit(job_id, **more)[0]
        self.claim(job_id, period=more.get("period"))
        self.doubt(job_id)

    def doubt(self, job_id: str) -> None:
        """Let the answer to a job's attempt be lost."""
        self.move(job_id, State.SUBMITTING, State.IN_DOUBT)

    def resend(self, now: int | None = None, job_id: str = "again", **more: Any) -> list[str]:
        """Ask for a permit to send an attempt once more; one that is not there is made up, with nothing reserved."""
        job = self.job(job_id)
        attempt, period = more.pop("attempt", job.get("attempt", f"{job_id}.1")), self.period(now)
        if not job:
            job = {"state": "in_doubt", "version": "1", "attempt": attempt}
            books = " ".join(self.keys.books_of("default", period))
            made: dict[str, dict[str, Any]] = {
                self.keys.job(job_id): job,
                self.keys.attempt(attempt): {"books": books, "open": 0},
            }
            for key, fields in made.items():
                self.redis.hset(key, mapping=fields)
                self.redis.expire(key, 3600)
        given = {
            "version": int(job["version"]), "project": job.get("project", "default"), "books": self.books(attempt),
            "period": period, **more,
        }  # fmt: skip
        return list(
            self.scripts.resend(
                attempt, job_id, horizon_us=HORIZON, probe_us=PROBE, window_ttl_s=7200,
                now=self.now if now is None else now, **given,
            )
        )  # fmt: skip

    def move(self, job_id: str, old: State, new: State, **more: Any) -> list[str]:
        """Compare and set a job's state."""
        priority = Priority(self.redis.hget(self.keys.job(job_id), "priority") or "normal")
        given: dict[str, Any] = {
            "version": None,
            "due_in_us": None,
            "now": self.now,
            "fields": {},
            "keep_for": KEEP_FOR,
            **more,
        }
        return list(self.scripts.move(job_id, old, new, priority, **given))

    def requeue(self, job_id: str, old: State = State.ADMITTED, *, booked: bool = False) -> list[str]:
        """Put a job back in line for another attempt; *booked* gives back what the one before had taken."""
        number = int(self.redis.hget(self.keys.job(job_id), "attempt_no"))
        attempt = f"{job_id}.{number}"
        given = {"booked": (attempt, self.books(attempt), 0, 2)} if booked else {}
        return self.move(job_id, old, State.QUEUED, fields={"attempt_no": number + 1}, **given)

    def cool(self, wait: int, admitted: int | None = None, *, kind: str = "rate") -> tuple[int, int]:
        """Say that the provider answered 429 to a call admitted then."""
        return self.scripts.cool(wait, self.now if admitted is None else admitted, kind=kind, now=self.now)

    def job(self, job_id: str) -> dict[str, str]:
        """Return a job's record."""
        return dict(self.redis.hgetall(self.keys.job(job_id)))

    def attempt(self, job_id: str, number: int = 1) -> dict[str, str]:
        """Return an attempt's record."""
        return dict(self.redis.hgetall(self.keys.attempt(f"{job_id}.{number}")))

    def books(self, attempt: str) -> tuple[str, str, str, str]:
        """Return the books an attempt is reserved in."""
        stored = (self.redis.hget(self.keys.attempt(attempt), "books") or "a b c d").split()
        return (stored[0], stored[1], stored[2], stored[3])

    def window_key(self, at: int | None = None) -> str:
        """Return the key of the window at a moment."""
        at = self.now if at is None else at
        return self.keys.window(at - at % HOUR, HOUR)

    def book(self, at: int | None = None) -> tuple[int, int]:
        """Return what is reserved and what is spent in the window at a moment."""
        reserved, spent = self.redis.hmget(self.window_key(at), "reserved", "spent")
        return int(reserved or 0), int(spent or 0)

    def slots(self) -> set[str]:
        """Return the attempts that occupy the provider now."""
        return set(self.redis.zrangebyscore(self.keys.slots, f"({self.now}", "+inf"))

    def everything(self) -> dict[str, Any]:
        """Return all that is stored, to compare it with what is stored later."""
        read = {"hash": self.redis.hgetall, "string": self.redis.get, "stream": self.redis.xrange}
        return {
            key: self.redis.zrange(key, 0, -1, withscores=True)
            if (kind := self.redis.type(key)) == "zset"
            else read[kind](key)
            for key in sorted(self.redis.keys())
        }


def replayed(journal: list[tuple[str, dict[str, str]]]) -> dict[str, tuple[int, int]]:
    """Return what is reserved and spent in each book, computed from the journal alone."""
    attempts: dict[str, tuple[str, int, int]] = {}
    for _, entry in journal:
        match entry["entry"]:
            case "reserve":
                attempts[entry["attempt"]] = (entry["books"], int(entry["quote"]), 0)
            case "carry":
                attempts[entry["attempt"]] = (entry["books"], int(entry["amount"]), 0)
            case "settle" | "release" | "assumed" | "verdict" | "correction" | "orphan":
                attempts[entry["attempt"]] = (entry["books"], int(entry["open"]), int(entry["amount"]))
    totals: dict[str, tuple[int, int]] = {}
    for books, reserved, spent in attempts.values():
        for key in books.split():
            held, paid = totals.get(key, (0, 0))
            totals[key] = (held + reserved, paid + spent)
    return totals


def header(text: str) -> dict[str, list[str]]:
    """Return what a script's header names under KEYS and ARGV, in order; two dots follow what may come many times."""
    said = {}
    lead = "\n".join(line.removeprefix("--") for line in text.splitlines() if line.startswith("--"))
    for word in ("KEYS", "ARGV"):
        found = re.search(rf"{word}: (.*?)(?=\n (?:KEYS|ARGV|RETURNS)|\Z)", lead, re.DOTALL)
        named = re.findall(r"(?:^|\s)\d+(\.\.)? ([a-z_]+(?:, [a-z_]+)*)", found[1]) if found else []
        said[word] = [name + rest for rest, name in named]
    return said
