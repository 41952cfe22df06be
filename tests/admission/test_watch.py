"""The tick: every window and day is closed once, whoever was away meanwhile; and what people are told of the books."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hearing import heard
from redis.client import PubSub

from overcrank.admission import watch
from overcrank.admission.calendar import Calendar
from overcrank.clock import SECOND
from overcrank.job import Job
from overcrank.keys import DAY, Period
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]
FREE = {"rate": 0, "concurrency": 0}
USD = 1_000_000


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets so many seconds go by for the calendar, though not for the gate."""
    passed = [0]
    right_now, right = Calendar.now, Calendar.period

    def period(calendar: Calendar) -> Period | None:
        at = right(calendar)
        return at and Period.at(calendar.now(), at.length)

    monkeypatch.setattr(Calendar, "now", lambda calendar: right_now(calendar) + passed[0] * SECOND)
    monkeypatch.setattr(Calendar, "period", period)
    return lambda seconds: passed.__setitem__(0, passed[0] + seconds)


@pytest.fixture
def alerts(make: Make) -> Iterator[PubSub]:
    """What people are told on the channel."""
    runtime = make()
    listener = runtime.redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(runtime.keys.alerts)
    listener.get_message(timeout=1)
    yield listener
    listener.close()


def told(alerts: PubSub) -> list[tuple[str, Any]]:
    """Return what people were told since, by its kind."""
    said = map(json.loads, heard(alerts))
    return [(one["type"], one["data"]) for one in said]


def closed(runtime: Runtime) -> tuple[bool, int]:
    """Tick; return whether a window opened, and what the last closing found."""
    opened = runtime.ledger.tick()["opened"]
    return opened, runtime.ledger.books()["closed_differences"]


def test_a_tick_after_windows_in_which_nothing_happened_ends(make: Make, admit: Admit, later: Any) -> None:
    """No entry is as old as the window that it closes."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.ledger.settle(admit(runtime, USD), USD)
    assert (True, 0) == closed(runtime)
    for _ in range(3):
        later(3600)
        assert (True, 0) == closed(runtime)
    assert (False, 0) == closed(runtime)
    assert runtime.audit.check(runtime.jobs.now()).ok


def test_every_window_between_is_closed_after_a_dead_hour(make: Make, admit: Admit, later: Any) -> None:
    """Somebody wrote into a book, and nobody ticked until four windows later."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.ledger.tick()
    admit(runtime, USD)
    runtime.redis.hincrby(runtime.keys.window(*runtime.ledger.period()[:2]), "spent", 5)
    later(4 * 3600)
    assert (True, 1) == closed(runtime)
    period = runtime.ledger.period()
    assert (period.start, period.start - period.length) == (
        runtime.ledger.books()["closed_through"], runtime.ledger.books()["closed"]
    )  # fmt: skip


def test_a_day_is_closed_when_it_is_over(make: Make, admit: Admit, later: Any) -> None:
    """Its last window is, and so is all of it."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.ledger.tick()
    admit(runtime, USD)
    period = runtime.ledger.period()
    runtime.redis.hincrby(runtime.keys.book("lane", period, day=True), "spent", 5)
    later((period.day + DAY - runtime.jobs.now()) // SECOND + 5)
    assert (True, 1) == closed(runtime)


def test_a_closing_that_fails_is_made_good(make: Make, later: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is repeated by the next tick, however late that comes; the record is kept all the same."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.ledger.tick()
    through = runtime.ledger.books()["closed_through"]
    later(3600)
    with monkeypatch.context() as broken:
        broken.setattr(runtime.audit, "check", lambda since: (_ for _ in ()).throw(ConnectionError(since)))
        with pytest.raises(ConnectionError):
            runtime.ledger.tick()
    told = runtime.ledger.books()
    assert (through, runtime.ledger.window().start) == (told["closed_through"], told["window_start"])
    later(3600)
    runtime.ledger.tick()
    assert runtime.ledger.window().start == runtime.ledger.books()["closed_through"]


def test_a_cap_of_nothing_keeps_the_calendar_all_the_same(make: Make, later: Any) -> None:
    """The record is kept, windows are closed and the journal is trimmed."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.caps.set("lane/window", 0)
    assert (True, 0) == closed(runtime)
    later(3600)
    assert (True, 0) == closed(runtime)
    assert 0 == runtime.ledger.books()["window_cap"]


