"""Clips, one a line."""

import io
from pathlib import Path

import pytest

from overcrank.batch.lines import LONGEST_LINE, Line, divider, read_lines
from overcrank.clip import Clip


def read(text: str, *, divided_by: str | None = None) -> list[tuple[int, str]]:
    """Return each line's number with its prompt, or with the first words of what is wrong."""
    lines = read_lines(io.StringIO(text, newline=""), divided_by=divided_by)
    return [(line.number, line.clip.prompt if line.clip else f"! {line.why[:11]}") for line in lines]


def test_json_lines_are_read_with_their_numbers() -> None:
    """Objects and plain prompts are clips; empty lines count and are nothing."""
    assert [(1, "a"), (3, "b")] == read('{"prompt": "a", "fps": 60}\n\n"b"\n')


@pytest.mark.parametrize(
    "wrong", ["{", "[1]", '{"prompt": ""}', '{"prompt": "x", "fsp": 60}', "7", "[" * 100_000, "NaN"]
)
def test_a_wrong_line_is_told_and_the_rest_goes_on(wrong: str) -> None:
    """The line's number and why it is none come with it."""
    first, second = read(f'{wrong}\n{{"prompt": "good"}}\n')
    assert ((1, "!"), (2, "good")) == ((first[0], first[1][0]), second)


def test_a_line_without_end_is_not_held() -> None:
    """A line that is too long is skipped, and the next is read."""
    assert [(1, "! the line is"), (2, "b")] == [
        (n, said[:13]) for n, said in read("x" * (2 * LONGEST_LINE + 5) + '\n"b"\n')
    ]


def test_csv_is_read_by_its_header() -> None:
    """Numbers are read as their columns need them, and empty cells are not given."""
    text = "prompt,fps,duration,priority\nred,60,2.5,1\nblue,,,bulk\ngreen,many,,\nall,24,2,2,5\n"
    assert [(2, "red"), (3, "blue"), (4, "! fps: 'many"), (5, "! it has more")] == [
        (n, said[:12] if "fps" in said else said) for n, said in read(text, divided_by=",")
    ]


def test_the_form_is_known_by_the_name() -> None:
    """A file that ends in .csv is divided by commas, one that ends in .tsv by tabs."""
    assert [",", "\t", None, None] == [divider(Path(name)) for name in ("a.CSV", "a.tsv", "a.jsonl", "-")]


def test_a_table_may_be_divided_by_tabs() -> None:
    """Then a comma is a part of the prompt."""
    assert [(2, "red, and blue")] == read("prompt\tfps\nred, and blue\t60\n", divided_by="\t")


@pytest.mark.parametrize(("text", "divided_by"), [('{"prompt": "a"}\n', None), ("prompt,fps\na,60\n", ",")])
def test_the_mark_of_a_spreadsheet_is_no_part_of_the_first_name(text: str, divided_by: str | None) -> None:
    """Excel begins its UTF-8 with one."""
    assert ["a"] == [prompt for _, prompt in read(f"\ufeff{text}", divided_by=divided_by)]


def chosen(fields: dict) -> Clip:
    """Stand for the planner: it takes what it is asked to plan at 24 frames."""
    return Clip(prompt=fields["prompt"], fps=24)


def one(text: str, divided_by: str | None = None) -> Line:
    """Read a line with a planner."""
    [line] = read_lines(io.StringIO(text, newline=""), divided_by=divided_by, choose=chosen)
    return line


@pytest.mark.parametrize("cells", ["yes,", "true,", "1,", ",preview", "yes,preview"])
def test_a_column_says_what_is_planned(cells: str) -> None:
    """By itself, or because something is wanted of it."""
    assert 24 == one(f"prompt,plan,purpose\na,{cells}\n", ",").clip.fps


@pytest.mark.parametrize("cells", ["no,preview", "FALSE,preview", "0,", ","])
def test_a_column_says_what_is_not_planned(cells: str) -> None:
    """Whatever is wanted of it."""
    assert 120 == one(f"prompt,plan,purpose\na,{cells}\n", ",").clip.fps


def test_a_line_has_a_label_and_something_behind_it() -> None:
    """A text names it, in a table too; fields say it in place, where they may be planned."""
    assert ("beach", None) == ((line := one('{"prompt": "a", "label": "beach"}\n')).label, line.behind)
    assert ("beach", "beach") == ((line := one("prompt,background\na,beach\n", ",")).behind, line.clip.background)
    line = one('{"prompt": "a", "background": {"prompt": "a beach", "purpose": "preview"}}\n')
    assert (Clip(prompt="a beach", fps=24), None) == (line.behind, line.clip.background)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ('"label": 5', "label: '5' is not right"), ('"label": " "', "label: ' ' is not right"),
        ('"plan": "yes"', "plan: 'yes' is not right"), ('"background": 5', "background: '5' is not right"),
        ('"background": {"prompt": "x", "fsp": 3}', "background: fsp: there is no such field"),
        ('"background": {}', "background: prompt: it is missing"),
    ],
)  # fmt: skip
def test_what_is_said_beside_a_clip_is_checked_too(fields: str, why: str) -> None:
    """With the column's name and what is allowed."""
    line = one(f'{{"prompt": "a", {fields}}}\n')
    assert (None, True) == (line.clip, line.why.startswith(why))


def test_a_switch_in_a_table_is_true_or_false() -> None:
    """Anything else is told."""
    assert "plan: 'maybe' is neither true nor false" == one("prompt,plan\na,maybe\n", ",").why


@pytest.mark.parametrize("divided_by", [None, ","])
def test_what_is_not_utf8_is_told_and_never_guessed_at(tmp_path: Path, divided_by: str | None) -> None:
    """A prompt in another encoding would be paid for with its letters lost; escaped halves of characters are none."""
    path = tmp_path / "lines"
    good, broken = '"gr\u00fcn"', '"gr\u00fcn"'.encode("latin-1")
    path.write_bytes((b"prompt\n" if divided_by else b'"\\ud800"\n') + broken + b"\n" + good.encode() + b"\n")
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as source:
        found = [
            (line.number, line.clip.prompt if line.clip else line.why[:12])
            for line in read_lines(source, divided_by=divided_by)
        ]
    expected = [(2, "it is not UT"), (3, "gr\u00fcn")]
    assert (expected if divided_by else [(1, "it is not UT"), *expected]) == found


def test_a_row_without_end_is_not_held_nor_read_from_its_middle() -> None:
    """What follows a million characters of a prompt is no clip of its own."""
    text = "prompt,fps\nred,24\n" + "x" * (2 * LONGEST_LINE) + ",24\nblue,24\n"
    assert [(2, "red"), (3, "! it is not C"), (4, "blue")] == read(text, divided_by=",")


def test_a_lines_mark_is_what_it_asks_for() -> None:
    """Spaces and the order of fields change nothing; a word does."""
    same, other = '{"prompt": "a", "fps": 60}\n{"fps":60,  "prompt":"a"}\n', '{"prompt": "b", "fps": 60}\n'
    first, second, third = (line.mark for line in read_lines(io.StringIO(same + other, newline=""), divided_by=None))
    assert (True, False) == (first == second, first == third)
