"""What the lines of a batch have behind them: another line by its label, a clip said in place, or a job."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from hashlib import sha256

from ..clip import Clip
from .journal import Journal
from .lines import Line


@dataclass
class Backgrounds:
    """The backgrounds of one batch, each of which is one job however many lines have it.

    Attributes:
        there: tells whether a project has a job with this id or unique key.
        labels: the lines that can be named as a background.
        placed: the clips that are said in place, by what they are.
        users: how many lines have each, by its label or by what it is.
    """

    there: Callable[[str, str], bool]
    labels: dict[str, Line] = field(default_factory=dict)
    placed: dict[str, Clip] = field(default_factory=dict)
    users: Counter[str] = field(default_factory=Counter)

    def collect(self, lines: Iterable[Line]) -> None:
        """Go through all lines once, so that a line may come before the one that is behind it."""
        for line in lines:
            self._note(line)
            if line.clip is not None and line.behind is not None:
                self.users[named(line.behind)] += 1

    def checked(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the lines, those whose background is not there as wrong."""
        for line in lines:
            self._note(line)
            why = "" if line.clip is None else self._flaw(line, line.clip)
            yield replace(line, clip=None, why=why) if why else line

    def of(self, line: Line, journal: Journal) -> tuple[Clip, Clip | None]:
        """Return the clip of a line as it is submitted, and the clip behind it where that is one of the batch's."""
        clip = line.clip
        if clip is None:
            raise AssertionError("a wrong line is not submitted")
        behind = self._behind(line, journal)
        key = clip.unique_key or journal.key(line.number)
        name = line.behind if isinstance(line.behind, str) else None
        return clip.model_copy(update={"unique_key": key, "background": behind.unique_key if behind else name}), behind

    def _behind(self, line: Line, journal: Journal) -> Clip | None:
        if isinstance(line.behind, Clip):
            key = f"{journal.key(0)}/{named(line.behind)}"
            return line.behind.model_copy(update={"unique_key": line.behind.unique_key or key})
        other = self.labels.get(line.behind or "")
        return None if other is None else self.of(other, journal)[0]

    def _note(self, line: Line) -> None:
        if line.label:
            self.labels.setdefault(line.label, line)
        if isinstance(line.behind, Clip):
            self.placed.setdefault(named(line.behind), line.behind)

    def _flaw(self, line: Line, clip: Clip) -> str:
        first = self.labels.get(line.label)
        if first is not None and first.number != line.number:
            return f"label: {line.label!r} is the label of line {first.number} already"
        if line.behind is None:
            return ""
        if isinstance(line.behind, Clip):
            same = line.behind.project == clip.project
            return "" if same else f"background: it is of the project {line.behind.project}, and its line is of another"
        other = self.labels.get(line.behind)
        if other is None:
            if self.there(clip.project, line.behind):
                return ""
            near = get_close_matches(line.behind, self.labels, n=1)
            said = f"background: {line.behind[:80]!r} is no label of a line, and no id or unique key of a job"
            return said + (f"; did you mean {near[0]}?" if near else "")
        if other.clip is None:
            return f"background: line {other.number}, which is {line.behind!r}, is wrong"
        if other.clip.project != clip.project:
            return f"background: line {other.number} is of the project {other.clip.project}, and this one of another"
        if other.number == line.number:
            return "background: a line can not be behind itself"
        if other.behind is not None:
            return f"background: line {other.number}, which is {line.behind!r}, has a background itself"
        return ""


def named(behind: Clip | str) -> str:
    """Return a background's label, or what stands for a clip that is said in place."""
    if isinstance(behind, str):
        return behind
    return f"background/{sha256(behind.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:24]}"
