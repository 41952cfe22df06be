"""The output of children: kept in files that do not grow without end."""

import io
from pathlib import Path

import pytest

from overcrank.cli import logs
from overcrank.cli.logs import Logs


def read(folder: Path, text: str) -> list[tuple[str, str]]:
    """Let the logs read a child's whole output; return what was important in it."""
    shown: list[tuple[str, str]] = []
    Logs(folder, lambda name, line: shown.append((name, line)))._read("worker-1", io.StringIO(text))
    return shown


def test_all_of_it_is_kept_and_what_matters_is_shown(tmp_path: Path):
    """Every line is in the file; people see warnings."""
    assert [("worker-1", "10:00 WARNING x: two")] == read(tmp_path, "one\n10:00 WARNING x: two\nthree\n")
    assert "one\n10:00 WARNING x: two\nthree\n" == (tmp_path / "worker-1.log").read_text()


def test_a_log_is_put_aside_while_its_child_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """However long a child runs, the file and the one before it stay bounded, and the last lines are there."""
    monkeypatch.setattr(logs, "LARGEST", 1000)
    read(tmp_path, "".join(f"line {n} {'x' * 80}\n" for n in range(200)))
    both = [tmp_path / "worker-1.log", tmp_path / "worker-1.log.1"]
    assert all(place.stat().st_size <= 1100 for place in both)
    assert "line 199" in both[0].read_text() + both[1].read_text()
