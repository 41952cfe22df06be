"""What is allowed: an operator's word outlives restarts and losses; a cap for one window alone is part of its book."""

from typing import Any

import pytest
from desk import HOUR, Desk
from hearing import heard
from redis.client import PubSub

from overcrank.keys import DAY


def allow(desk: Desk, layer: str, entry: str = "cap", **said: Any) -> int:
    """Write what is allowed; a name's two underscores stand for a slash, its one for a colon."""
    named = {name.replace("__", "/").replace("_", ":"): value for name, value in said.items()}
    return desk.scripts.allow(desk.keys.caps, layer, named, entry=entry, now=desk.now)


def grant(desk: Desk, place: int, amount: int | None, project: str = "", *, higher: bool = False) -> list[str]:
    """Have a cap count for the current window or day alone."""
    return list(
        desk.scripts.grant(
            place, project, amount, higher=higher, period=desk.period(), window_ttl_s=7200, now=desk.now
        )
    )  # fmt: skip


def settled(desk: Desk) -> None:
    """Begin with what settings say, and one job that is waiting."""
    desk.redis.delete(desk.keys.caps)
    allow(desk, "configured", lane__window=100, lane__day=50)
    desk.enter("a", project="film")


def told(listener: PubSub) -> list[str]:
    """Return what was said on a channel since."""
    said = heard(listener)
    listener.close()
    return said


def listening(desk: Desk) -> PubSub:
    """Listen to the channel on which those are woken who wait."""
    listener = desk.redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(desk.keys.wake)
    listener.get_message(timeout=1)
    return listener


@pytest.mark.parametrize("layer", ["configured", "override"])
def test_what_is_allowed_anew_wakes_those_who_wait(desk: Desk, layer: str) -> None:
    """Once for each change, and not where nothing counts differently."""
    wakes(desk, layer)


def wakes(desk: Desk, layer: str) -> None:
    """Change what is allowed, and look who is told."""
    listener = listening(desk)
    assert [1, 0] == [allow(desk, layer, lane__day=7) for _ in range(2)]
    assert ["budget"] == told(listener)


def test_a_raise_wakes_those_who_wait(desk: Desk) -> None:
    """A cap that counts differently is told, be it for one window alone."""
    wakes(desk, "override")
    listener = listening(desk)
    assert "set" == grant(desk, 2, 9, higher=True)[0]
    assert ["budget"] == told(listener)


def test_one_lost_cap_closes_the_gate(desk: Desk) -> None:
    """Without the day's cap the rest would let everybody through; the settings put it back."""
    settled(desk)
    desk.redis.hdel(desk.keys.caps, "lane/day")
    assert ["deferred", "books-lost"] == desk.admit("a", quote=60)[:2]
    assert 1 == allow(desk, "configured", lane__window=100, lane__day=50)
    assert ["refused", "50"] == desk.admit("a", quote=60)[:2]


@pytest.mark.parametrize("gone", ["override:lane/day", "lane/day", "paused:lane"])
def test_one_lost_word_of_an_operator_closes_the_gate_until_it_is_put_back(desk: Desk, gone: str) -> None:
    """Neither a restart nor another word of an operator covers the loss up."""
    word_lost(desk, gone)


def word_lost(desk: Desk, gone: str) -> None:
    """Lose one field of what an operator said."""
    settled(desk)
    allow(desk, "override", lane__day=5)
    allow(desk, "", "pause", paused_lane="audit")
    desk.redis.hdel(desk.keys.caps, gone)
    assert [-1, -1] == [allow(desk, layer, lane__window=100, lane__day=50) for layer in ("configured", "override")]
    assert ["deferred", "books-lost"] == desk.admit("a", quote=1)[:2]


def test_a_lost_word_is_noticed_before_another_is_written(desk: Desk) -> None:
    """The first that an operator says does not hide that a cap of the settings is gone."""
    word_lost(desk, "override:lane/day")
    settled(desk)
    desk.redis.delete(desk.keys.lane)
    desk.redis.delete(desk.keys.journal)
    settled(desk)
    desk.redis.hdel(desk.keys.caps, "lane/day")
    assert -1 == allow(desk, "override", lane__window=7)


def test_a_pause_is_not_lost_with_the_caps(desk: Desk) -> None:
    """A worker that starts then writes nothing, so that the gate stays shut."""
    settled(desk)
    allow(desk, "", "pause", paused_lane="audit")
    desk.redis.delete(desk.keys.caps)
    assert -1 == allow(desk, "configured", lane__window=100)
    assert ["deferred", "no-limits"] == desk.admit("a", quote=1)[:2]


def test_a_restart_does_not_open_a_lost_lane(desk: Desk) -> None:
    """Only before the first entry of the journal there are no books that could be lost."""
    settled(desk)
    desk.redis.delete(desk.keys.lane)
    allow(desk, "configured", lane__window=100, lane__day=50)
    assert ["deferred", "books-lost"] == desk.admit("a", quote=1)[:2]


def test_a_journal_that_begins_anew_does_not_hide_that(desk: Desk) -> None:
    """When it first began is remembered where the books are."""
    settled(desk)
    began = desk.redis.hget(desk.keys.lane, "began")
    desk.redis.delete(desk.keys.journal)
    desk.pass_time(HOUR)
    allow(desk, "configured", lane__window=99)
    assert (str(desk.now - HOUR), began) == (began, desk.redis.hget(desk.keys.lane, "began"))


