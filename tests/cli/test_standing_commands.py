"""`stats`, `budget`, `limits` and `resume` against a real server."""

import pytest

from overcrank.cli.exits import Exit
from overcrank.runtime import Runtime

from .conftest import Shell


@pytest.fixture
def runtime(shell: Shell) -> Runtime:
    """The parts behind the commands."""
    return Runtime(shell.settings)


def test_stats_are_those_of_the_client(shell: Shell):
    """`stats --json` is what the client returns, moments aside."""
    moving = ("next_reset_in", "permits_left")
    told, known = shell.json("stats"), shell.client.stats()
    assert {k: v for k, v in known.items() if k not in moving} == {k: v for k, v in told.items() if k not in moving}


def test_stats_for_people_say_what_is_missing(shell: Shell):
    """Without workers the view says so."""
    assert "none: start `overcrank worker`" in shell("stats").stdout


def test_budget_has_both_windows_and_the_settings(shell: Shell):
    """`budget --json` says what is left, when it resets and what is set."""
    told = shell.json("budget")
    assert ("50.00", "50.00", "0.00") == (
        told["window"]["cap_usd"],
        told["window"]["room_usd"],
        told["last_window"]["spent_usd"],
    )
    assert {"cap_usd": "50.00", "window_seconds": 3600.0, "warn_at_percent": [50, 80, 100]} == told["settings"]
    assert 0 <= told["next_reset_in"] <= 3600


def test_budget_warns_where_nobody_keeps_the_calendar(shell: Shell, runtime: Runtime):
    """A budget that never ticked, or long ago, is warned of; one that just did is not."""
    assert (None, False) == (shell.json("budget")["last_tick_age"], shell.json("budget")["ticking"])
    assert "never: start `overcrank beat`" in shell("budget").stdout
    runtime.ledger.tick()
    assert shell.json("budget")["ticking"]
    runtime.redis.hset(runtime.keys.books, "ticked", runtime.jobs.now() - 120_000_000)
    assert "nobody keeps the calendar" in shell("budget").stdout


def test_budget_without_any_worker_says_so(shell: Shell, runtime: Runtime):
    """Before the first worker has set the budget there is none to show."""
    runtime.redis.delete(runtime.keys.limits)
    assert not shell.json("budget")["configured"]
    assert "no worker has set the budget yet" in shell("budget").stdout


def test_limits_are_those_the_workers_obey(shell: Shell, runtime: Runtime):
    """`limits` shows the lane as it is, and what is set where that differs."""
    runtime.lane.set(20)
    told = shell.json("limits")
    assert (20.0, 15, 15, 10.0) == (told["rate"], told["burst"], told["concurrency"], told["settings"]["rate"])
    assert "20 calls a second, burst 15" in shell("limits").stdout


def test_resume_opens_a_stopped_lane_once(shell: Shell, runtime: Runtime):
    """A stopped lane is shown as such, opened by `resume`, and not opened twice."""
    runtime.lane.stop("key", "the key is wrong")
    assert "STOPPED: key: the key is wrong" in shell("limits").stdout
    assert "STOPPED" in shell("stats").stdout
    assert [{"resumed": True}, {"resumed": False}] == [shell.json("resume"), shell.json("resume")]
    assert (Exit.OK, "the lane was not stopped\n") == (shell("resume").exit_code, shell("resume").stdout)


def test_live_is_said_in_every_view(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """Where real money is spent, no view hides it."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__LIVE", "true")
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "hs-not-a-real-key")
    for command in ("stats", "budget", "limits"):
        assert "LIVE" in shell(command).stdout, command
    assert (True, True) == (shell.json("budget")["live"], shell.json("limits")["live"])
