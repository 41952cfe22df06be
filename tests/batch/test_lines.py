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


@pytest.mark.parametrize("as_csv", [False, True])
def test_what_is_not_utf8_is_told_and_never_guessed_at(tmp_path: Path, as_csv: bool) -> None:
    """A prompt in another encoding would be paid for with its letters lost; escaped halves of characters are none."""
    path = tmp_path / "lines"
    good, broken = '"gr\u00fcn"', '"gr\u00fcn"'.encode("latin-1")
    path.write_bytes((b"prompt\n" if as_csv else b'"\\ud800"\n') + broken + b"\n" + good.encode() + b"\n")
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as source:
        found = [
            (line.number, line.clip.prompt if line.clip else line.why[:12])
            for line in read_lines(source, as_csv=as_csv)
        ]
    expected = [(2, "it is not UT"), (3, "gr\u00fcn")]
    assert (expected if as_csv else [(1, "it is not UT"), *expected]) == found


def test_a_row_without_end_is_not_held_nor_read_from_its_middle() -> None:
    """What follows a million characters of a prompt is no clip of its own."""
    text = "prompt,fps\nred,24\n" + "x" * (2 * LONGEST_LINE) + ",24\nblue,24\n"
    assert [(2, "red"), (3, "! it is not C"), (4, "blue")] == read(text, as_csv=True)


def test_a_lines_mark_is_what_it_asks_for() -> None:
    """Spaces and the order of fields change nothing; a word does."""
    same, other = '{"prompt": "a", "fps": 60}\n{"fps":60,  "prompt":"a"}\n', '{"prompt": "b", "fps": 60}\n'
    first, second, third = (line.mark for line in read_lines(io.StringIO(same + other, newline=""), as_csv=False))
    assert (True, False) == (first == second, first == third)
