"""The journal's word: what the books have to say, where they say something else, and how they are put back.

Every script that changes money writes what it did in the same step. So the replay of the journal is the books, exactly,
at every entry. An entry is absolute: what an attempt has reserved and what it was charged, from then on.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..clock import SECOND, iso
from ..keys import Keys
from ..money import plain
from ..scripts import Restored, Scripts, keep_for
from ..server import Server
from ..settings import Settings

CHUNK = 5000
"""Entries read at once."""

SETTLED = frozenset({"settle", "release", "assumed", "correction"})

KEPT = ("job", "worker", "project", "price", "quote", "urgent", "admitted")
"""What an attempt's record has in common with its first entry."""

Entry = tuple[str, Mapping[str, str]]


@dataclass
class Attempt:
    """What the journal says about one attempt."""

    reserved: Mapping[str, str]
    books: str
    open: int
    cost: int = 0
    version: int = 0
    state: str = "reserved"
    urgent: bool = False


@dataclass
class Replay:
    """What the journal comes to, up to *last*."""

    last: str = "0-0"
    entries: int = 0
    epoch: int = 1
    attempts: dict[str, Attempt] = field(default_factory=dict)
    caps: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, entries: Iterable[Entry]) -> None:
        """Go on with more entries."""
        for entry_id, entry in entries:
            self.last, self.entries = entry_id, self.entries + 1
            kind = entry["entry"]
            if kind == "reserve":
                amount, urgent = int(entry["quote"]), entry["urgent"] == "1"
                self.attempts[entry["attempt"]] = Attempt(entry, entry["books"], amount, urgent=urgent)
                self.epoch = max(self.epoch, int(entry["epoch"]))
            elif kind == "rebuild":
                self.epoch = max(self.epoch, int(entry["epoch"]))
            elif kind == "carry" and entry["attempt"] in self.attempts:
                self.attempts[entry["attempt"]].books = entry["books"]
            elif kind in SETTLED:
                unknown = Attempt(entry, entry["books"], 0, urgent=entry["urgent"] == "1")  # its reserve was trimmed
                attempt = self.attempts.setdefault(entry["attempt"], unknown)
                attempt.open, attempt.cost = int(entry["open"]), int(entry["amount"])
                attempt.version, attempt.state = int(entry["version"]), entry["state"]
            elif kind in {"cap", "limit", "pause", "resume"}:
                layer = f"{entry['layer']}:" if entry.get("layer") else ""
                self.caps[entry["key"], f"{layer}{entry['name']}"] = entry["said"]

    def books(self) -> dict[str, dict[str, int]]:
        """Return what every book has to say."""
        found: dict[str, dict[str, int]] = {}
        for attempt in self.attempts.values():
            for place, key in enumerate(attempt.books.split()):
                book = found.setdefault(key, {"reserved": 0, "spent": 0, "urgent": 0})
                book["reserved"] += attempt.open
                book["spent"] += attempt.cost
                if place < 2 and attempt.urgent:
                    book["urgent"] += attempt.open + attempt.cost
        return found


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a book, or an attempt's record, does not say what the journal says (µ$)."""

    where: str
    what: str
    stored: int | None
    journal: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit found: entries read, books compared, books older than the journal, and every difference."""

    entries: int
    books: int
    older: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether the books are the replay of the journal."""
        return not self.differences

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data."""
        return {**asdict(self), "ok": self.ok, "differences": [asdict(each) for each in self.differences]}


class Audit:
    """Compares books with the journal, and puts them back."""

    def __init__(self, redis: Server, keys: Keys, scripts: Scripts, settings: Settings) -> None:
        self._redis, self._keys, self._scripts, self._settings = redis, keys, scripts, settings

    def entries(self, after: str = "0-0", until: str = "+") -> Iterator[Entry]:
        """Go through the journal, in order."""
        while chunk := self._redis.xrange(self._keys.journal, f"({after}", until, count=CHUNK):
            yield from chunk
            after = chunk[-1][0]

    def check(self, since: int = 0) -> Verdict:
        """Compare every book that starts at *since* (µs) or later with the journal, at one and the same entry."""
        replay = Replay(last=f"{since // 1000}-0")
        replay.add(self.entries(replay.last))
        begins = max(since, self._begins())
        while True:
            books = {key: book for key, book in replay.books().items() if started(key) >= begins}
            opened = [name for name, attempt in replay.attempts.items() if attempt.open]
            pipe = self._redis.pipeline(transaction=True)  # all of it at one moment
            pipe.xrevrange(self._keys.journal, count=1)
            for key in books:
                pipe.hmget(key, "reserved", "spent", "urgent")
            for name in opened:
                pipe.hmget(self._keys.attempt(name), "open")
            newest, *stored = pipe.execute()
            if not newest or newest[0][0] == replay.last:
                break
            replay.add(self.entries(replay.last))
        found = []
        for (key, book), said in zip(books.items(), stored, strict=False):
            found += _compare(key, book, dict(zip(book, said, strict=True)))
        for name, said in zip(opened, stored[len(books) :], strict=True):
            found += _compare(self._keys.attempt(name), {"open": replay.attempts[name].open}, {"open": said[0]})
        return Verdict(replay.entries, len(books), len(replay.books()) - len(books), tuple(found))

    def rebuild(self) -> tuple[int, int]:
        """Put books and open attempts back as the journal has them; return the new epoch and how many were put back.

        The gate is closed meanwhile: without an epoch it admits nobody. What is settled meanwhile is in the journal,
        and is taken in before the gate opens again.
        """
        marks = [f"overridden:{key}" for key in (self._keys.caps, self._keys.limits)]
        self._redis.hdel(self._keys.lane, "epoch", *marks)
        replay = Replay()
        while True:
            replay.add(self.entries(replay.last))
            restored = self._restored(replay)
            interval, burst = (int(text or 0) for text in self._redis.hmget(self._keys.limits, "interval", "burst"))
            match self._scripts.rebuild(replay.last, replay.epoch + 1, restored, debt_us=interval * burst):
                case ["rebuilt", epoch]:
                    return int(epoch), len(restored)

    def _restored(self, replay: Replay) -> dict[str, Restored]:
        keep, begins = keep_for(self._settings.retention), self._begins()
        restored: dict[str, Restored] = {}
        for key, book in replay.books().items():
            if started(key) >= begins:
                restored[key] = Restored(keep.window_s, None, {**book, "epoch": replay.epoch + 1})
        provider = self._settings.provider
        horizon = round((provider.horizon + provider.connect_timeout + provider.read_timeout).total_seconds() * SECOND)
        for name, attempt in replay.attempts.items():
            for key in attempt.books.split()[:2]:
                if key in restored:  # which projects it knows to have books
                    project = attempt.reserved.get("project")
                    fields = {**restored[key].fields, **({f"project:{project}": 1} if project else {})}
                    restored[key] = restored[key]._replace(fields=fields)
            if attempt.open and "admitted" in attempt.reserved:
                kept = {part: attempt.reserved[part] for part in KEPT}
                fields = {**kept, "books": attempt.books, "cost": attempt.cost, "version": attempt.version}
                state = self._redis.hget(self._keys.attempt(name), "state") or attempt.state
                fields |= {"open": attempt.open, "state": state}
                at = int(attempt.reserved["admitted"])
                restored[self._keys.attempt(name)] = Restored(None, (name, at, at + horizon), fields)
        for (key, name), said in replay.caps.items():
            if said and (name.startswith(("override:", "paused:")) or key in restored):
                before = restored.get(key, Restored(None, None, {}))
                shown = {name: said} | ({name.removeprefix("override:"): said} if name.startswith("override:") else {})
                restored[key] = before._replace(fields={**before.fields, **shown})
        return restored

    def trim(self, oldest_needed: int) -> int:
        """Let go of the oldest entries above the configured number, but of none from *oldest_needed* (µs) on."""
        excess = self._redis.xlen(self._keys.journal) - self._settings.retention.journal
        if excess <= 0:
            return 0
        oldest = self._redis.xrange(self._keys.journal, count=min(excess, CHUNK))
        gone = [entry_id for entry_id, _ in oldest if _time(entry_id) < oldest_needed]
        if not gone:
            return 0
        milliseconds, _, number = gone[-1].partition("-")
        self._redis.hset(self._keys.books, "trimmed", 1)
        return int(self._redis.xtrim(self._keys.journal, minid=f"{milliseconds}-{int(number) + 1}", approximate=False))

    def _begins(self) -> int:
        """Return since when (µs) the journal is whole."""
        if not self._redis.hget(self._keys.books, "trimmed"):
            return 0
        first = self._redis.xrange(self._keys.journal, count=1)
        return _time(first[0][0]) if first else 0

    def exported(self) -> Iterator[dict[str, Any]]:
        """Go through the journal as plain data: time, entry, attempt, job, project, dollars, books."""
        for entry_id, entry in self.entries():
            row: dict[str, Any] = {"id": entry_id, "at": iso(_time(entry_id)), "entry": entry["entry"]}
            row |= {name: entry.get(name, "") for name in ("attempt", "job", "project", "state", "key", "name")}
            amount = entry.get("quote") or entry.get("amount") or ""
            is_money = entry["entry"] not in {"pause", "resume", "limit"} and amount.lstrip("-").isdigit()
            row["usd"] = plain(int(amount)) if is_money else ""
            row["said"] = entry.get("said", "")
            row["open_usd"] = plain(int(entry["open"])) if entry.get("open") else ""
            row["version"], row["books"] = entry.get("version", ""), entry.get("books", "")
            yield row


def started(book: str) -> int:
    """Return when the window of a book starts, µs."""
    return int(book.rpartition(":")[2]) * SECOND


def _time(entry_id: str) -> int:
    return int(entry_id.partition("-")[0]) * 1000


def _compare(where: str, journal: Mapping[str, int], stored: Mapping[str, str | None]) -> list[Difference]:
    found = []
    for what, amount in journal.items():
        text = stored[what]
        if int(text or 0) != amount or (text is None and what != "urgent"):
            found.append(Difference(where, what, None if text is None else int(text), amount))
    return found
