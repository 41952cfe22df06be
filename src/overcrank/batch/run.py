"""Runs a batch: so many clips at once and no more, each line's result written as it comes."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

from ..client import Client
from ..clip import Clip
from ..errors import Refused
from ..job import Job
from ..lifecycle import State
from .backgrounds import Backgrounds, named
from .journal import Journal
from .lines import Line

AT_ONCE = 500
"""Lines that are submitted in one round trip at the most."""


@dataclass
class Progress:
    """How far a batch is; costs in µ$."""

    read: int = 0
    done: int = 0
    failed: int = 0
    rejected: int = 0
    in_flight: int = 0
    quoted: int = 0
    spent: int = 0
    saved: int = 0

    @property
    def projected(self) -> int:
        """What it all comes to, by the price book for what has not ended."""
        return self.spent + self.quoted


class Batch:
    """One run of a batch."""

    def __init__(
        self, client: Client, journal: Journal, rejects: TextIO, window: int, backgrounds: Backgrounds | None = None
    ) -> None:
        self._client, self._journal, self._rejects, self._window = client, journal, rejects, window
        self._backgrounds = backgrounds or Backgrounds(client.knows)
        self._waiting: dict[str, list[int]] = {}
        self._quoted: dict[str, int] = {}
        self._behind: set[str] = set()
        self._price = client.pricing()
        self.progress = Progress()

    def run(self, lines: Iterable[Line], tell: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Submit every line that has no result yet, and write results until all are there."""
        todo = self._todo(lines)
        with self._client.follow() as follower:
            more = True
            while more or len(follower):
                room = min(AT_ONCE, self._window - len(follower))
                if more and room > 0:
                    self._price = self._client.pricing()
                some = list(islice(todo, room)) if more and room > 0 else []
                more = more and (room <= 0 or len(some) == room)
                for number, job in self._submit(some):
                    numbers = self._waiting.setdefault(job.id, [])
                    if not numbers and job.state is not State.FOLLOWING:
                        self._quoted[job.id] = job.quote
                        self.progress.quoted += job.quote
                    numbers.append(number)
                    if len(numbers) == 1:
                        follower.add(job)
                for job in follower.ended(0.0 if some else 0.5):
                    self._ended(job)
                self.progress.in_flight = len(follower)
                tell(self.progress)
        return self.progress

    def _todo(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in self._backgrounds.checked(lines):
            self.progress.read += 1
            if self._journal.has(line.number):
                self.progress.done += 1
            elif line.clip is None or (why := self._unaffordable(line)):
                self._reject(line, line.why or why)
            else:
                yield line

    def _unaffordable(self, line: Line) -> str:
        try:
            assert line.clip is not None
            self._price(line.clip)
        except Refused as error:
            return str(error)
        return ""

    def _submit(self, lines: list[Line]) -> Iterator[tuple[int, Job]]:
        """Submit lines; yield each job with its line's number, and backgrounds that are no line with 0."""
        clips = []
        for line in lines:
            clip, behind = self._backgrounds.of(line, self._journal)
            if behind is not None and line.behind is not None and behind.unique_key not in self._behind:
                yield from self._submit_behind(line.behind, behind)
            clips.append(clip)
        yield from zip((line.number for line in lines), self._client.submit_many(clips), strict=True)

    def _submit_behind(self, name: Clip | str, clip: Clip) -> Iterator[tuple[int, Job]]:
        """Submit what is behind some lines, before the first of them; a labelled line has the same key later."""
        job = self._client.submit(clip)
        self._client.promise(job, self._backgrounds.users[named(name)])
        self._behind.add(clip.unique_key or "")
        if isinstance(name, Clip):
            yield 0, job

    def _ended(self, job: Job) -> None:
        numbers = self._waiting.pop(job.id)
        for number in numbers:
            self._journal.add(number, job)
            if number:
                self.progress.done += 1
                self.progress.failed += job.state != "succeeded"
        self.progress.quoted -= self._quoted.pop(job.id, 0)
        self.progress.saved += job.saved or 0
        self.progress.spent += job.cost or 0

    def _reject(self, line: Line, why: str) -> None:
        self.progress.rejected += 1
        self._rejects.write(json.dumps({"line": line.number, "why": why, "text": line.text}, ensure_ascii=False) + "\n")
        self._rejects.flush()
