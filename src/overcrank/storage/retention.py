"""What is kept no longer: files of a certain age, and the oldest where together they take too much room."""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .base import Kept, Storage


@dataclass(frozen=True, slots=True)
class Rules:
    """How long, and how much, is kept; None is no limit.

    Attributes:
        age: time after which a job's files go.
        room: bytes that all files may take.
    """

    age: timedelta | None = None
    room: int | None = None


def outdated(kept: Iterable[Kept], rules: Rules, now: datetime) -> list[Kept]:
    """Return what has to go, the oldest first. A job's files go together, by the age of the youngest."""
    jobs: dict[str, list[Kept]] = {}
    for one in kept:
        jobs.setdefault(one.name[:36], []).append(one)
    newest_first = sorted(
        jobs.values(), key=lambda files: (max(one.when for one in files), files[0].name), reverse=True
    )
    going: list[Kept] = []
    taken, full = 0, False
    for files in newest_first:
        taken += sum(one.size for one in files)
        full = full or (rules.room is not None and taken > rules.room)
        old = rules.age is not None and now - max(one.when for one in files) > rules.age
        if full or old:
            going += files
    return going[::-1]


def _none(_: Collection[str]) -> AbstractSet[str]:
    return frozenset()


def tidy(
    storage: Storage,
    rules: Rules,
    now: datetime | None = None,
    *,
    running: Callable[[Collection[str]], AbstractSet[str]] = _none,
) -> list[Kept]:
    """Remove what the rules do not keep, and return it.

    *running* tells which of some jobs have not ended: their files stay, for something is still to be made of them.
    """
    if rules == Rules():
        return []
    going = outdated(storage.kept(), rules, now or datetime.now(UTC))
    busy = running({one.name[:36] for one in going})
    going = [one for one in going if one.name[:36] not in busy]
    for one in going:
        storage.remove(one.name)
    return going
