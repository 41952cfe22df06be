"""The rebuild: books, open attempts and what is allowed are put back, as the journal and the settings have them."""

from collections.abc import Mapping
from typing import Any

from ..clock import SECOND
from ..errors import BooksLost
from ..keys import Keys
from ..scripts import Restored, Scripts, keep_for
from ..server import Server
from ..settings import Settings
from .calendar import Calendar, started
from .caps import configured
from .journal import Journal
from .replay import NOTHING, Replay


class Rebuild:
    """Makes the books the replay of the journal again."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, calendar: Calendar, journal: Journal, settings: Settings
    ) -> None:
        self._redis, self._keys, self._scripts, self._settings = redis, keys, scripts, settings
        self._calendar, self._journal = calendar, journal

    def run(self) -> tuple[int, int]:
        """Put books and open attempts back as the journal has them; return the new epoch and how many were put back.

        The gate is closed meanwhile: without an epoch it admits nobody. What is settled meanwhile is in the journal,
        and is taken in before the gate opens again.

        Raises:
            BooksLost: the journal, or its beginning, is lost and the books are not, so that they would forget spending.
        """
        replay = Replay()
        replay.add(self._journal.entries())
        self._needs_a_journal(replay)
        self._redis.hdel(self._keys.lane, "epoch")
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
            self._needs_a_journal(replay)

    def _needs_a_journal(self, replay: Replay) -> None:
        first, known = self._journal.begins(), self._calendar.known()
        window, began = self._redis.hmget(self._keys.lane, "window", "began")
        if first is None:
            lost = bool(window or known or self._redis.exists(self._keys.open))
        else:
            later = bool(began) and not replay.since and first > int(began) + SECOND
            lost = later and any(started(key) < first for key in known)
        if lost:
            raise BooksLost(
                "the journal, or its beginning, is lost and the books are not: a rebuild would forget what was spent. "
                "The books that are there still hold; put the journal back from a copy of the server's file, or wait "
                "until tomorrow is over"
            )

    def _restored(self, replay: Replay) -> dict[str, Restored]:
        """Return all that is put back. What the lane knows and the journal does not is put back as never used."""
        keep, epoch = keep_for(self._settings.retention), replay.epoch + 1
        known, begins = self._calendar.known(), max(replay.since, self._calendar.oldest_kept(keep.window_s))
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
