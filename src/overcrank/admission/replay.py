"""The replay of the journal: what every book, every attempt and every operator's word comes to.

An entry is absolute: what an attempt has reserved and what it was charged, from then on. So a replay may begin
anywhere, and knows all that the entries from there on say.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SETTLED = frozenset({"settle", "release", "assumed", "verdict", "correction", "orphan"})
WORDS = frozenset({"cap", "limit", "pause", "resume"})
"""Entries that say what is allowed."""

NOTHING = {"reserved": 0, "spent": 0, "urgent": 0}
"""What a book says that nobody has used."""

KEPT = ("job", "worker", "project", "price", "quote", "urgent", "admitted")
"""What an attempt's record has in common with its first entry."""

Entry = tuple[str, Mapping[str, str]]


UNKEPT: Mapping[str, str] = {}


@dataclass(slots=True)
class Attempt:
    """What the journal says about one attempt; *reserved* is its first entry, where a replay keeps that."""

    reserved: Mapping[str, str]
    books: str
    open: int
    cost: int = 0
    version: int = 0
    state: str = "reserved"
    urgent: bool = False

    def record(self) -> dict[str, str | int]:
        """Return what its own record has to say."""
        kept: dict[str, str | int] = {part: self.reserved[part] for part in KEPT if part in self.reserved}
        return kept | {
            "books": self.books, "open": self.open, "cost": self.cost, "version": self.version, "state": self.state,
        }  # fmt: skip


@dataclass
class Replay:
    """What the journal comes to, up to *last*; where its beginning is gone, it is whole from *since* (µs) on.

    *begun* are the books that somebody began, by the projects that each of them is known to know. *whole* says whether
    entries are kept, of which records could be made: that is most of what a replay needs memory for.
    """

    last: str = "0-0"
    entries: int = 0
    epoch: int = 1
    since: int = 0
    attempts: dict[str, Attempt] = field(default_factory=dict)
    begun: dict[str, set[str]] = field(default_factory=dict)
    caps: dict[tuple[str, str], str] = field(default_factory=dict)
    whole: bool = True

    def add(self, entries: Iterable[Entry]) -> None:
        """Go on with more entries."""
        for entry_id, entry in entries:
            self.last, self.entries = entry_id, self.entries + 1
            self.epoch = max(self.epoch, int(entry.get("epoch") or 1))
            kind = entry["entry"]
            if kind in {"reserve", "carry"}:  # either says all there is to say of an attempt
                amount, urgent = int(entry.get("quote") or entry["amount"]), entry["urgent"] == "1"
                self.attempts[entry["attempt"]] = self._new(entry, amount, urgent=urgent)
                self._begin(entry["books"].split(), entry.get("project", ""))
            elif kind in SETTLED:
                attempt = self._attempt(entry)
                attempt.open, attempt.cost = int(entry["open"]), int(entry["amount"])
                attempt.version, attempt.state = int(entry["version"]), entry["state"]
            elif kind in WORDS:
                self._say(entry)
            elif kind == "trim":
                self.since = max(self.since, int(entry["since"]))

    def books(self) -> dict[str, dict[str, int]]:
        """Return what every book has to say."""
        found = {key: dict(NOTHING) for key in self.begun}
        for attempt in self.attempts.values():
            for place, key in enumerate(attempt.books.split()):
                book = found.setdefault(key, dict(NOTHING))
                book["reserved"] += attempt.open
                book["spent"] += attempt.cost
                if place < 2 and attempt.urgent:
                    book["urgent"] += attempt.open + attempt.cost
        return found

    def _attempt(self, entry: Mapping[str, str]) -> Attempt:
        """Return the attempt of an entry; one whose reservation lies before the replay is known from here on."""
        name = entry["attempt"]
        if name not in self.attempts:
            self.attempts[name] = self._new(entry, 0, urgent=entry["urgent"] == "1")
        return self.attempts[name]

    def _new(self, entry: Mapping[str, str], amount: int, *, urgent: bool) -> Attempt:
        """Return an attempt by its first entry. Most have their books in common, which are kept once."""
        return Attempt(entry if self.whole else UNKEPT, sys.intern(entry["books"]), amount, urgent=urgent)

    def _begin(self, books: list[str], project: str) -> None:
        for book in books:
            self.begun.setdefault(book, set())
        if project:
            for book in books[:2]:
                self.begun[book].add(project)

    def _say(self, entry: Mapping[str, str]) -> None:
        layer = f"{entry['layer']}:" if entry.get("layer") else ""
        self.caps[entry["key"], f"{layer}{entry['name']}"] = entry["said"]
        if entry["name"] == "cap":  # for one window alone: the lane's book, then the project's
            lanes, *projects = (entry.get("books") or entry["key"]).split()
            self._begin([lanes], entry.get("project", ""))
            self._begin(projects, "")
