"""The rejects file: made when it is needed, and never in the place of another."""

import json
from pathlib import Path

import pytest

from overcrank.batch.lines import Line
from overcrank.batch.rejects import Rejects
from overcrank.errors import ConfigError

WRONG = Line(3, None, "", "{")


def test_it_is_made_at_the_first_wrong_line(tmp_path: Path) -> None:
    """Where nothing is wrong there is no file; a line that is not UTF-8 can be written down too."""
    path = tmp_path / "rejects"
    with Rejects(path, resume=False) as rejects:
        assert not path.exists()
        rejects.add(WRONG, "it is not JSON")
        rejects.add(Line(4, None, "", "\udce9"), "it is not UTF-8")
    assert [3, 4] == [json.loads(text)["line"] for text in path.read_text().splitlines()]


@pytest.mark.parametrize("resume", [False, True])
def test_another_file_is_neither_emptied_nor_removed(tmp_path: Path, resume: bool) -> None:
    """Whatever is there and is not of this batch stays, and the user is told."""
    path = tmp_path / "precious"
    path.write_text("years of work\n")
    with pytest.raises(ConfigError, match="would be lost"):
        Rejects(path, resume=resume)
    assert "years of work\n" == path.read_text()


def test_a_run_that_resumes_writes_its_own_file_anew(tmp_path: Path) -> None:
    """All lines are read again, so what was wrong is told again; and if it no longer is, the file goes."""
    path = tmp_path / "rejects"
    for resume in (False, True):
        with Rejects(path, resume=resume) as rejects:
            rejects.add(WRONG, "why")
        assert 1 == len(path.read_text().splitlines())
    with pytest.raises(ConfigError, match="would be lost"):
        Rejects(path, resume=False)
    with pytest.raises(KeyboardInterrupt), Rejects(path, resume=True):
        raise KeyboardInterrupt
    assert path.exists()
    with Rejects(path, resume=True):
        pass
    assert not path.exists()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match="there is no folder"):
        Rejects(tmp_path / "none" / "rejects", resume=False)
