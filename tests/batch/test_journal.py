"""The results file, which is also what a run goes on from."""

import json
from pathlib import Path

import pytest

from overcrank.batch.journal import Journal
from overcrank.clip import Priority
from overcrank.errors import ConfigError
from overcrank.job import Job
from overcrank.lifecycle import State

JOB = Job("id", State.FAILED, 1, Priority.BULK, "default", 5, '{"prompt": "x"}', error=("Rejected", "no"), cost=0)


def test_a_run_that_resumes_knows_what_is_done(tmp_path: Path) -> None:
    """The batch keeps its name, so its clips keep their keys; what has a result is not asked for again."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.add(3, JOB)
        first.add(70_000, JOB)
    with Journal(tmp_path / "r", resume=True) as second:
        assert (first.batch, first.key(3)) == (second.batch, second.key(3))
        assert [3, 70_000] == [n for n in (1, 2, 3, 4, 69_999, 70_000, 10**9) if second.has(n)]


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    """Half a line is no result: its clip is asked for again, by the same key."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.add(1, JOB)
    with (tmp_path / "r").open("a") as file:
        file.write('{"line": 2, "id"')
    with Journal(tmp_path / "r", resume=True) as second:
        assert (True, False) == (second.has(1), second.has(2))
        second.add(2, JOB)
    assert 3 == len([json.loads(line) for line in (tmp_path / "r").read_text().splitlines()])


def test_a_file_is_never_overwritten_by_mistake(tmp_path: Path) -> None:
    """Results that are there are gone on with only if that is said; and only results are."""
    path = tmp_path / "r"
    with pytest.raises(ConfigError, match="nothing to resume"):
        Journal(path, resume=True)
    path.write_text('{"some": "thing"}\n')
    for resume, said in ((False, "--resume"), (True, "not the results")):
        with pytest.raises(ConfigError, match=said):
            Journal(path, resume=resume)
