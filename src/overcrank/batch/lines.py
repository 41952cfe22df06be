"""Reads clips, one a line: JSON Lines, or CSV with a header. A line that is wrong is reported, and the rest goes on."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
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
    """One line: its number from 1, and the clip it asks for, or why it is none.

    Attributes:
        mark: what stands for what it asks for; spaces and the order of its fields are nothing.
    """

    number: int
    clip: Clip | None
    why: str = ""
    text: str = ""
    mark: str = ""


Choose = Callable[[dict[str, Any]], Clip]
"""What plans a clip for which a purpose, a quality or a budget is said."""


def read_lines(source: TextIO, *, as_csv: bool, choose: Choose | None = None) -> Iterator[Line]:
    """Yield what is asked for, line by line; empty lines are nothing.

    *source* is opened with `errors="surrogateescape"`: what is not UTF-8 is told, and never guessed at.
    """
    for number, fields, text in _csv(source) if as_csv else _json(source):
        yield fields if isinstance(fields, Line) else _line(number, fields, text, choose)


def looks_like_csv(path: Path) -> bool:
    """Tell by the name whether a file is CSV."""
    return path.suffix.lower() in {".csv", ".tsv"}


def _json(source: TextIO) -> Iterator[tuple[int, Any, str]]:
    number = 0
    while text := source.readline(LONGEST_LINE):
        number += 1
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


def _csv(source: TextIO) -> Iterator[tuple[int, Any, str]]:
    rows = _Rows(source)
    reader = csv.DictReader(rows)
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
    """The lines of a CSV file, none of which is held when it is too long."""

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
        return text


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
    return int(text) if name == "priority" and text.isdigit() else text


def _line(number: int, fields: Any, text: str, choose: Choose | None) -> Line:
    shown = text[:1000].rstrip("\n")
    try:
        said = json.dumps(fields, sort_keys=True, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        shown = shown.encode(errors="replace").decode()
        return Line(number, None, "it is not UTF-8, or has half of a character: save the file as UTF-8", shown)
    try:
        if choose is not None and planned(fields):
            clip = choose(fields)
        else:
            clip = read_clip({"prompt": fields} if isinstance(fields, str) else fields)
    except Refused as error:
        return Line(number, None, str(error), shown)
    return Line(number, clip, mark=blake2b(said, digest_size=8).hexdigest())
