"""Tests of the tests: each mistake in the list is made, and some behaviour that is promised has to fail."""

import inspect
from collections.abc import Callable
from importlib.resources import files
from types import ModuleType

import pytest
import test_admit
import test_allowed
import test_breaker
import test_budgets
import test_claim_move
import test_enter
import test_held
import test_lane_scripts
import test_parking
import test_permits
import test_rebuild
import test_resend
import test_settle
import test_take
from desk import Desk
from model import Play
from mutants import MUTANTS, Mutant
from redis import Redis
from redis.exceptions import ResponseError

from overcrank.clip import Priority

FIRST: dict[str, list[ModuleType]] = {
    "admit": [test_admit], "leave": [test_admit], "book": [test_settle, test_claim_move], "settle": [test_settle],
    "claim": [test_claim_move, test_permits], "move": [test_claim_move, test_permits],
    "enter": [test_enter], "lead": [test_enter], "share": [test_enter], "take": [test_take],
    "budgets": [test_budgets, test_admit],
    "line": [test_permits, test_admit, test_budgets], "park": [test_parking, test_budgets], "release": [test_parking],
    "pace": [test_permits, test_admit, test_breaker],
    "heard": [test_breaker, test_permits], "cool": [test_lane_scripts, test_breaker],
    "resend": [test_resend, test_lane_scripts], "allow": [test_allowed, test_budgets],
    "grant": [test_allowed], "trim": [test_rebuild], "rebuild": [test_rebuild],
    "held": [test_held],
}  # fmt: skip
ALL = [
    test_admit, test_settle, test_claim_move, test_enter, test_lane_scripts, test_budgets, test_parking, test_breaker,
    test_permits, test_resend, test_allowed, test_rebuild, test_take, test_held,
]  # fmt: skip


def behaviours(script: str) -> list[Callable[[Desk], None]]:
    """Return the tests that need nothing but a desk; those of the script first."""
    first = FIRST.get(script, [test_lane_scripts])
    return [
        function
        for module in [*first, *(other for other in ALL if other not in first)]
        for name, function in vars(module).items()
        if name.startswith("test_") and list(inspect.signature(function).parameters) == ["desk"]
    ]


def text(script: str) -> str:
    """Return a script as it is."""
    return files("overcrank").joinpath("lua", f"{script}.lua").read_text("utf-8")


def changing(mutant: Mutant) -> Callable[[str, str], str]:
    """Return what puts the mistake into the scripts that contain it."""
    right = text(mutant.script)
    wrong = right.replace(mutant.text, mutant.mistake)
    return lambda verb, whole: whole.replace(right, wrong)


def lives(desk: Desk) -> None:
    """A short life next to the model, for mistakes that show only when things come together."""
    play = Play(desk, interval=0, burst=1, concurrency=3, cap=30)
    names = [play.enter(priority, 9) for priority in (Priority.BULK, Priority.URGENT, Priority.NORMAL, Priority.BULK)]
    for turn, name in enumerate([*names, *reversed(names), *names]):
        play.admit(name, "anna")
        play.claim(name, "anna")
        if turn % 2:
            play.settle(f"{name}.1", turn, 1 + turn % 3, keep=turn % 3 == 0, free=turn % 3 != 0)
        play.pass_time(500_000)
        play.holds()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.script}: {mutant.harm}")
def test_a_mistake_is_noticed(server: Redis, mutant: Mutant) -> None:
    """Of all that is promised something fails once the mistake is made."""
    change = changing(mutant)
    for behaviour in [*behaviours(mutant.script), lives]:
        server.flushall()
        try:
            behaviour(Desk(server, change))
        except (AssertionError, ResponseError, IndexError, KeyError, TypeError, ValueError):
            return
        finally:
            server.flushall()
    pytest.fail(f"nobody noticed: {mutant.harm}")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.script}: {mutant.harm}")
def test_the_text_of_a_mistake_still_stands_in_its_script(mutant: Mutant) -> None:
    """A mutant whose place has gone tests nothing; it has to be moved or removed."""
    assert 1 == text(mutant.script).count(mutant.text)


def test_without_a_mistake_nothing_fails(server: Redis) -> None:
    """The behaviours that notice the mistakes hold for the scripts as they are."""
    for behaviour in [*behaviours("admit"), lives]:
        server.flushall()
        behaviour(Desk(server))
    server.flushall()
