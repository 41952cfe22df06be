"""The audit: what the books have to say by the journal, where they say something else, and how they are put back.

Every script that changes money writes what it did in the same step. So the replay of the journal is the books, exactly,
at every entry.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..clock import SECOND
from ..errors import BooksLost
from ..keys import Keys
from ..scripts import Restored, Scripts, keep_for
from ..server import Server
from ..settings import Settings
from .calendar import Calendar
from .caps import configured
from .journal import CHUNK, Journal
from .replay import Attempt, Replay

NOTHING = {"reserved": 0, "spent": 0, "urgent": 0}
"""What a book says that nobody has used."""

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
    """What is stored at one moment, books and attempts by their name.

    *fields* is how many fields there were of what is allowed, and how many there are.
    """

    newest: str
    opened: set[str]
    epoch: str | None
    fields: Mapping[str, tuple[str | None, int]]
    stored: Mapping[str, Mapping[str, str | None]]


class Audit:
    """Compares books with the journal, and puts them back."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, calendar: Calendar, journal: Journal, settings: Settings
    ) -> None:
        self._redis, self._keys, self._scripts, self._settings = redis, keys, scripts, settings
        self._calendar, self._journal = calendar, journal

    def check(self, since: int = 0) -> Verdict:
        """Compare every book that starts at *since* (µs) or later with the journal, at one and the same entry."""
        replay, looked = Replay(last=f"{since // 1000}-0"), set(self._calendar.known())
        replay.add(self._journal.entries(replay.last))
        while True:
            looked |= replay.books().keys()
            names = [name for name, attempt in replay.attempts.items() if attempt.open]
            look = self._look(sorted(looked), names)
            replay.add(self._journal.entries(replay.last, look.newest))
            said = replay.books()
            if said.keys() <= looked:  # else some begin with entries that were not read yet: look once more
                break
        begins = max(since, replay.since, self._oldest_kept())
        found = self._gates(look, replay)
        books = {key: said.get(key, NOTHING) for key in sorted(looked) if started(key) >= begins}
        epoch = {"epoch": _sum(look.epoch) or replay.epoch}
        for key, book in books.items():
            found += _compare(key, book | epoch, look.stored[key])
        for name in names:
            found += self._compare_attempt(name, replay.attempts[name], look.stored[name])
        opened = {name for name, attempt in replay.attempts.items() if attempt.open}
        for name in sorted(opened - look.opened if since else opened ^ look.opened):  # some are older than *since*
            found.append(Difference(self._keys.open, name, int(name in look.opened), int(name in opened)))
        found += self._settled(replay, set(names))
        return Verdict(replay.entries, len(books), len(looked) - len(books), tuple(found))

    def _oldest_kept(self) -> int:
        """Return since when (µs) no book has expired; those that began before may have."""
        return self._calendar.now() - keep_for(self._settings.retention).window_s * SECOND

    def _look(self, books: list[str], attempts: list[str]) -> Look:
        """Return what is stored at one moment."""
        keys, pipe = self._keys, self._redis.pipeline(transaction=True)
        pipe.xrevrange(keys.journal, count=1)
        pipe.zrange(keys.open, 0, -1)
        pipe.hmget(keys.lane, "epoch", f"fields:{keys.caps}", f"fields:{keys.limits}")
        pipe.hlen(keys.caps)
        pipe.hlen(keys.limits)
        for key in books:
            pipe.hmget(key, *NOTHING, "epoch")
        for name in attempts:
            pipe.hmget(keys.attempt(name), *RECORD)
        newest, opened, (epoch, *noted), caps, limits, *said = pipe.execute()
        fields = {keys.caps: (noted[0], caps), keys.limits: (noted[1], limits)}
        stored = {
            key: dict(zip((*NOTHING, "epoch"), text, strict=True)) for key, text in zip(books, said, strict=False)
        }
        for name, text in zip(attempts, said[len(books) :], strict=True):
            stored[name] = dict(zip(RECORD, text, strict=True))
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

    def rebuild(self) -> tuple[int, int]:
        """Put books and open attempts back as the journal has them; return the new epoch and how many were put back.

        The gate is closed meanwhile: without an epoch it admits nobody. What is settled meanwhile is in the journal,
        and is taken in before the gate opens again.

        Raises:
            BooksLost: the journal is empty and the books are not, so that putting them back would forget all spending.
        """
        self._needs_a_journal()
        self._redis.hdel(self._keys.lane, "epoch")
        replay = Replay()
        while True:
            replay.add(self._journal.entries(replay.last))
            restored = self._restored(replay)
            period = self._calendar.period()
            current = [self._keys.book("lane", period, day=day) for day in (False, True)] if period else ["", ""]
            window, day = (key if key in restored else "" for key in current)
            interval, burst = (int(text or 0) for text in self._redis.hmget(self._keys.limits, "interval", "burst"))
            match self._scripts.rebuild(
                replay.last, replay.epoch + 1, restored, debt_us=interval * burst, window=window, day=day
            ):
                case ["rebuilt", epoch]:
                    return int(epoch), len(restored.keys() - {self._keys.caps, self._keys.limits})
            self._needs_a_journal()

    def _needs_a_journal(self) -> None:
        lane = self._redis.hget(self._keys.lane, "window")
        if self._journal.empty() and (lane or self._calendar.known() or self._redis.exists(self._keys.open)):
            raise BooksLost(
                "the journal is empty and the books are not: a rebuild would forget what was spent. The books that are "
                "there still hold; put the journal back from a copy of the server's file, or let the day end first"
            )

    def _restored(self, replay: Replay) -> dict[str, Restored]:
        """Return all that is put back. What the lane knows and the journal does not is put back as never used."""
        keep, epoch = keep_for(self._settings.retention), replay.epoch + 1
        known, begins = self._calendar.known(), max(replay.since, self._oldest_kept())
        books: dict[str, dict[str, Any]] = {
            key: {**book, "epoch": epoch}
            for key, book in {**dict.fromkeys(known, NOTHING), **replay.books()}.items()
            if started(key) >= begins
        }
        for key, projects in (*known.items(), *replay.begun.items()):
            if key in books:
                books[key] |= {f"project:{project}": 1 for project in projects}
        for (key, name), said in replay.caps.items():
            if name == "cap" and said and key in books:
                books[key]["cap"] = said
        restored = {key: Restored(keep.window_s, None, fields) for key, fields in books.items()}
        restored |= self._restored_attempts(replay)
        for key, settings in ((self._keys.caps, configured(self._settings.budget)), (self._keys.limits, {})):
            if fields := self._allowed(key, settings, replay):
                restored[key] = Restored(None, None, fields)
        return restored

    def _restored_attempts(self, replay: Replay) -> dict[str, Restored]:
        provider = self._settings.provider
        horizon = round((provider.horizon + provider.connect_timeout + provider.read_timeout).total_seconds() * SECOND)
        opened = {name: each for name, each in replay.attempts.items() if each.open and "admitted" in each.reserved}
        pipe = self._redis.pipeline(transaction=False)
        for name in opened:
            pipe.hget(self._keys.attempt(name), "state")
        found = {}
        for (name, attempt), state in zip(opened.items(), pipe.execute(), strict=True):
            fields, at = attempt.record(), int(attempt.reserved["admitted"])
            fields["state"] = state or attempt.state
            found[self._keys.attempt(name)] = Restored(None, (name, at, at + horizon), fields)
        return found

    def _allowed(self, key: str, settings: Mapping[str, int | None], replay: Replay) -> dict[str, Any]:
        """Return what is allowed: what settings say, and what operators said, be it stored or in the journal."""
        words = {
            name: said for name, said in self._redis.hgetall(key).items() if name.startswith(("override:", "paused:"))
        }
        for (where, name), said in replay.caps.items():
            if where == key and name.startswith(("override:", "paused:")):
                words[name] = said
        said_by_settings = {name: amount for name, amount in settings.items() if amount is not None}
        fields: dict[str, Any] = {f"configured:{name}": amount for name, amount in said_by_settings.items()}
        fields |= said_by_settings
        for name, said in words.items():
            if said:
                fields[name] = said
                if name.startswith("override:"):
                    fields[name.removeprefix("override:")] = said
        return fields


def started(book: str) -> int:
    """Return when the window of a book starts, µs."""
    return int(book.rpartition(":")[2]) * SECOND


def _sum(text: str | None) -> int | None:
    """Return a stored amount, or None where it is none."""
    return int(text) if text is not None and text.isdecimal() else None


def _compare(where: str, journal: Mapping[str, int], stored: Mapping[str, str | None]) -> Iterable[Difference]:
    for what, amount in journal.items():
        found = _sum(stored[what])
        if found != amount and not (what == "urgent" and amount == 0 and stored[what] is None):
            yield Difference(where, what, found, amount)
