"""`overcrank batch run` as a user calls it; the test ends the jobs."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from overcrank.batch.run import Progress
from overcrank.cli.batch_progress import every, line
from overcrank.cli.root import cli
from overcrank.client import Client
from overcrank.clip import Clip
from overcrank.lifecycle import State

from .conftest import Shell


@pytest.fixture
def ender(shell: Shell) -> Iterator[None]:
    """Ends whatever is queued, while the test runs."""
    over = threading.Event()

    def end() -> None:
        jobs = Client(shell.settings)._runtime.jobs
        while not over.wait(0.02):
            for job in jobs.latest([State.QUEUED]):
                jobs.move(job, State.CANCELLED)

    works = threading.Thread(target=end)
    works.start()
    yield
    over.set()
    works.join()
    shell.client._runtime.redis.flushall()


def test_a_pipe_is_read_as_it_comes(shell: Shell, ender: None, folder: Path) -> None:
    """Its clips are submitted without a bill before; the last line is the sum."""
    given = '"a ball"\n{"prompt": "another"}\n{\n'
    said = CliRunner().invoke(cli, ["batch", "run", "-", "--json"], input=given, prog_name="overcrank")
    assert 1 == said.exit_code
    (end,) = (json.loads(text) for text in said.stdout.splitlines())
    assert (2, 2, 1, "batch.results.jsonl") == (end["done"], end["failed"], end["rejected"], end["results"])
    assert 1 == len((folder / "batch.rejects.jsonl").read_text().splitlines())


def test_a_pipe_that_has_to_fit_is_read_to_its_end_first(shell: Shell) -> None:
    """Nothing is started where it does not."""
    for more in (["--budget", "0.01"], ["--strict"]):
        said = CliRunner().invoke(cli, ["batch", "run", "-", *more], input='"a ball"\n{\n', prog_name="overcrank")
        assert (2, True) == (said.exit_code, "nothing was started" in said.stderr)
    assert 0 == shell.client.stats()["entered"]


def test_a_failure_of_an_earlier_run_is_not_forgotten(shell: Shell, ender: None, folder: Path) -> None:
    """The exit code says so until the line is tried again; what is done needs no budget."""
    (folder / "clips.jsonl").write_text('"a ball"\n')
    assert 1 == shell("batch", "run", "clips.jsonl").exit_code
    again = shell("batch", "run", "clips.jsonl", "--resume", "--budget", "0.01")
    assert (1, True) == (again.exit_code, "1 done, 1 failed" in again.stderr)
    assert 1 == shell.client.stats()["entered"]
    assert 1 == shell("batch", "run", "clips.jsonl", "--resume", "--retry-failed").exit_code
    assert 2 == shell.client.stats()["entered"]


def test_files_that_can_not_be_written_are_told_first(shell: Shell, folder: Path) -> None:
    """Nothing is started, and nothing of the user's is emptied or removed."""
    (folder / "clips.jsonl").write_text('"a ball"\n')
    (folder / "mine").write_text("precious\n")
    for more in (["--results", "nodir/x"], ["--rejects", "mine"], ["--rejects", "nodir/x"]):
        assert 4 == shell("batch", "run", "clips.jsonl", *more).exit_code
    assert "precious\n" == (folder / "mine").read_text()
    assert 0 == shell.client.stats()["entered"]


def test_how_far_it_is_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log that is one line in ten seconds, with what it costs and will have cost."""
    now = [0.0]
    monkeypatch.setattr("overcrank.cli.batch_progress.time.monotonic", lambda: now[0])
    said: list[str] = []
    tell = every(10, lambda progress: said.append(line(progress, 2)))
    for moment in range(25):
        now[0] = float(moment)
        tell(Progress(done=3, in_flight=5, failed=1, ahead=2_000_000, spent=1_000_000))
    assert ["5 under way, 2 of them held, 1 failed, $1.00 of $3.00"] * 2 == said


def test_what_can_not_be_in_time_is_told_before(shell: Shell, folder: Path) -> None:
    """A generation's own time counts for --within; a deadline that is over too soon is a warning."""
    (folder / "clips.jsonl").write_text('{"prompt": "a ball", "deadline": "2020-01-01T00:00:00Z", "unique_key": "k"}\n')
    assert "deadlines are over" in shell("batch", "run", "clips.jsonl", "--dry-run").stderr
    (folder / "clips.jsonl").write_text('"a ball"\n')
    redis, keys = shell.client._runtime.redis, shell.client._runtime.keys
    shell.client._runtime.calibration.note(Clip(prompt="x"), 10, 10, 40.0)
    said = shell("batch", "run", "clips.jsonl", "--within", "39")
    redis.delete(keys.ratios)
    assert (2, True) == (said.exit_code, "it takes 40 s at the least" in said.stderr)
