"""`overcrank budget` and `limits`: what an operator can see and decide, each safe to do twice."""

import csv
import json
from io import StringIO

import pytest

from overcrank.cli.exits import Exit
from overcrank.clip import Clip
from overcrank.ids import new_id
from overcrank.runtime import Runtime

from .conftest import Shell


@pytest.fixture
def runtime(shell: Shell) -> Runtime:
    """The parts the commands work with."""
    return shell.client._runtime


def admitted(runtime: Runtime, quote: int = 1_000_000, project: str = "film") -> str:
    """Admit a job and return its attempt."""
    job_id = new_id()
    runtime.jobs.enter(job_id, Clip(prompt="x", project=project), quote, sent=True)
    runtime.gate.admit(runtime.jobs.get(job_id))
    return f"{job_id}.1"


def test_a_cap_is_set_taken_back_and_said(shell: Shell, runtime: Runtime):
    """Twice is once; a worker that starts does not overrule it; `default` does."""
    assert [True, False] == [shell.json("budget", "set", "lane/window", "70")["changed"] for _ in range(2)]
    runtime.configure()
    told = shell.json("budget")
    assert ("70.00", {"span": "lane/window", "counts": "70.00", "configured": "50.00", "override": "70.00"}) == (
        told["window"]["cap_usd"], next(cap for cap in told["caps"] if cap["span"] == "lane/window")
    )  # fmt: skip
    assert "an operator's" in shell("budget", "show").stdout
    assert [True, False] == [shell.json("budget", "set", "lane/window", "default")["changed"] for _ in range(2)]
    assert "50.00" == shell.json("budget", "show")["window"]["cap_usd"]


def test_project_day_and_share(shell: Shell, runtime: Runtime):
    """Every span has a name, and a wrong one is told which there are."""
    for span, amount in (
        ("lane/day", "200"),
        ("project:film/window", "$5"),
        ("project:*/day", "9.5"),
        ("lane/urgent", "30"),
    ):
        assert shell.json("budget", "set", span, amount)["changed"]
    assert (5_000_000, 9_500_000, 30) == (
        runtime.caps.of("project:film/window"), runtime.caps.of("project:other/day"), runtime.caps.of("lane/urgent")
    )  # fmt: skip
    wrong = shell("budget", "set", "films", "5")
    assert (Exit.CONFIG, True) == (wrong.exit_code, "lane/window" in wrong.stderr)
    assert Exit.USAGE == shell("budget", "set", "lane/day", "much").exit_code


def test_raise_is_for_this_window_alone_and_never_lowers(shell: Shell, runtime: Runtime):
    """The next window has the old cap again."""
    assert [True, False] == [shell.json("budget", "raise", "80")["changed"] for _ in range(2)]
    assert {"changed": False, "cap_usd": "80.00"}.items() <= shell.json("budget", "raise", "60").items()
    assert (80_000_000, 50_000_000) == (runtime.ledger.window().cap, runtime.ledger.book("lane/window", 1).cap)


def test_what_the_last_closing_found_is_shown(shell: Shell, runtime: Runtime):
    """Until when the books are proved; and a book that is wrong now."""
    assert shell.json("budget")["closed"] is None
    admitted(runtime)
    runtime.ledger.tick()
    assert {"differences": 0, "wrong_now": 0}.items() <= shell.json("budget")["closed"].items()
    assert "proved by the journal" in shell("budget").stdout
    runtime.redis.hincrby(runtime.keys.window(*runtime.ledger.period()[:2]), "reserved", 7)
    runtime.ledger.tick()
    assert 1 == shell.json("budget")["closed"]["wrong_now"]
    assert "books wrong now" in shell("budget").stdout


def test_what_has_no_cap_is_not_capped_by_a_raise(shell: Shell, runtime: Runtime):
    """No cap is more than any: it says so, and changes nothing."""
    for span in ("lane/day", "project:film/window"):
        refused = shell("budget", "raise", "5", span)
        assert (Exit.CONFIG, True) == (refused.exit_code, "has no cap" in refused.stderr)
    assert 0 == runtime.ledger.book("lane/day").cap


@pytest.mark.parametrize("command", [("set", "lane/urgent", "30", "--this-window"), ("raise", "30", "lane/urgent")])
def test_the_share_is_no_cap_of_a_window(shell: Shell, runtime: Runtime, command: tuple[str, ...]):
    """A percent is not taken for an amount of the lane's window."""
    refused = shell("budget", *command)
    assert (Exit.CONFIG, True) == (refused.exit_code, "urgent share" in refused.stderr)
    assert 50_000_000 == runtime.ledger.window().cap


