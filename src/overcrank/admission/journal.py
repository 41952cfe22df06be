"""The journal: every script that changes money, or what is allowed, writes what it did in the same step."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..clock import iso
from ..keys import Keys
from ..money import plain
from ..scripts import Scripts
from ..server import Server
from ..settings import RetentionSettings
from .replay import WORDS, Attempt, Entry, Replay

CHUNK = 500
"""Entries read at once."""

MOST_TRIMMED = 5000
"""Entries let go of at once."""


class Journal:
    """A stream of entries, oldest first, about as long as the settings say."""

    def __init__(self, redis: Server, keys: Keys, scripts: Scripts, retention: RetentionSettings) -> None:
        self._redis, self._keys, self._scripts, self._retention = redis, keys, scripts, retention

    def entries(self, after: str = "0-0", until: str = "+") -> Iterator[Entry]:
        """Go through the entries after one and up to another, in order."""
        while chunk := self._redis.xrange(self._keys.journal, f"({after}", until, count=CHUNK):
            yield from chunk
            after = chunk[-1][0]

    def begins(self) -> int | None:
        """Return when the first entry that is left was written, µs; None where there is none at all."""
        first = self._redis.xrange(self._keys.journal, count=1)
        return moment(first[0][0]) if first else None

    def attempt(self, attempt_id: str) -> Attempt | None:
        """Return what the journal says about one attempt, reading all of it; None where it does not know it."""
        replay = Replay()
        replay.add(each for each in self.entries() if each[1].get("attempt") == attempt_id)
        return replay.attempts.get(attempt_id)

    def trim(self, oldest_needed: int) -> int:
        """Let go of the oldest entries above the configured number, but of none from *oldest_needed* (µs) on.

        What operators said in them and what still counts is written again; where that is lost, nothing goes.
        A hundredth more than configured is left alone, so that letting go does not cost an entry for each that goes.
        """
        most = self._retention.journal
        excess = self._redis.xlen(self._keys.journal) - most
        if excess <= most // 100:
            return 0
        oldest = self._redis.xrange(self._keys.journal, count=min(excess, MOST_TRIMMED))
        gone = [(entry_id, entry) for entry_id, entry in oldest if moment(entry_id) < oldest_needed]
        if not gone:
            return 0
        words = {word for _, entry in gone if (word := self._word(entry))}
        last = gone[-1][0]
        milliseconds, _, number = last.partition("-")
        keep_from = f"{milliseconds}-{int(number) + 1}"
        return max(0, self._scripts.trim(gone[0][0], keep_from, moment(last) + 1000, sorted(words)))

    def _word(self, entry: Mapping[str, str]) -> tuple[str, str, str, str] | None:
        """Return where an operator's word is kept, as (hash, entry, layer, name); None where the entry is none."""
        if entry["entry"] not in WORDS or entry["key"] not in {self._keys.caps, self._keys.limits}:
            return None
        layer, name = entry.get("layer", ""), entry["name"]
        if name.startswith("paused:"):
            return entry["key"], "pause", layer, name
        return (entry["key"], entry["entry"], layer, name) if layer == "override" else None

    def exported(self) -> Iterator[dict[str, Any]]:
        """Go through the journal as plain data: time, entry, attempt, job, project, dollars, books."""
        for entry_id, entry in self.entries():
            row: dict[str, Any] = {"id": entry_id, "at": iso(moment(entry_id)), "entry": entry["entry"]}
            row |= {name: entry.get(name, "") for name in ("attempt", "job", "project", "state", "key", "name")}
            amount = entry.get("quote") or entry.get("amount") or ""
            is_money = entry["entry"] not in {"pause", "resume", "limit"} and entry.get("name") != "lane/urgent"
            is_money = is_money and amount.lstrip("-").isdigit()
            row["usd"] = plain(int(amount)) if is_money else ""
            row["said"] = entry.get("said", "")
            row["open_usd"] = plain(int(entry["open"])) if entry.get("open") else ""
            row["version"], row["books"] = entry.get("version", ""), entry.get("books", "")
            yield row


def moment(entry_id: str) -> int:
    """Return when an entry was written, µs."""
    return int(entry_id.partition("-")[0]) * 1000
