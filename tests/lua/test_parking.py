"""Parked jobs: they go on in order, as many as there is room for, and nobody takes the room from under their feet."""

import pytest
from desk import HOUR, Desk

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State


def park(desk: Desk, names: str, quote: int = 4, cap: int = 10, spent: int = 10) -> None:
    """Use a project's cap up and park jobs of it, a microsecond after each other."""
    desk.caps(**{"project:film/window": cap})
    desk.enter("first", project="film")
    desk.admit("first", quote=spent)
    for name in names:
        desk.pass_time(1)
        desk.enter(name, project="film", quote=quote)
        assert "parked" == desk.admit(name, quote=quote)[0]


def release(desk: Desk) -> list[str]:
    """Let go what there is room for."""
    heads = desk.redis.zrange(desk.keys.parked("film"), 0, -1)
    return list(desk.scripts.release("film", heads, period=desk.period(), now=desk.now))[1:]


def test_as_many_go_as_there_is_room_for_and_in_order(desk: Desk) -> None:
    """Two of three fit after a refund; each is queued in its old place, and its message is to be sent."""
    park(desk, "abc")
    assert [] == release(desk)
    desk.settle("first", 1)
    assert ["a", "b"] == release(desk)
    assert ["queued", "queued", "parked"] == [desk.job(name)["state"] for name in "abc"]
    assert ["a", "b"] == desk.redis.zrange(desk.keys.unsent, 0, -1)
    assert ["a", "b"] == desk.redis.zrange(desk.keys.state(State.QUEUED, Priority.NORMAL), 0, -1)
    assert ["c"] == desk.redis.zrange(desk.keys.state(State.PARKED, Priority.NORMAL), 0, -1)
    assert {"film"} == desk.redis.smembers(desk.keys.parks)


def test_a_second_call_lets_nobody_go_into_room_that_is_promised(desk: Desk) -> None:
    """What was let go has not reserved yet; its room is not given away twice."""
    park(desk, "abc")
    desk.settle("first", 5)
    assert ["a"] == release(desk)
    assert [] == release(desk)
    assert "admitted" == desk.admit("a", quote=4)[0]
    desk.settle("a", 1)
    assert ["b"] == release(desk)


def test_a_newcomer_does_not_take_promised_room(desk: Desk) -> None:
    """Who came later waits behind, also where it would fit for the moment; who was let go finds its room."""
    park(desk, "a", quote=4)
    desk.settle("first", 5)
    assert ["a"] == release(desk)
    desk.pass_time(1)
    desk.enter("new", project="film")
    assert ["parked", "project-budget"] == desk.admit("new", quote=2)
    assert "admitted" == desk.admit("a", quote=4)[0]


def test_who_was_let_go_is_not_parked_behind_the_rest(desk: Desk) -> None:
    """A job of better place that is still parked does not push it back."""
    park(desk, "ab", quote=4)
    desk.settle("first", 1)
    assert ["a", "b"] == release(desk)
    desk.enter("urgent", Priority.URGENT, project="film")
    assert ["parked", "project-budget"] == desk.admit("urgent", quote=4)
    assert ["admitted", "admitted"] == [desk.admit(name, quote=4)[0] for name in "ab"]


def test_a_newcomer_does_not_pass_the_parked(desk: Desk) -> None:
    """There is room for the cheap one and not for the dear one before it; but an urgent one may go first."""
    park(desk, "a", quote=8)
    desk.settle("first", 5)
    desk.pass_time(1)
    desk.enter("cheap", project="film")
    assert ["parked", "project-line"] == desk.admit("cheap", quote=1)
    desk.enter("urgent", Priority.URGENT, project="film")
    assert "admitted" == desk.admit("urgent", quote=1)[0]
    assert [] == release(desk)


def test_a_new_window_lets_them_go(desk: Desk) -> None:
    """With nobody's help but a call; and one with yesterday's window is told the right one."""
    park(desk, "ab")
    before = desk.period()
    desk.pass_time(HOUR)
    assert ["window", *map(str, desk.period())] == desk.scripts.release("film", ["a"], period=before, now=desk.now)
    assert ["a", "b"] == release(desk)
    assert set() == desk.redis.smembers(desk.keys.parks)


