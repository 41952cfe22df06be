"""The audit: what the books have to say by the journal, and where they say something else.

Every script that changes money writes what it did in the same step. So the replay of the journal is the books, exactly,
at every entry.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..keys import Keys
from ..scripts import keep_for
from ..server import Server
from ..settings import RetentionSettings
from .calendar import Calendar, started
from .journal import CHUNK, Journal
from .replay import NOTHING, Attempt, Replay

RECORD = ("open", "cost", "version")
"""What is compared of an attempt."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a book, or an attempt's record, does not say what the journal says (µ$; None is no number at all)."""

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


class Look(NamedTuple):
    """What is stored at one moment, books by their name.

    *fields* is how many fields there were of what is allowed, and how many there are.
    """

    newest: str
    opened: set[str]
    epoch: str | None
    fields: Mapping[str, tuple[str | None, int]]
    stored: Mapping[str, Mapping[str, str | None]]


class Audit:
    """Compares books with the journal."""

    def __init__(
        self, redis: Server, keys: Keys, calendar: Calendar, journal: Journal, retention: RetentionSettings
    ) -> None:
        self._redis, self._keys, self._calendar, self._journal = redis, keys, calendar, journal
        self._kept_s = keep_for(retention).window_s

    def check(self, since: int = 0) -> Verdict:
        """Compare every book that starts at *since* (µs) or later with the journal, at one and the same entry."""
        replay, looked = Replay(last=f"{since // 1000}-0", whole=False), set(self._calendar.known())
        replay.add(self._journal.entries(replay.last))
        while True:
            looked |= replay.books().keys()
            look = self._look(sorted(looked))
            replay.add(self._journal.entries(replay.last, look.newest))
            said = replay.books()
            if said.keys() <= looked:  # else some begin with entries that were not read yet: look once more
                break
        entries, begins = replay.entries, max(since, replay.since, self._calendar.oldest_kept(self._kept_s))
        found = self._gates(look, replay)
        books = {key: said.get(key, NOTHING) for key in sorted(looked) if started(key) >= begins}
        epoch = {"epoch": _sum(look.epoch) or replay.epoch}
        for key, book in books.items():
            found += _compare(key, book | epoch, look.stored[key])
        opened = {name for name, attempt in replay.attempts.items() if attempt.open}
        for name in sorted(opened - look.opened if since else opened ^ look.opened):  # some are older than *since*
            found.append(Difference(self._keys.open, name, int(name in look.opened), int(name in opened)))
        found += self._opened(replay, sorted(opened))
        found += self._settled(replay, opened)
        return Verdict(entries, len(books), len(looked) - len(books), tuple(found))

    def _look(self, books: list[str]) -> Look:
        """Return what is stored at one moment."""
        keys, pipe = self._keys, self._redis.pipeline(transaction=True)
        pipe.xrevrange(keys.journal, count=1)
        pipe.zrange(keys.open, 0, -1)
        pipe.hmget(keys.lane, "epoch", f"fields:{keys.caps}", f"fields:{keys.limits}")
        pipe.hlen(keys.caps)
        pipe.hlen(keys.limits)
        for key in books:
            pipe.hmget(key, *NOTHING, "epoch")
        newest, opened, (epoch, *noted), caps, limits, *said = pipe.execute()
        fields = {keys.caps: (noted[0], caps), keys.limits: (noted[1], limits)}
        stored = {key: dict(zip((*NOTHING, "epoch"), text, strict=True)) for key, text in zip(books, said, strict=True)}
        return Look(newest[0][0] if newest else "0-0", set(opened), epoch, fields, stored)

    def _gates(self, look: Look, replay: Replay) -> list[Difference]:
        """Return what else closes the gate: a lane without an epoch, and fields lost of what is allowed."""
        found = [
            Difference(key, "fields", there, int(noted))
            for key, (noted, there) in look.fields.items()
            if noted and int(noted) != there
        ]
        if replay.entries and look.epoch is None:
            found.append(Difference(self._keys.lane, "epoch", None, replay.epoch))
        return found

    def _opened(self, replay: Replay, names: Sequence[str]) -> Iterator[Difference]:
        """Compare the records of open attempts, some at a time, each time at one and the same entry."""
        for first in range(0, len(names), CHUNK):
            some, pipe = names[first : first + CHUNK], self._redis.pipeline(transaction=True)
            pipe.xrevrange(self._keys.journal, count=1)
            for name in some:
                pipe.hmget(self._keys.attempt(name), *RECORD)
            newest, *said = pipe.execute()
            replay.add(self._journal.entries(replay.last, newest[0][0] if newest else replay.last))
            for name, text in zip(some, said, strict=True):
                yield from self._compare_attempt(name, replay.attempts[name], dict(zip(RECORD, text, strict=True)))

    def _settled(self, replay: Replay, looked: set[str]) -> list[Difference]:
        """Compare the records of attempts that are over; one that has expired, or was corrected since, says nothing."""
        names = [name for name, attempt in replay.attempts.items() if attempt.version and name not in looked]
        found = []
        for first in range(0, len(names), CHUNK):
            some, pipe = names[first : first + CHUNK], self._redis.pipeline(transaction=False)
            for name in some:
                pipe.hmget(self._keys.attempt(name), *RECORD)
            for name, text in zip(some, pipe.execute(), strict=True):
                said = dict(zip(RECORD, text, strict=True))
                attempt = replay.attempts[name]
                if said["version"] is not None and (_sum(said["version"]) or 0) <= attempt.version:
                    found += self._compare_attempt(name, attempt, said)
        return found

    def _compare_attempt(self, name: str, attempt: Attempt, stored: Mapping[str, str | None]) -> list[Difference]:
        said = {"open": attempt.open, "cost": attempt.cost, "version": attempt.version}
        if stored["open"] is None:  # all of it is lost
            said = {"open": attempt.open} if attempt.open else {}
        return [*_compare(self._keys.attempt(name), said, stored)]


def _sum(text: str | None) -> int | None:
    """Return a stored amount, or None where it is none."""
    return int(text) if text is not None and text.isdecimal() else None


def _compare(where: str, journal: Mapping[str, int], stored: Mapping[str, str | None]) -> Iterable[Difference]:
    for what, amount in journal.items():
        found = _sum(stored[what])
        if found != amount and not (what == "urgent" and amount == 0 and stored[what] is None):
            yield Difference(where, what, found, amount)
