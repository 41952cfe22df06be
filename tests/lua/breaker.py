"""The breaker as plain Python."""

from dataclasses import dataclass

from desk import PROBE

from overcrank.clock import SECOND

THRESHOLD, PAUSE, LONGEST = 3, 2 * SECOND, 5 * SECOND


@dataclass
class Breaker:
    """How many answers were bad in a row, until when nobody calls, and who may try."""

    bad: int = 0
    bad_call: tuple[str, int] | None = None
    until: int | None = None
    trips: int = 0
    tripped_at: int = 0
    probe: str | None = None
    probe_until: int = 0

    def holds(self, ahead: int, opens: int, now: int) -> int:
        """Return until when it holds who has so many before him, or 0."""
        if self.until is None:
            return 0
        if now < self.until:
            return max(self.until, opens)
        return now + SECOND // 2 if ahead or (self.probe and now < self.probe_until) else 0

    def let_through(self, attempt: str, now: int) -> None:
        """Note who was let through."""
        if self.until is not None:
            self.probe, self.probe_until = attempt, now + PROBE

    def not_sent(self, attempt: str) -> None:
        """Note whose call was not made."""
        if self.probe == attempt:
            self.probe, self.probe_until = None, 0

    def heard(self, attempt: str, admitted: int, now: int, *, good: bool) -> list[str]:
        """Return what the script has to answer."""
        probing = self.probe == attempt
        if good:
            if self.until is not None and not probing and admitted <= self.tripped_at:
                return ["open", str(self.until)]
            self.__init__()  # type: ignore[misc]  # as new
            return ["closed"]
        if self.until is not None and not probing:
            return ["open", str(self.until)]
        if self.until is None and self.bad_call == (attempt, admitted):
            return ["closed"]
        self.bad, self.bad_call = self.bad + 1, (attempt, admitted)
        if self.bad < THRESHOLD and self.until is None:
            return ["closed"]
        self.trips, self.tripped_at = self.trips + 1, now
        self.until = now + min(LONGEST, PAUSE * 2 ** (self.trips - 1))
        self.probe, self.probe_until = None, 0
        return ["open", str(self.until)]