def test_a_cancelled_one_is_skipped(desk: Desk) -> None:
    """It leaves the line where it is cancelled, and would be skipped even if it had not."""
    park(desk, "abc")
    desk.move("a", State.PARKED, State.CANCELLED, ttl_s=60, project="film")
    assert ["b", "c"] == desk.redis.zrange(desk.keys.parked("film"), 0, -1)
    desk.redis.zadd(desk.keys.parked("film"), {"a": 0})
    desk.settle("first", 6)
    assert ["b"] == release(desk)
    assert ["c"] == desk.redis.zrange(desk.keys.parked("film"), 0, -1)


def test_two_who_let_go_at_once_do_no_harm(desk: Desk) -> None:
    """The second call names jobs that are no longer the first in line, and does nothing."""
    park(desk, "ab")
    desk.settle("first", 2)
    heads = desk.redis.zrange(desk.keys.parked("film"), 0, -1)
    stale = heads[::-1]
    assert ["released"] == list(desk.scripts.release("film", stale, period=desk.period(), now=desk.now))
    assert ["a", "b"] == release(desk)
    assert ["released"] == list(desk.scripts.release("film", heads, period=desk.period(), now=desk.now))


def test_a_paused_project_lets_nobody_go(desk: Desk) -> None:
    """Until it is resumed."""
    park(desk, "a")
    desk.settle("first", 1)
    desk.redis.hset(desk.keys.caps, "paused:project:film", "audit")
    assert [] == release(desk)
    desk.redis.hdel(desk.keys.caps, "paused:project:film")
    assert ["a"] == release(desk)


@pytest.mark.parametrize("gone", ["caps", "book"])
def test_nobody_goes_while_books_or_caps_are_lost(desk: Desk, gone: str) -> None:
    """Without a cap there would be room for all of them."""
    nobody_goes(desk, gone)


def nobody_goes(desk: Desk, gone: str) -> None:
    """Park two, and lose what says how much room there is."""
    park(desk, "ab")
    desk.redis.delete(desk.keys.caps if gone == "caps" else desk.keys.books_of("film", desk.period())[2])
    assert [] == release(desk)


def test_what_is_lost_lets_nobody_go(desk: Desk) -> None:
    """The caps, or the project's own book."""
    nobody_goes(desk, "caps")


def test_one_that_no_cap_could_pay_any_more_goes_to_be_refused(desk: Desk) -> None:
    """Else it would block those behind it for ever after the cap was lowered."""
    park(desk, "a", quote=9)
    desk.caps(**{"project:film/window": 5})
    assert ["a"] == release(desk)
    assert ["refused", "5", "project"] == desk.admit("a", quote=9)


def test_who_is_cancelled_after_it_was_let_go_gives_its_room_back(desk: Desk) -> None:
    """The next one of the parked gets it."""
    park(desk, "ab")
    desk.settle("first", 5)
    assert ["a"] == release(desk)
    desk.move("a", State.QUEUED, State.CANCELLED, ttl_s=60, project="film")
    assert "0" == desk.redis.hget(desk.keys.afoot("film"), "sum")
    assert ["b"] == release(desk)


def test_a_promise_lapses(desk: Desk) -> None:
    """A job that was let go and never asked does not keep its room for ever."""
    park(desk, "a")
    desk.settle("first", 1)
    release(desk)
    assert 59 <= desk.redis.ttl(desk.keys.afoot("film")) <= 60


@pytest.mark.parametrize("end", [State.CANCELLED, State.FAILED])
def test_what_waits_is_known_in_money(desk: Desk, end: State) -> None:
    """Queued and parked jobs count with their quotes; admitted and ended ones do not."""
    park(desk, "ab", quote=4)
    cost = int(desk.redis.hget(desk.keys.counters, "waiting_cost"))
    assert 8 == cost
    desk.move("a", State.PARKED, end, ttl_s=60, project="film")
    desk.pass_time(SECOND)
    assert "4" == desk.redis.hget(desk.keys.counters, "waiting_cost")
    desk.requeue("first")
    assert str(4 + 1_000_000) == desk.redis.hget(desk.keys.counters, "waiting_cost")