def test_a_cap_for_this_window_alone(shell: Shell, runtime: Runtime):
    """For a project that has no cap otherwise, until `default` takes it back."""
    command = ("budget", "set", "project:film/window", "1", "--this-window")
    assert [True, False] == [shell.json(*command)["changed"] for _ in range(2)]
    assert 1_000_000 == runtime.ledger.book("project:film/window").cap
    assert shell.json("budget", "set", "project:film/window", "default", "--this-window")["changed"]
    assert 0 == runtime.ledger.book("project:film/window").cap


def test_what_is_lost_is_said_and_not_covered_up(shell: Shell, runtime: Runtime):
    """An operator is sent to the audit and the rebuild."""
    shell("budget", "pause")
    runtime.redis.delete(runtime.keys.caps)
    refused = shell("budget", "set", "lane/day", "5")
    assert (Exit.FAILED, True) == (refused.exit_code, "budget rebuild" in refused.stderr)
    assert "fields: stored 0, journal" in shell("budget", "audit").stdout
    shell("budget", "rebuild")
    assert {"lane": "an operator paused it"} == shell.json("budget")["paused"]


def test_pause_and_resume(shell: Shell, runtime: Runtime):
    """The lane, or a project; what is paused is shown."""
    assert [True, False] == [shell.json("budget", "pause", "--why", "audit")["changed"] for _ in range(2)]
    assert shell.json("budget", "pause", "project:film")["changed"]
    assert {"lane": "audit", "project:film": "an operator paused it"} == shell.json("budget")["paused"]
    assert "audit" in shell("budget").stdout
    assert [True, False] == [shell.json("budget", "resume")["changed"] for _ in range(2)]
    assert Exit.CONFIG == shell("budget", "pause", "films").exit_code


def test_audit_proves_the_books_or_names_the_difference(shell: Shell, runtime: Runtime):
    """Its exit code says which, and a rebuild mends it."""
    admitted(runtime)
    assert (Exit.OK, True) == (shell("budget", "audit").exit_code, shell.json("budget", "audit")["ok"])
    runtime.redis.hincrby(runtime.keys.window(*runtime.ledger.period()[:2]), "reserved", 7)
    broken = shell("budget", "audit")
    assert (1, True) == (broken.exit_code, "reserved: stored $1.000007, journal $1.00" in broken.stdout)
    assert 2 == shell.json("budget", "rebuild")["epoch"]
    assert (3, True) == (shell.json("budget", "rebuild")["epoch"], shell.json("budget", "audit")["ok"])


def test_correct_books_the_truth_once(shell: Shell, runtime: Runtime):
    """And an attempt nobody knows is said to be unknown."""
    attempt = admitted(runtime)
    early = shell("budget", "correct", attempt, "0.25")
    assert (Exit.FAILED, True) == (early.exit_code, "its bill is still to come" in early.stderr)
    runtime.ledger.settle(runtime.jobs.get(attempt.removesuffix(".1")), 1_000_000)
    assert [True, False] == [shell.json("budget", "correct", attempt, "0.25")["changed"] for _ in range(2)]
    assert "0.25" == shell.json("budget")["window"]["spent_usd"]
    assert Exit.NOT_FOUND == shell("budget", "correct", "nobody.1", "1").exit_code


def test_export_as_csv_and_json_lines(shell: Shell, runtime: Runtime, folder):
    """Each entry is a row, on the screen or in a file."""
    attempt = admitted(runtime)
    rows = list(csv.DictReader(StringIO(shell("budget", "export").stdout)))
    lines = shell.lines("budget", "export")
    assert len(rows) == len(lines) == runtime.redis.xlen(runtime.keys.journal)
    assert (attempt, "1.00", "film") == (rows[-1]["attempt"], rows[-1]["usd"], lines[-1]["project"])
    shell("budget", "export", "--format", "jsonl", "--output", "journal.jsonl")
    assert lines == [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_a_dry_run_changes_nothing(shell: Shell, runtime: Runtime):
    """It says what a cap would let through."""
    for _ in range(3):
        runtime.jobs.enter(new_id(), Clip(prompt="x"), 4_000_000, sent=True)
    assert {"admitted": 2, "windows": 2}.items() <= shell.json("budget", "try", "9").items()
    assert "2 of 3 waiting jobs" in shell("budget", "try", "9").stdout
    assert "50.00" == shell.json("budget")["window"]["cap_usd"]


def test_limits_are_set_and_set_back(shell: Shell, runtime: Runtime):
    """They outlive a worker that starts, until --default."""
    assert [True, False] == [
        shell.json("limits", "set", "--rate", "4", "--concurrency", "3")["changed"] for _ in range(2)
    ]
    runtime.configure()
    assert {"rate": 4.0, "burst": 15, "concurrency": 3}.items() <= shell.json("limits").items()
    assert {"changed": True, "rate": 10.0, "concurrency": 15}.items() <= shell.json(
        "limits", "set", "--default"
    ).items()
    assert Exit.USAGE == shell("limits", "set").exit_code
    assert shell.json("limits", "show") == shell.json("limits")
