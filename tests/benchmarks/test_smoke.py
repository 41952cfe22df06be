"""The benchmarks run: tiny ones, and no time is asserted."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from overcrank.money import dollars

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import media_savings  # noqa: E402  (programs beside this one, not a package)
import plot  # noqa: E402


def bench(name: str, *arguments: str, results: Path) -> dict[str, object]:
    """Run a benchmark and return what it wrote down."""
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *arguments]
    env = {"PATH": "/usr/bin:/bin", "BENCH_RESULTS": str(results)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100)
    assert 0 == done.returncode, done.stderr
    found: dict[str, object] = json.loads(results.read_text().splitlines()[-1])
    return found


def test_swift_counts_every_job(tmp_path: Path) -> None:
    """Ours and plain Celery finish what they are given, and nothing is paid twice."""
    found = bench("swift", "--jobs", "12", "--only", "ours", "threads", results=tmp_path / "r")
    runs = found["runs"]
    assert isinstance(runs, list)
    assert [("overcrank", 12, 0), ("celery threads", 12, 0)] == [(r["name"], r["done"], r["paid_twice"]) for r in runs]


def test_flight_counts_every_job(tmp_path: Path) -> None:
    """Jobs that take a while are all done, with no more than a few status calls each."""
    found = bench("flight", "--jobs", "20", "--seconds", "1", "--rate", "20", "--only", "ours", results=tmp_path / "r")
    runs = found["runs"]
    assert isinstance(runs, list)
    assert [20] == [run["done"] for run in runs]
    assert runs[0]["status_calls"] <= 3


def test_enqueue_tells_all_its_figures(tmp_path: Path) -> None:
    """The producer's benchmark ends with a figure for each promise."""
    found = bench("enqueue", "--jobs", "200", results=tmp_path / "r")
    assert isinstance(found["enqueue"], dict)
    assert {"cpu_ms_a_job", "bytes_a_job", "submit_ms", "stats_ms"} <= set(found["enqueue"])


def test_the_savings_in_the_docs_are_those_of_the_program() -> None:
    """The percentage in the README and the table in the docs are what the price book makes of the fifty requests."""
    found = media_savings.bill(media_savings.batch())
    _, naive, planned = found["all"]
    assert f"costs {round(100 * (naive - planned) / naive)} % less" in " ".join(
        (ROOT / "README.md").read_text().split()
    )
    for name, (clips, naive, planned) in found.items():
        row = f"{name:10}{clips:6}{dollars(naive):>14}{dollars(planned):>14}{100 * (naive - planned) / naive:7.1f}%"
        assert row in (ROOT / "docs" / "planning.md").read_text()


def test_real_jobs_cost_what_the_book_says() -> None:
    """Ledger and bill agree, naive and planned, and a request that is made twice is paid for once where it may be."""
    plans = media_savings.batch(8)
    _, naive, planned = media_savings.bill(plans)["all"]
    assert {"naive": (naive, naive), "planned": (planned, planned)} == media_savings.measured(plans)


def test_a_chart_is_an_svg(tmp_path: Path) -> None:
    """Bars, their names and a bound are drawn as well-formed XML, whatever the names hold."""
    plot.write(tmp_path / "chart.svg", [plot.Bars("a <b>", "s", [("ours", 1.0), ("x & y", 3.0)], bound=2.0)], "note")
    drawn = ET.fromstring((tmp_path / "chart.svg").read_text())
    assert 2 == len(drawn.findall("{*}rect"))
