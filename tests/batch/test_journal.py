"""The results file, which is also what a run goes on from."""

import json
from pathlib import Path

import pytest

from overcrank.batch import journal
from overcrank.batch.journal import Journal
from overcrank.batch.lines import Line
from overcrank.clip import Clip, Priority
from overcrank.clock import SECOND
from overcrank.errors import ConfigError
from overcrank.job import Job
from overcrank.lifecycle import State

NOW = 1_800_000_000
JOB = Job(
    "id", State.FAILED, 1, Priority.BULK, "default", 5, '{"prompt": "x"}', error=("Rejected", "no"), cost=7,
    moments={"ended": NOW * SECOND},
)  # fmt: skip


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in a list, so that a test can change it."""
    times = [float(NOW)]
    clock = {"time": lambda: times[0], "time_ns": lambda: int(times[0] * 1e9)}
    monkeypatch.setattr(journal, "time", type("Clock", (), {n: staticmethod(f) for n, f in clock.items()}))
    return times


def line(number: int, prompt: str = "x") -> Line:
    """Return a line that asks for a clip."""
    return Line(number, Clip(prompt=prompt), mark=prompt.encode().hex().rjust(16, "1"))


def test_a_run_that_resumes_knows_what_is_done(tmp_path: Path) -> None:
    """The batch keeps its name, so its clips keep their keys; what has a result is not asked for again."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.add(3, JOB, 7)
        first.add(70_000, JOB, 0)
    with Journal(tmp_path / "r", resume=True) as second:
        assert (first.batch, first.key(3)) == (second.batch, second.key(3))
        assert [3, 70_000] == [n for n in (1, 2, 3, 4, 69_999, 70_000, 10**9) if second.has(line(n))]


def test_failures_and_costs_of_earlier_runs_count(tmp_path: Path) -> None:
    """A failed line stays failed until it is tried again, under a key of its own; then its new result counts."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.add(1, JOB, 7)
        key = first.key(1)
    with Journal(tmp_path / "r", resume=True) as second:
        assert (1, 7, True) == (second.failed, second.spent, second.has(line(1)))
    with Journal(tmp_path / "r", resume=True, retry_failed=True) as third:
        assert (0, 7, False) == (third.failed, third.spent, third.has(line(1)))
        assert f"{key}/1" == third.key(1)
        third.add(1, JOB, 2)
    with Journal(tmp_path / "r", resume=True, retry_failed=True) as fourth:
        assert f"{key}/2" == fourth.key(1)
        fourth.add(1, Job(**{**vars(JOB), "state": State.SUCCEEDED, "error": None}), 1)
        assert (0, 10, True) == (fourth.failed, fourth.spent, fourth.has(line(1)))
    assert 0 == Journal(tmp_path / "r", resume=True).failed


def test_a_line_that_was_changed_is_refused(tmp_path: Path) -> None:
    """Its result would be another clip, and its new content would be paid for beside the old."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.sent([line(1), line(2)])
        first.add(1, JOB, 7)
    second = Journal(tmp_path / "r", resume=True)
    assert [True, False, False] == [second.has(line(n)) for n in (1, 2, 3)]
    for number in (1, 2):
        with pytest.raises(ConfigError, match=f"line {number} is not what it was"):
            second.has(line(number, "y"))


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """Two would write each result twice; the second is told, and leaves the file as it is."""
    with Journal(tmp_path / "r", resume=False) as first:
        with pytest.raises(ConfigError, match="another run is writing"), Journal(tmp_path / "r", resume=True):
            pass
        first.add(1, JOB, 7)
    two = [Journal(tmp_path / "other", resume=False) for _ in range(2)]
    with two[0], pytest.raises(ConfigError, match="another run"), two[1]:
        pass


def test_what_another_run_wrote_meanwhile_is_known(tmp_path: Path) -> None:
    """A run that read the file while another still wrote to it reads it again before it goes on."""
    with Journal(tmp_path / "r", resume=False) as first:
        second = Journal(tmp_path / "r", resume=True)
        first.add(1, JOB, 7)
    with second:
        assert (True, 1, 7) == (second.has(line(1)), second.failed, second.spent)


def test_the_name_of_the_batch_is_on_the_disk_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, clips that were paid for could not be found again after a power cut."""
    synced: list[int] = []
    monkeypatch.setattr(journal.os, "fsync", synced.append)
    with Journal(tmp_path / "r", resume=False):
        assert 2 == len(synced)


def test_a_batch_that_lay_too_long_is_not_resumed(tmp_path: Path, now: list[float]) -> None:
    """Its jobs may be forgotten, and their keys with them: the same lines would be paid for again."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.sent([line(1)])
    now[0] += 7 * 86_400
    Journal(tmp_path / "r", resume=True, keeps=7 * 86_400)
    now[0] += 1
    with pytest.raises(ConfigError, match="forgotten after 7 days"):
        Journal(tmp_path / "r", resume=True, keeps=7 * 86_400)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigError, match="there is no folder"):
        Journal(tmp_path / "none" / "r", resume=False)


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    """Half a line is no result: its clip is asked for again, by the same key."""
    with Journal(tmp_path / "r", resume=False) as first:
        first.add(1, JOB, 7)
    with (tmp_path / "r").open("a") as file:
        file.write('{"line": 2, "id"')
    with Journal(tmp_path / "r", resume=True) as second:
        assert (True, False) == (second.has(line(1)), second.has(line(2)))
        second.add(2, JOB, 7)
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
