"""The reaper: money and slots that nobody will ever give back, because whoever had them is gone.

In the ordinary course there is nothing for it to do: whatever ends a job books its attempt in the same step, or before.
It comes after lost keys and half restored servers, so that nothing stays reserved for ever and the journal is trimmed.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from ..clock import SECOND
from ..keys import SPANS, Keys
from ..lifecycle import ENDS, State
from ..money import dollars, plain
from ..scripts import ASSUMED, NO_BOOKS, OBSERVED, Books, Scripts, keep_for
from ..server import Server
from ..settings import RetentionSettings
from .alarm import Alarms

logger = logging.getLogger(__name__)

CHUNK = 100
"""Attempts looked at in one round trip, about: as many as memory is needed for, however many are open."""

RECORD = ("state", "price", "quote", "books")
"""What is read of an attempt's record; what was sent for it is longer than all the rest."""

NEAR = 2 * SECOND
"""Microseconds around an attempt's beginning in which its entry in the journal is looked for."""

SAY_AGAIN = 3600
"""Seconds after which a record that is gone is told of once more."""


class Reaper:
    """Looks for open attempts of jobs that have ended or are gone, and for slots whose time is over."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, alarms: Alarms, retention: RetentionSettings
    ) -> None:
        self._redis, self._keys, self._scripts = redis, keys, scripts
        self._alarms, self._keep_for = alarms, keep_for(retention)

    def reap(self, now: int) -> list[str]:
        """Give back what nobody else will, at *now* (µs, the server's); return the attempts that had it.

        What may have been sent is booked as charged until somebody knows better; what never was sent is released.
        """
        self._redis.zremrangebyscore(self._keys.slots, "-inf", now)
        return [name for name, record, since in self._left_over() if self._give_back(name, record, since)]

    def _left_over(self) -> Iterator[tuple[str, Mapping[str, str], int]]:
        """Go through open attempts whose job has ended, is gone or is at another: their names, records, since when."""
        for some in self._opened():
            pipe = self._redis.pipeline(transaction=True)  # a job and its attempt at one moment
            for name, _ in some:
                pipe.hmget(self._keys.job(name.rpartition(".")[0]), "state", "attempt_no")
                pipe.hmget(self._keys.attempt(name), *RECORD)
            said: list[Any] = pipe.execute()
            for (name, since), (state, number), texts in zip(some, said[::2], said[1::2], strict=True):
                record = {field: text for field, text in zip(RECORD, texts, strict=True) if text is not None}
                elsewhere = state is None or State(state) in ENDS or number != name.rpartition(".")[2]
                if elsewhere:
                    yield name, record, int(since)
                elif not record and self._redis.set(self._keys.tick(f"gone:{name}"), 1, nx=True, ex=SAY_AGAIN):
                    self._tell(name, "its record is gone while its job goes on: run `overcrank budget rebuild`")

    def _opened(self) -> Iterator[list[tuple[str, float]]]:
        """Go through the open attempts and since when they are, some at a time; one may come twice."""
        cursor = 0
        while True:
            cursor, some = self._redis.zscan(self._keys.open, cursor, count=CHUNK)
            yield some
            if not cursor:
                return

    def _give_back(self, name: str, record: Mapping[str, str], since: int) -> bool:
        """Book an attempt that nobody else will book; tell whether that is news."""
        entry = record or self._entry(name, since)
        sent = record.get("state") != "reserved"
        cost = int(entry.get("price") or entry.get("quote") or 0) if sent else 0
        answer = self._scripts.settle(
            name, _books(entry), state="charged" if cost else "released", cost=cost,
            version=ASSUMED if sent else OBSERVED, keep=False, free=True, keep_for=self._keep_for,
        )  # fmt: skip
        news = answer[0] in {"settled", "orphan"}
        if news:
            came_to = f"{dollars(cost)} is booked as charged" if cost else "nothing was sent, so it is released"
            mend = "" if record else "; its record is gone too: run `overcrank budget rebuild`"
            self._tell(name, f"its job has ended or is gone; {came_to}{mend}", cost_usd=plain(cost))
        return news

    def _entry(self, name: str, since: int) -> Mapping[str, str]:
        """Return what the journal says of the beginning of an attempt whose record is gone."""
        first, last = (since - NEAR) // 1000, (since + NEAR) // 1000
        for _, entry in self._redis.xrange(self._keys.journal, max(0, first), last):
            if entry.get("attempt") == name and entry["entry"] in {"reserve", "carry"}:
                return dict(entry)
        return {}

    def _tell(self, name: str, what: str, **data: Any) -> None:
        self._alarms.tell("budget.orphan", f"attempt {name} was left open: {what}", attempt=name, **data)


def _books(entry: Mapping[str, str]) -> Books:
    keys = entry.get("books", "").split()
    return (keys[0], keys[1], keys[2], keys[3]) if len(keys) == len(SPANS) else NO_BOOKS
