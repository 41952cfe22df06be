"""Reads clips, one a line: JSON Lines, or a table with a header, its cells divided by commas or tabs.

A line that is wrong is reported, and the rest goes on.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
        label: the name by which other lines may have its clip as their background.
        behind: the clip behind its own: another line's label, a job's id or unique key, or a clip.
    """

    number: int
    clip: Clip | None
    why: str = ""
    text: str = ""
    label: str = ""
    behind: Clip | str | None = None


MARK = "\ufeff"

Choose = Callable[[dict[str, Any]], Clip]
"""What plans a clip for which a purpose, a quality or a budget is said."""


def read_lines(source: TextIO, *, divided_by: str | None, choose: Choose | None = None) -> Iterator[Line]:
    """Yield what is asked for, line by line; empty lines are nothing.

    A table's cells are *divided_by* a comma or a tab; None says that the lines are JSON.
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
        if len(text) == LONGEST_LINE and not text.endswith("\n"):
            while (rest := source.readline(LONGEST_LINE)) and not rest.endswith("\n"):
                pass
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
    reader = csv.DictReader(_unmarked(source), delimiter=divided_by)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, Line(reader.line_num, None, f"it is not CSV: {error}"), ""
            continue
        text = json.dumps(row)
        if None in row:
            yield reader.line_num, Line(reader.line_num, None, "it has more columns than the header", text), ""
            continue
        try:
            fields = {name: _value(name, value) for name, value in row.items() if value not in ("", None)}
        except ValueError as error:
            yield reader.line_num, Line(reader.line_num, None, str(error), text), ""
            continue
        yield reader.line_num, fields, text


def _unmarked(source: TextIO) -> Iterator[str]:
    """Yield the lines without the mark that a spreadsheet puts at the beginning of its UTF-8."""
    for number, text in enumerate(source):
        yield text.removeprefix(MARK) if number == 0 else text


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
    said = fields if isinstance(fields, dict) else {}
    label, behind, plan = (said.get(name) for name in BESIDE)
    kept = text[:1000].rstrip("\n")
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
        return Line(number, None, str(error), kept, label if isinstance(label, str) else "")
    return Line(number, clip, "", "", label or "", behind)


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
