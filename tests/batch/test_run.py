"""A batch against the real server; the test ends its jobs."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from overcrank.batch.journal import Journal
from overcrank.batch.lines import Line
from overcrank.batch.rejects import Rejects
from overcrank.batch.run import Batch, Progress
from overcrank.client import Client
from overcrank.clip import Clip
from overcrank.errors import OverBudget, StoreUnavailable
from overcrank.lifecycle import State
from overcrank.settings import Settings


class Bench:
    """A producer, a folder, and somebody who cancels what is queued."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.client, self.folder = Client(settings), folder
        self.client._runtime.configure()
        self._over = threading.Event()
        self._ends = threading.Thread(target=self._end)

    def _end(self) -> None:
        jobs = Client(self.client.settings)._runtime.jobs
        while not self._over.wait(0.02):
            for job in jobs.latest([State.QUEUED]):
                jobs.move(job, State.CANCELLED, cost=5)

    def run(self, lines: list[Line], *, ends: bool = True, window: int = 1000, **given: Any) -> Progress:
        """Run a batch of these lines."""
        resume = given.pop("resume", False)
        if ends and not self._ends.is_alive():
            self._ends.start()
        journal = Journal(self.folder / "results", resume=resume, retry_failed=given.pop("retry_failed", False))
        with journal, Rejects(self.folder / "rejects", resume=resume) as rejects:
            return Batch(self.client, journal, rejects, window, given.pop("ahead", None)).run(lines, **given)

    def rejects(self) -> list[int]:
        """Return the lines that were rejected."""
        path = self.folder / "rejects"
        return [json.loads(text)["line"] for text in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        """Stop ending jobs."""
        self._over.set()
        if self._ends.is_alive():
            self._ends.join()


@pytest.fixture
def bench(redis: Redis, configured: Callable[..., Settings], tmp_path: Path) -> Iterator[Bench]:
    """Gives a bench, and leaves the server empty."""
    made = Bench(configured(), tmp_path)
    yield made
    made.close()
    redis.flushall()


def lines(count: int) -> list[Line]:
    """Return so many lines, each of which asks for a clip of its own."""
    return [Line(n, Clip(prompt=f"ball {n}"), mark=f"{n:016x}") for n in range(1, count + 1)]


def test_results_failures_and_costs_add_up_over_runs(bench: Bench) -> None:
    """What failed in an earlier run is still told in the next, until it is tried again."""
    first = bench.run(lines(5))
    assert (5, 5, 25) == (first.done, first.failed, first.spent)
    second = bench.run(lines(5), resume=True)
    assert (5, 5, 25) == (second.done, second.failed, second.spent)
    third = bench.run(lines(6), resume=True, retry_failed=True)
    assert (6, 6, 55) == (third.done, third.failed, third.spent)
    assert 11 == bench.client.stats()["entered"]


def test_one_dear_line_is_one_reject(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beside it are submitted, each once."""
    submit = bench.client.submit_many

    def dear(clips: list[Clip]) -> Any:
        jobs = list(submit([clip for clip in clips if clip.prompt != "ball 2"]))
        if len(jobs) < len(clips):
            raise OverBudget("ball 2 is dear")
        return jobs

    monkeypatch.setattr(bench.client, "submit_many", dear)
    done = bench.run(lines(4))
    assert (3, 1, [2]) == (done.done, done.rejected, bench.rejects())
    assert 3 == bench.client.stats()["entered"]


def test_a_batch_waits_for_a_server_that_comes_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that may or may not have been entered are sent again, and are the same jobs."""
    submit, tries = bench.client.submit_many, []

    def away(clips: list[Clip]) -> Any:
        tries.append(list(submit(clips)))
        if len(tries) == 1:
            raise StoreUnavailable("away")
        return tries[-1]

    monkeypatch.setattr(bench.client, "submit_many", away)
    assert 3 == bench.run(lines(3)).done
    assert 3 == bench.client.stats()["entered"]


def test_a_window_bounds_what_is_under_way(bench: Bench) -> None:
    """Never more than so many clips at once, however many lines there are."""
    most = []
    bench.run(lines(20), window=3, tell=lambda now: most.append(now.in_flight))
    assert 0 < max(most) <= 3


def test_what_is_projected_is_what_the_whole_bill_says(bench: Bench) -> None:
    """From the first moment; where no bill was made, what was read so far."""
    price = bench.client.quote(Clip(prompt="ball 1"))
    said: list[int] = []
    done = bench.run(lines(4), window=1, ahead=4 * price, tell=lambda now: said.append(now.projected))
    assert {n * 5 + (4 - n) * price for n in range(5)} >= set(said)
    assert min(said[0], 3 * price) == 3 * price
    assert (20, 0) == (done.projected, done.ahead)


def test_lines_that_are_one_job_bear_its_cost_once(bench: Bench) -> None:
    """The costs in the results file add up to what was paid."""
    same = [Line(n, Clip(prompt="a ball", unique_key="k"), mark="1" * 16) for n in (1, 2)]
    assert (2, 5) == ((done := bench.run(same)).done, done.spent)
    costs = [json.loads(text).get("cost_usd") for text in (bench.folder / "results").read_text().splitlines()]
    assert ["0.000005", "0.00"] == [cost for cost in costs if cost]


def test_a_file_of_any_length_takes_the_same_memory(bench: Bench) -> None:
    """Lines are read as there is room for them, and forgotten once their result is written."""
    held: list[int] = []

    def many() -> Iterator[Line]:
        for number, line in enumerate(lines(60), 1):
            held.append(number - (len(done) and done[-1]))
            yield line

    done: list[int] = []
    bench.run(many(), window=5, tell=lambda now: done.append(now.done))  # type: ignore[arg-type]
    assert max(held) <= 6
