"""Runs a batch: so many clips at once and no more, each line's result written as it comes."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from ..client import Client
from ..clip import Clip
from ..errors import Refused, StoreUnavailable
from ..follow import AT_ONCE, FIRST_WAIT, LONGEST_WAIT, PATIENCE, Follower, handful
from ..job import Job
from ..lifecycle import State
from .backgrounds import Backgrounds, named
from .journal import Journal
from .lines import Line
from .rejects import Rejects

Answer = TypeVar("Answer")

TELL_EVERY = 0.5
"""Seconds between two words of how far it is, at the most."""


@dataclass
class Progress:
    """How far a batch is; costs in µ$.

    Attributes:
        done: lines that have a result, *failed* of them one that is no clip; also those of earlier runs.
        ahead: what the lines without a result should cost, by the price book.
        spent: what those that have one did cost; also in earlier runs.
        saved: what those of this run would have cost that have the film of another.
    """

    done: int = 0
    failed: int = 0
    rejected: int = 0
    in_flight: int = 0
    ahead: int = 0
    spent: int = 0
    saved: int = 0

    @property
    def projected(self) -> int:
        """What it all comes to."""
        return self.spent + self.ahead


class Batch:
    """One run of a batch. *ahead* is what its lines should cost, where that has been added up."""

    def __init__(
        self, client: Client, journal: Journal, rejects: Rejects, window: int, ahead: int | None = None,
        backgrounds: Backgrounds | None = None,
    ) -> None:  # fmt: skip
        self._client, self._journal, self._rejects, self._window = client, journal, rejects, window
        self._backgrounds = backgrounds or Backgrounds(client.knows)
        self._waiting: dict[str, list[Line]] = {}
        self._quoted: dict[str, int] = {}
        self._behind: set[str] = set()
        self._added_up = ahead is not None
        self.progress = Progress(failed=journal.failed, spent=journal.spent, ahead=ahead or 0)

    def run(self, lines: Iterable[Line], tell: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Submit every line that has no result yet, and write results until all are there."""
        todo, more = self._todo(iter(lines)), True
        with self._client.follow() as follower:
            while more or len(follower):
                room = min(AT_ONCE, self._window - len(follower))
                some, more = handful(todo, room) if more and room > 0 else ([], more)
                self._submit([line for line in some if line is not None], follower)
                if len(follower):
                    for job in follower.ended(0.0 if more and len(follower) < self._window else TELL_EVERY):
                        self._ended(job)
                self.progress.in_flight = len(follower)
                tell(self.progress)
        return self.progress

    def _todo(self, lines: Iterable[Line]) -> Iterator[Line | None]:
        """Yield lines to submit; None for others, so that nobody waits long for the next."""
        for line in self._backgrounds.checked(lines):
            if self._journal.has(line):
                self.progress.done += 1
                yield None
            elif line.clip is None:
                self._reject(line, line.why)
                yield None
            else:
                yield line

    def _submit(self, lines: list[Line], follower: Follower) -> None:
        """Write which lines are submitted, and submit them; where one is refused, one by one."""
        self._journal.sent(lines)
        try:
            self._enter(lines, follower)
        except Refused:
            for line in lines:
                try:
                    self._enter([line], follower)
                except Refused as error:
                    self._reject(line, str(error))

    def _enter(self, lines: list[Line], follower: Follower) -> None:
        clips = []
        for line in lines:
            clip, behind = self._backgrounds.of(line, self._journal)
            if behind is not None and line.behind is not None and behind.unique_key not in self._behind:
                self._enter_behind(line.behind, behind, follower)
            clips.append(clip)
        for line, job in zip(lines, _patiently(lambda: list(self._client.submit_many(clips))), strict=True):
            self._follow(line, job, follower)

    def _enter_behind(self, name: Clip | str, clip: Clip, follower: Follower) -> None:
        """Submit what is behind some lines, before the first of them; a labelled line has the same key later."""
        try:
            job = _patiently(lambda: self._client.submit(clip))
        except Refused as error:
            raise type(error)(f"background: {error}") from None
        _patiently(lambda: self._client.promise(job, self._backgrounds.users[named(name)]))
        self._behind.add(clip.unique_key or "")
        if isinstance(name, Clip) and job.id not in self._journal.behind:
            self._follow(Line(0, clip), job, follower)

    def _follow(self, line: Line, job: Job, follower: Follower) -> None:
        waiting = self._waiting.setdefault(job.id, [])
        if line in waiting:
            return  # it was sent before one beside it was refused
        waiting.append(line)
        if len(waiting) == 1:
            follower.add(job)
            self._quoted[job.id] = 0 if job.state is State.FOLLOWING else job.quote  # else another pays for it
            self.progress.ahead += 0 if self._added_up else self._quoted[job.id]

    def _ended(self, job: Job) -> None:
        cost = job.cost or 0
        lines = self._waiting.pop(job.id)
        for place, line in enumerate(lines):
            self._journal.add(line.number, job, 0 if place else cost)
            if line.number:
                self.progress.done += 1
                self.progress.failed += job.state != "succeeded" or job.falls_short
        quoted = self._quoted.pop(job.id)
        self.progress.ahead = max(0, self.progress.ahead - quoted * (len(lines) if self._added_up else 1))
        self.progress.spent += cost
        self.progress.saved += job.saved or 0

    def _reject(self, line: Line, why: str) -> None:
        self.progress.rejected += 1
        self._rejects.add(line, why)


def _patiently(submit: Callable[[], Answer]) -> Answer:
    """Submit again while the server is away: a line's key makes it one job, however often it is sent."""
    wait, until = FIRST_WAIT, inf
    while True:
        try:
            return submit()
        except StoreUnavailable:
            until = min(until, time.monotonic() + PATIENCE)
            if time.monotonic() + wait > until:
                raise
            time.sleep(wait)
            wait = min(LONGEST_WAIT, 2 * wait)
