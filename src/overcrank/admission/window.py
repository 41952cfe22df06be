"""A book as people see it: a window's or a day's, of the lane or of one project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..clock import iso
from ..keys import DAY, Period
from ..money import plain
from .caps import is_amount


@dataclass(frozen=True, slots=True)
class Window:
    """A budget window's book: start and end in µs, the rest in µ$."""

    start: int
    end: int
    cap: int
    reserved: int
    spent: int

    @property
    def room(self) -> int:
        """What may still be reserved; negative after an overrun."""
        return self.cap - self.reserved - self.spent

    @property
    def used(self) -> float:
        """Percent of the cap that is reserved or spent."""
        return 100 * (self.reserved + self.spent) / self.cap if self.cap else 100.0

    @classmethod
    def read(cls, period: Period, stored: Mapping[str, str | None], cap: int | None, *, day: bool) -> "Window":
        """Return what a book says; what is no amount counts as nothing, for the gate is closed by it."""
        start, length = (period.day, DAY) if day else (period.start, period.length)
        reserved, spent, own = (
            int(text) if is_amount(text) else None for text in (stored[name] for name in ("reserved", "spent", "cap"))
        )
        return cls(start, start + length, (cap if own is None else own) or 0, reserved or 0, spent or 0)

    def as_dict(self) -> dict[str, Any]:
        """Return the book as plain data, for JSON."""
        return {
            "start": iso(self.start),
            "end": iso(self.end),
            "cap_usd": plain(self.cap),
            "reserved_usd": plain(self.reserved),
            "spent_usd": plain(self.spent),
            "room_usd": plain(self.room),
        }
