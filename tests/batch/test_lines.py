"""Clips, one a line."""

import io
from pathlib import Path

import pytest

from overcrank.batch.lines import LONGEST_LINE, looks_like_csv, read_lines


def read(text: str, *, as_csv: bool = False) -> list[tuple[int, str]]:
    """Return each line's number with its prompt, or with the first words of what is wrong."""
    lines = read_lines(io.StringIO(text, newline=""), as_csv=as_csv)
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
        (n, said[:12] if "fps" in said else said) for n, said in read(text, as_csv=True)
    ]


def test_the_form_is_known_by_the_name() -> None:
    """A file that ends in .csv is CSV."""
    assert (True, False) == (looks_like_csv(Path("a.CSV")), looks_like_csv(Path("a.jsonl")))
