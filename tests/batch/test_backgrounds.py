"""What is behind the lines of a batch, and what is wrong with it."""

from pathlib import Path

import pytest

from overcrank.batch.backgrounds import Backgrounds, named
from overcrank.batch.journal import Journal
from overcrank.batch.lines import Line
from overcrank.clip import Clip

BEACH = Clip(prompt="a beach")


def line(number: int, behind: Clip | str | None = None, label: str = "", **fields) -> Line:
    """Return a line as it is read."""
    background = behind if isinstance(behind, str) else None
    return Line(number, Clip(prompt=f"line {number}", background=background, **fields), label=label, behind=behind)


def flaws(*lines: Line) -> dict[int, str]:
    """Return why lines are wrong, by their numbers; the job `old` is there."""
    backgrounds = Backgrounds(lambda project, name: name == "old")
    backgrounds.collect(lines)
    return {one.number: one.why for one in backgrounds.checked(lines) if one.clip is None}


def test_what_is_there_is_right() -> None:
    """A label of a line before or after it, a job, and a clip that is said in place."""
    assert {} == flaws(line(1, "sky"), line(2, label="sky"), line(3, "sky"), line(4, "old"), line(5, BEACH))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ([line(1, "skye"), line(2, label="sky")], "did you mean sky"),
        ([line(1, "nothing")], "no label of a line, and no id"),
        ([line(1, "me", "me")], "can not be behind itself"),
        ([line(1, "sky"), line(2, "old", "sky")], "line 2, which is 'sky', has a background itself"),
        ([line(1, "sky"), Line(2, None, "broken", label="sky")], "line 2, which is 'sky', is wrong"),
        ([line(1, "sky"), line(2, label="sky", project="film")], "is of the project film"),
        ([line(1, BEACH, project="film")], "it is of the project default"),
    ],
)
def test_what_is_not_there_is_told(wrong: list[Line], why: str) -> None:
    """Before anything is paid for."""
    assert why in flaws(*wrong)[1]


def test_a_label_is_one_lines(tmp_path: Path) -> None:
    """The second that has it is wrong."""
    assert {2: "label: 'sky' is the label of line 1 already"} == flaws(line(1, label="sky"), line(2, label="sky"))


def test_every_background_is_one_job_of_the_batch(tmp_path: Path) -> None:
    """The same in place is the same key, and a labelled line has the key it is submitted with itself."""
    backgrounds, lines = (
        Backgrounds(lambda *_: False),
        [line(1, BEACH), line(2, BEACH), line(3, "sky"), line(4, label="sky")],
    )
    backgrounds.collect(lines)
    with Journal(tmp_path / "r", resume=False) as journal:
        (one, beach), (two, _), (three, sky), (four, none) = (backgrounds.of(each, journal) for each in lines)
    assert (one.background, "a beach") == (two.background, beach.prompt)
    assert (four.unique_key, four.unique_key, None) == (three.background, sky.unique_key, none)
    assert {named(BEACH): 2, "sky": 1} == dict(backgrounds.users)
    assert 4 == len({clip.unique_key for clip in (one, two, three, four)})
