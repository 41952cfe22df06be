"""The watch: what people are told about the books while they are in use, each thing once a book.

A threshold was passed; or a book says what it can not say: that more is used than the gate let in and the provider's
bills came to, or that something else is reserved than the open attempts hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..clock import iso
from ..keys import Keys, Period
from ..money import dollars
from ..scripts import Scripts
from ..server import Server
from ..settings import BudgetSettings
from .alarm import Alarms
from .caps import cap_of, is_amount
from .window import Window

FIELDS = ("reserved", "spent", "cap", "under", "over", "epoch")
READ_AT_ONCE = 1000

MANY, SELDOM = 500, 60
"""Above how many open attempts the books are added up no sooner than after so many seconds: meanwhile the server does
nothing else, for five microseconds each."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A book as it was found."""

    span: str
    key: str
    fields: Mapping[str, str | None]
    window: Window

    @property
    def wrong(self) -> str | None:
        """What can not be true of it, in words."""
        amounts = [self.fields[name] for name in ("reserved", "spent")]
        if self.fields["epoch"] is None:
            return None  # nobody has used it, or it is lost, and then the gate is closed
        if not all(is_amount(text) for text in amounts):
            return f"holds {amounts[0]} reserved and {amounts[1]} spent, which are no amounts"
        under, over = self.fields["under"], self.fields["over"]
        if is_amount(under):
            most = int(under) + (int(over) if is_amount(over) else 0)
            used = self.window.reserved + self.window.spent
            if used > most:
                return f"has {dollars(used)} used, and at most {dollars(most)} can have been let in and billed"
        return None


class Watch:
    """Looks at the books, and tells people."""

    def __init__(
        self, redis: Server, keys: Keys, scripts: Scripts, alarms: Alarms, budget: BudgetSettings, window_ttl_s: int
    ) -> None:
        self._redis, self._keys, self._scripts, self._alarms = redis, keys, scripts, alarms
        self._warn_at, self._ttl_s = budget.warn_at, window_ttl_s

    def look(self, period: Period, caps: Mapping[str, int], *, day: bool) -> int:
        """Look at the books of a window, or of a day, of the lane and its projects; return how many are wrong."""
        wrong = 0
        for seen in self._seen(period, caps, day=day):
            self._warn(seen)
            if why := seen.wrong:
                wrong += 1
                self._tell_wrong(seen.key, why)
        return wrong

    def sums(self, books: list[str]) -> int:
        """Compare what books of the lane have reserved with what the open attempts hold; return how many are wrong.

        Where very many are open, that is what was found at most a minute ago.
        """
        known = self._keys.tick("sums")
        if self._redis.zcard(self._keys.open) > MANY and (found := self._redis.get(known)) is not None:
            return int(found)
        wrong = 0
        for key, (said, held) in self._scripts.held(books).items():
            if is_amount(said) and int(said) != held:
                wrong += 1
                self._tell_wrong(key, f"has {dollars(int(said))} reserved, and its open attempts hold {dollars(held)}")
        self._redis.set(known, wrong, ex=SELDOM)
        return wrong

    def _seen(self, period: Period, caps: Mapping[str, int], *, day: bool) -> list[Seen]:
        lane = self._keys.book("lane", period, day=day)
        projects = sorted(name for name in self._redis.hkeys(lane) if name.startswith("project:"))
        owners = ["lane", *projects]
        keys = [self._keys.book(owner, period, day=day) for owner in owners]
        found: list[Seen] = []
        for first in range(0, len(keys), READ_AT_ONCE):
            pipe = self._redis.pipeline(transaction=False)
            for key in keys[first : first + READ_AT_ONCE]:
                pipe.hmget(key, *FIELDS)
            for place, said in enumerate(pipe.execute(), first):
                fields = dict(zip(FIELDS, said, strict=True))
                span = f"{owners[place]}/{'day' if day else 'window'}"
                found.append(Seen(span, keys[place], fields, Window.read(period, fields, cap_of(span, caps), day=day)))
        return found

    def _warn(self, seen: Seen) -> None:
        """Tell of each threshold that a book has passed, once."""
        book = seen.window
        for percent in self._warn_at if book.cap and seen.fields["epoch"] else ():
            if book.used >= percent and self._first(seen.key, f"warned_{percent}"):
                self._alarms.tell(
                    "budget.threshold",
                    f"budget {seen.span} {iso(book.start)}: {percent} % of {dollars(book.cap)} used "
                    f"(spent {dollars(book.spent)}, reserved {dollars(book.reserved)})",
                    percent=percent, span=seen.span, **book.as_dict(),
                )  # fmt: skip

    def _tell_wrong(self, key: str, why: str) -> None:
        if self._first(key, "warned_books"):
            self._alarms.tell("budget.books", f"the book {key} {why}: see `overcrank budget audit`", book=key)

    def _first(self, key: str, mark: str) -> bool:
        """Mark a book, in one step with its time to live; tell whether nobody had done so."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hsetnx(key, mark, 1)
        pipe.expire(key, self._ttl_s)
        return bool(pipe.execute()[0])