@pytest.mark.parametrize("field", ["lane/window", "lane/day", "project:*/day", "lane/urgent"])
def test_a_cap_that_is_no_amount_closes_the_gate(desk: Desk, field: str) -> None:
    """It is neither nothing nor without bounds: nobody knows what it was."""
    no_amount(desk, field)


def no_amount(desk: Desk, field: str) -> None:
    """Write into a cap what is none."""
    desk.enter("a")
    desk.redis.hset(desk.keys.caps, field, "abc")
    assert ["deferred", "books-lost"] == desk.admit("a", quote=1)[:2]


def test_a_windows_own_cap_that_is_no_amount_closes_the_gate(desk: Desk) -> None:
    """The same in the window's book."""
    no_amount(desk, "lane/day")
    desk.redis.hdel(desk.keys.caps, "lane/day")
    grant(desk, 1, 7)
    desk.redis.hset(desk.window_key(), "cap", "abc")
    assert ["deferred", "books-lost"] == desk.admit("a", quote=1)[:2]


def test_a_cap_for_one_window_counts_where_there_is_no_general_one(desk: Desk) -> None:
    """A project without a cap gets one for this hour; what does not fit waits for the next, and is not refused."""
    assert ["set", "", "10"] == grant(desk, 3, 10, "film")
    for name in "abc":
        desk.enter(name, project="film")
    assert "admitted" == desk.admit("a", quote=8)[0]
    assert ["parked", "project-budget"] == desk.admit("b", quote=3)
    assert ["parked", "project-budget"] == desk.admit("c", quote=30)
    desk.pass_time(HOUR)
    heads = desk.redis.zrange(desk.keys.parked("film"), 0, -1)
    assert ["released", "b", "c"] == desk.scripts.release("film", heads, period=desk.period(), now=desk.now)
    assert "admitted" == desk.admit("c", quote=30)[0]


def test_a_cap_for_one_window_is_taken_back(desk: Desk) -> None:
    """Then the general one counts again, and what was said is in the journal with the books that began with it."""
    desk.caps(**{"project:film/day": 20})
    assert ["set", "20", "5"] == grant(desk, 4, 5, "film")
    assert ["same", "5", "5"] == grant(desk, 4, 5, "film")
    assert ["set", "5", "20"] == grant(desk, 4, None, "film")
    assert ["same", "20", "20"] == grant(desk, 4, None, "film")
    entries = [entry for _, entry in desk.redis.xrange(desk.keys.journal)]
    books = desk.keys.books_of("film", desk.period())
    assert [("cap", "5", ""), ("cap", "", "5")] == [(e["entry"], e["said"], e["from"]) for e in entries]
    assert [f"{books[1]} {books[3]}"] * 2 == [entry["books"] for entry in entries]
    assert 7199 <= desk.redis.ttl(books[3]) <= 7200


def test_a_raise_never_lowers_and_caps_nothing_that_had_no_cap(desk: Desk) -> None:
    """No cap is more than any."""
    desk.limits(cap=50)
    assert ["same", "50", "50"] == grant(desk, 1, 40, higher=True)
    assert ["set", "50", "60"] == grant(desk, 1, 60, higher=True)
    assert ["same", "60", "60"] == grant(desk, 1, 55, higher=True)
    assert ["uncapped"] == grant(desk, 2, 60, higher=True)
    assert ["uncapped"] == grant(desk, 3, 60, "film", higher=True)


def test_a_cap_lands_in_the_window_that_is_open_by_the_servers_clock(desk: Desk) -> None:
    """Somebody who believes in the window before is told the right one, and nothing is written."""
    before = desk.period()
    desk.pass_time(HOUR)
    said = desk.scripts.grant(1, "", 9, higher=False, period=before, window_ttl_s=7200, now=desk.now)
    assert ["window", *map(str, desk.period())] == list(said)
    assert not desk.redis.exists(desk.window_key(before.start))
    desk.redis.hdel(desk.keys.limits, "window")
    assert ["unset"] == grant(desk, 1, 9)


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_book_that_holds_nothing_but_a_cap_is_missed_when_it_is_lost(desk: Desk, place: int) -> None:
    """Nothing was reserved yet, and its cap would be lost in silence."""
    missed(desk, place)


def missed(desk: Desk, place: int) -> None:
    """Lose a book that nobody has reserved in."""
    desk.enter("a", project="film")
    grant(desk, place, 5, "film" if place > 2 else "")
    desk.redis.delete(desk.keys.books_of("film", desk.period())[place - 1])
    assert ["deferred", "books-lost"] == desk.admit("a", quote=5)[:2]
    assert ["lost"] == grant(desk, place, 6, "film" if place > 2 else "")


def test_a_lost_cap_for_one_window_is_noticed(desk: Desk) -> None:
    """In the lane's window and day, and in those of a project."""
    for place in (1, 2, 3, 4):
        missed(desk, place)
        desk.pass_time(DAY)


def test_a_project_that_begins_with_a_cap_goes_on_as_any_other(desk: Desk) -> None:
    """Its other books begin with its first reservation."""
    grant(desk, 3, 50, "film")
    desk.enter("a", project="film")
    assert "admitted" == desk.admit("a", quote=7)[0]
    books = desk.keys.books_of("film", desk.period())
    assert ["7"] * 4 == [desk.redis.hget(key, "reserved") for key in books]
    assert {"window": books[0], "day": books[1]}.items() <= desk.redis.hgetall(desk.keys.lane).items()
