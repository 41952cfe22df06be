"""Reads clips, one a line: JSON Lines, or a table with a header, its cells divided by commas or tabs.

A line that is wrong is reported, and the rest goes on.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from ..clip import Clip, read_clip
from ..errors import InvalidClip, Refused
from ..planning.wishes import COLUMNS, planned

LONGEST_LABEL = 100
LONGEST_LINE = 1_000_000
"""Characters; a longer line is no clip, and it is not held in memory either."""

WHOLE = ("fps", "seed", "deliver_fps", "speed")
BROKEN = ("duration", "guidance_scale", "physics_strength", "key_tolerance", "key_softness")
SWITCHES = ("plan", "background_loop")
YES, NO = ("true", "yes", "1"), ("false", "no", "0")

BESIDE = ("label", "background", "plan")
"""Columns that say something about the line, beside the clip's own fields and what the planner is told."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, and the clip it asks for, or why it is none.

    Attributes:
        mark: what stands for what it asks for; spaces and the order of its fields are nothing.
        label: the name by which other lines may have its clip as their background.
        behind: the clip behind its own: another line's label, a job's id or unique key, or a clip.
    """

    number: int
    clip: Clip | None
    why: str = ""
    text: str = ""
    mark: str = ""
    label: str = ""
    behind: Clip | str | None = None


MARK = "\ufeff"
"""What a spreadsheet puts at the beginning of its UTF-8."""

Choose = Callable[[dict[str, Any]], Clip]
"""What plans a clip for which a purpose, a quality or a budget is said."""


def read_lines(source: TextIO, *, divided_by: str | None, choose: Choose | None = None) -> Iterator[Line]:
    """Yield what is asked for, line by line; empty lines are nothing.

    A table's cells are *divided_by* a comma or a tab; None says that the lines are JSON. *source* is opened with
    `errors="surrogateescape"`: what is not UTF-8 is told, and never guessed at.
    """
    for number, fields, text in _table(source, divided_by) if divided_by else _json(source):
        yield fields if isinstance(fields, Line) else _line(number, fields, text, choose)


def divider(path: Path) -> str | None:
    """Tell by a file's name what divides the cells of its table, or that it is none."""
    return {".csv": ",", ".tsv": "\t"}.get(path.suffix.lower())


def _json(source: TextIO) -> Iterator[tuple[int, Any, str]]:
    number = 0
    while text := source.readline(LONGEST_LINE):
        number += 1
        text = text.removeprefix(MARK) if number == 1 else text
        if _goes_on(text, source):
            yield number, Line(number, None, f"the line is longer than {LONGEST_LINE} characters", text[:200]), ""
            continue
        if not text.strip():
            continue
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield number, Line(number, None, f"it is not JSON: {error}", text[:1000].rstrip("\n")), ""
            continue
        yield number, fields, text


def _table(source: TextIO, divided_by: str) -> Iterator[tuple[int, Any, str]]:
    rows = _Rows(source)
    reader = csv.DictReader(rows, delimiter=divided_by)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield rows.number, Line(rows.number, None, f"it is not CSV: {error}"), ""
            continue
        text = json.dumps(row, ensure_ascii=False)
        if None in row:
            yield rows.number, Line(rows.number, None, "it has more columns than the header", text), ""
            continue
        try:
            fields = {name: _value(name, value) for name, value in row.items() if value not in ("", None)}
        except ValueError as error:
            yield rows.number, Line(rows.number, None, str(error), text), ""
            continue
        yield rows.number, fields, text


class _Rows:
    """The lines of a table, none of which is held when it is too long."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self.number = 0

    def __iter__(self) -> "_Rows":
        return self

    def __next__(self) -> str:
        text = self._source.readline(LONGEST_LINE)
        self.number += 1
        if _goes_on(text, self._source):
            raise csv.Error(f"the line is longer than {LONGEST_LINE} characters")
        if not text:
            raise StopIteration
        return text.removeprefix(MARK) if self.number == 1 else text


def _goes_on(text: str, source: TextIO) -> bool:
    """Tell whether a line is too long, and skip the rest of it."""
    if len(text) < LONGEST_LINE or text.endswith("\n"):
        return False
    while (rest := source.readline(LONGEST_LINE)) and not rest.endswith("\n"):
        pass
    return True


def _value(name: str, text: str) -> Any:
    """Return a cell as what its column holds."""
    try:
        if name in WHOLE:
            return int(text)
        if name in BROKEN:
            return float(text)
    except ValueError:
        raise ValueError(f"{name}: {text[:60]!r} is no number") from None
    if name in SWITCHES:
        if text.lower() not in YES + NO:
            raise ValueError(f"{name}: {text[:60]!r} is neither true nor false")
        return text.lower() in YES
    return int(text) if name == "priority" and text.isdigit() else text


def _line(number: int, fields: Any, text: str, choose: Choose | None) -> Line:
    shown = text[:1000].rstrip("\n")
    try:
        mark = blake2b(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode(), digest_size=8).hexdigest()
    except UnicodeEncodeError:
        shown = shown.encode(errors="replace").decode()
        return Line(number, None, "it is not UTF-8, or has half of a character: save the file as UTF-8", shown)
    said = fields if isinstance(fields, dict) else {}
    label, behind, plan = (said.get(name) for name in BESIDE)
    try:
        _beside("label", label, str | None, f"text of 1 to {LONGEST_LABEL} characters")
        _beside("plan", plan, bool | None, "true or false")
        _beside("background", behind, str | dict | None, "a line's label, a job's id or unique key, or a clip's fields")
        if label is not None and not 0 < len(label.strip()) <= LONGEST_LABEL:
            raise InvalidClip(f"label: {label[:60]!r} is not right; allowed is text of 1 to {LONGEST_LABEL} characters")
        behind = _placed(behind, choose) if isinstance(behind, dict) else behind
        aside = (*BESIDE, *COLUMNS) if plan is False else BESIDE
        asked = {name: value for name, value in said.items() if name not in aside} if said else fields
        if isinstance(behind, str):
            asked["background"] = behind
        clip = _clip(asked, choose, plan=plan is True or planned(asked))
    except Refused as error:
        return Line(number, None, str(error), shown, label=label if isinstance(label, str) else "")
    return Line(number, clip, mark=mark, label=label or "", behind=behind)


def _beside(name: str, value: Any, kind: Any, allowed: str) -> None:
    if not isinstance(value, kind):
        raise InvalidClip(f"{name}: {str(value)[:60]!r} is not right; allowed is {allowed}")


def _clip(fields: Any, choose: Choose | None, *, plan: bool) -> Clip:
    if plan and choose is not None:
        return choose(fields)
    return read_clip({"prompt": fields} if isinstance(fields, str) else fields)


def _placed(fields: dict[str, Any], choose: Choose | None) -> Clip:
    """Return a background that is said in place."""
    try:
        return _clip(fields, choose, plan=planned(fields))
    except Refused as error:
        raise InvalidClip(f"background: {error}") from None
