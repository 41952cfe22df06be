"""Runs a batch: so many clips at once and no more, each line's result written as it comes."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

from ..client import Client
from ..errors import Refused
from ..job import Job
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

    @property
    def projected(self) -> int:
        """What it all comes to, by the price book for what has not ended."""
        return self.spent + self.quoted


class Batch:
    """One run of a batch."""

    def __init__(self, client: Client, journal: Journal, rejects: TextIO, window: int) -> None:
        self._client, self._journal, self._rejects, self._window = client, journal, rejects, window
        self._waiting: dict[str, list[int]] = {}
        self.progress = Progress()

    def run(self, lines: Iterable[Line], tell: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Submit every line that has no result yet, and write results until all are there."""
        todo = self._todo(lines)
        with self._client.follow() as follower:
            more = True
            while more or len(follower):
                room = min(AT_ONCE, self._window - len(follower))
                some = list(islice(todo, room)) if more and room > 0 else []
                more = more and (room <= 0 or len(some) == room)
                for line, job in zip(some, self._submit(some), strict=True):
                    self.progress.quoted += job.quote
                    numbers = self._waiting.setdefault(job.id, [])
                    numbers.append(line.number)
                    if len(numbers) == 1:
                        follower.add(job)
                for job in follower.ended(0.0 if some else 0.5):
                    self._ended(job)
                self.progress.in_flight = len(follower)
                tell(self.progress)
        return self.progress

    def _todo(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
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
            self._client.quote(line.clip)
        except Refused as error:
            return str(error)
        return ""

    def _submit(self, lines: list[Line]) -> list[Job]:
        clips = []
        for line in lines:
            assert line.clip is not None
            key = line.clip.unique_key or self._journal.key(line.number)
            clips.append(line.clip.model_copy(update={"unique_key": key}))
        return list(self._client.submit_many(clips))

    def _ended(self, job: Job) -> None:
        for number in self._waiting.pop(job.id):
            self._journal.add(number, job)
            self.progress.done += 1
            self.progress.failed += job.state != "succeeded" or job.falls_short
            self.progress.quoted -= job.quote
        self.progress.spent += job.cost or 0

    def _reject(self, line: Line, why: str) -> None:
        self.progress.rejected += 1
        self._rejects.write(json.dumps({"line": line.number, "why": why, "text": line.text}, ensure_ascii=False) + "\n")
        self._rejects.flush()