def test_a_threshold_that_is_passed_after_the_last_tick_is_told_at_the_close(
    make: Make, admit: Admit, later: Any, alerts: PubSub
) -> None:
    """A day late is better than never, and it is told once."""
    runtime = make(limits=FREE, budget={"cap": 1, "warn_at": (50, 90)})
    runtime.ledger.tick()
    runtime.ledger.settle(admit(runtime, 600_000), 600_000)
    for _ in range(2):
        later(2 * 3600)
        runtime.ledger.tick()
    assert [("lane/window", 50)] == [(data["span"], data["percent"]) for _, data in told(alerts)]


def test_a_projects_threshold_is_told_too(make: Make, admit: Admit, alerts: PubSub) -> None:
    """By its own cap, by the one for every project, or by one for this window alone; and of none where it has none."""
    budget = {"cap": 100, "warn_at": (50,), "projects": {"film": 1}, "project_day_cap": 10}
    runtime = make(limits=FREE, budget=budget)
    runtime.caps.set_now("project:book/window", 2 * USD)
    for project, cost in (("film", 600_000), ("book", USD), ("rich", 6 * USD)):
        runtime.ledger.settle(admit(runtime, cost, project=project), cost)
    for _ in range(2):
        runtime.ledger.tick()
    assert ["project:book/window", "project:film/window", "project:rich/day"] == [
        data["span"] for _, data in told(alerts)
    ]


def test_a_book_that_holds_no_amount_is_told_and_stops_nothing(make: Make, admit: Admit, alerts: PubSub) -> None:
    """The tick goes on to its end, and the audit names it."""
    runtime = make(limits=FREE, budget={"cap": 100})
    admit(runtime, USD)
    key = runtime.keys.window(*runtime.ledger.period()[:2])
    runtime.redis.hset(key, "spent", "abc")
    for _ in range(2):
        runtime.ledger.tick()
    assert [("budget.books", key)] == [(kind, data.get("book")) for kind, data in told(alerts) if "book" in data]
    assert 1 == runtime.ledger.books()["wrong"]
    assert [(key, "spent", None, 0)] == [
        (d.where, d.what, d.stored, d.journal) for d in runtime.audit.check().differences
    ]


@pytest.mark.parametrize(("field", "span"), [("spent", "window"), ("reserved", "day")])
def test_a_book_that_says_what_can_not_be_is_told_within_the_window(
    make: Make, admit: Admit, field: str, span: str, alerts: PubSub
) -> None:
    """More is used than was let in and billed, or something else reserved than the open attempts hold."""
    runtime = make(limits=FREE, budget={"cap": 100})
    admit(runtime, 99 * USD)
    runtime.ledger.tick()
    assert [] == [data for kind, data in told(alerts) if kind == "budget.books"]
    key = runtime.keys.book("lane", runtime.ledger.period(), day=span == "day")
    runtime.redis.hincrby(key, field, 2 * USD)
    for _ in range(2):
        runtime.ledger.tick()
    assert [key] == [data["book"] for kind, data in told(alerts) if kind == "budget.books"]
    assert runtime.ledger.books()["wrong"] > 0


def test_books_of_very_many_are_added_up_now_and_then(
    make: Make, admit: Admit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found counts meanwhile, so that nothing that is wrong is taken for right."""
    monkeypatch.setattr(watch, "MANY", 1)
    runtime = make(limits=FREE, budget={"cap": 100})
    admit(runtime, USD)
    key = runtime.keys.book("lane", runtime.ledger.period(), day=True)
    runtime.redis.hincrby(key, "reserved", USD)
    found = []
    for right in (False, True, True):
        runtime.ledger.tick()
        found.append(runtime.ledger.books()["wrong"])
        if right:
            runtime.redis.delete(runtime.keys.tick("sums"))  # as it is a minute later
        else:
            admit(runtime, USD)  # now they are many
            runtime.redis.hincrby(key, "reserved", -USD)
    assert [1, 1, 0] == found


def test_what_may_be_above_a_cap_is_not_told_as_wrong(make: Make, admit: Admit, alerts: PubSub) -> None:
    """An overrun, a charge thought lost, a cap that was lowered, and a book without one."""
    runtime = make(limits=FREE, budget={"cap": 10})
    first, second, third = (admit(runtime, amount * USD) for amount in (4, 4, 2))
    runtime.ledger.settle(first, 7 * USD)
    runtime.jobs.requeue(second)
    admit(runtime, USD)
    runtime.ledger.correct(second.attempt, 4 * USD)
    runtime.ledger.settle(third, 0)
    runtime.caps.set("lane/window", 3 * USD)
    runtime.ledger.tick()
    assert 12 * USD == runtime.ledger.window().spent + runtime.ledger.window().reserved
    assert 0 == runtime.ledger.books()["wrong"]
    assert [] == [kind for kind, _ in told(alerts) if kind == "budget.books"]
