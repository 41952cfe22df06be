"""Reads clips, one a line: JSON Lines, or CSV with a header. A line that is wrong is reported, and the rest goes on."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..clip import Clip, read_clip
from ..errors import Refused
from ..planning.wishes import planned

LONGEST_LINE = 1_000_000
"""Characters; a longer line is no clip, and it is not held in memory either."""

WHOLE = ("fps", "seed", "deliver_fps", "speed")
BROKEN = ("duration", "guidance_scale", "physics_strength")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, and the clip it asks for, or why it is none."""

    number: int
    clip: Clip | None
    why: str = ""
    text: str = ""


Choose = Callable[[dict[str, Any]], Clip]
"""What plans a clip for which a purpose, a quality or a budget is said."""


def read_lines(source: TextIO, *, as_csv: bool, choose: Choose | None = None) -> Iterator[Line]:
    """Yield what is asked for, line by line; empty lines are nothing."""
    for number, fields, text in _csv(source) if as_csv else _json(source):
        yield fields if isinstance(fields, Line) else _line(number, fields, text, choose)


def looks_like_csv(path: Path) -> bool:
    """Tell by the name whether a file is CSV."""
    return path.suffix.lower() in {".csv", ".tsv"}


def _json(source: TextIO) -> Iterator[tuple[int, Any, str]]:
    number = 0
    while text := source.readline(LONGEST_LINE):
        number += 1
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


def _csv(source: TextIO) -> Iterator[tuple[int, Any, str]]:
    reader = csv.DictReader(source)
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


def _value(name: str, text: str) -> Any:
    """Return a cell as what its column holds."""
    try:
        if name in WHOLE:
            return int(text)
        if name in BROKEN:
            return float(text)
    except ValueError:
        raise ValueError(f"{name}: {text[:60]!r} is no number") from None
    return int(text) if name == "priority" and text.isdigit() else text


def _line(number: int, fields: Any, text: str, choose: Choose | None) -> Line:
    try:
        if choose is not None and planned(fields):
            return Line(number, choose(fields))
        return Line(number, read_clip({"prompt": fields} if isinstance(fields, str) else fields))
    except Refused as error:
        return Line(number, None, str(error), text[:1000].rstrip("\n"))
