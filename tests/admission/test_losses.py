"""What may be lost, and what may be let go: no cap, no pause and no spending is forgotten with it."""

from collections.abc import Callable

import pytest

from overcrank.admission.gate import Admitted, Deferred
from overcrank.admission.journal import moment
from overcrank.admission.replay import Replay
from overcrank.clock import SECOND
from overcrank.errors import BooksLost
from overcrank.job import Job
from overcrank.keys import DAY
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]
FREE = {"rate": 0, "concurrency": 0}
USD = 1_000_000


def limit(runtime: Runtime, job: Job) -> str:
    """Return what the gate says: which limit, or that the job is admitted."""
    answer = runtime.gate.admit(job)
    return "admitted" if isinstance(answer, Admitted) else answer.limit


def fill(runtime: Runtime, count: int, at: int | None = None) -> None:
    """Write entries that say nothing, at a moment (µs) or now."""
    pipe = runtime.redis.pipeline(transaction=False)
    for number in range(count):
        entry = {"entry": "limit", "key": "k", "name": "n", "said": number}
        pipe.xadd(runtime.keys.journal, entry, id="*" if at is None else f"{at // 1000 + number}-0")
    pipe.execute()


def long_journal(make: Make) -> Runtime:
    """Return a house whose journal began yesterday, and is longer than it should be."""
    runtime = make(limits=FREE, budget={"cap": 100, "day_cap": 100}, retention={"journal": 1000})
    runtime.redis.delete(runtime.keys.journal)
    fill(runtime, 1200, runtime.ledger.period().day - 5 * SECOND)
    fill(runtime, 1000)
    return runtime


def test_what_is_left_of_a_trimmed_journal_proves_the_whole_day(make: Make, admit: Admit) -> None:
    """All of today is there, so today's books are compared although the first entry left is younger than they are."""
    runtime = long_journal(make)
    runtime.ledger.settle(admit(runtime, 90 * USD), 90 * USD)
    runtime.ledger.tick()
    assert runtime.redis.xlen(runtime.keys.journal) <= 1010
    verdict = runtime.audit.check()
    assert (True, 4) == (verdict.ok, verdict.books)
    day = runtime.keys.book("lane", runtime.ledger.period(), day=True)
    runtime.redis.hincrby(day, "spent", -50 * USD)
    assert [(day, 40 * USD, 90 * USD)] == [(d.where, d.stored, d.journal) for d in runtime.audit.check().differences]


def test_a_rebuild_from_a_trimmed_journal_forgets_no_spending(make: Make, admit: Admit, enter: Admit) -> None:
    """Nor does one after everything but the journal was lost."""
    runtime = long_journal(make)
    runtime.ledger.settle(admit(runtime, 90 * USD), 90 * USD)
    runtime.ledger.tick()
    books = runtime.keys.books_of("default", runtime.ledger.period())
    runtime.redis.delete(runtime.keys.lane, runtime.keys.caps, runtime.keys.books, *books)
    dear = enter(runtime, 11 * USD)
    assert "no-limits" == limit(runtime, dear)
    runtime.rebuild.run()
    assert 90 * USD == runtime.ledger.book("lane/day").spent == runtime.ledger.window().spent
    assert ["day-budget", "budget"].count(limit(runtime, dear))


def test_a_journal_that_was_let_go_of_proves_no_book_before(make: Make) -> None:
    """A book that began while its first entries are gone is older than the journal."""
    runtime = long_journal(make)
    yesterday = runtime.keys.book("lane", runtime.calendar.before(runtime.ledger.period()), day=True)
    entry = {"entry": "settle", "attempt": "a.1", "state": "charged", "amount": 5, "open": 0, "version": 2, "urgent": 0}
    entry["books"] = " ".join([yesterday] * 4)
    runtime.redis.xadd(runtime.keys.journal, entry)
    runtime.ledger.tick()
    verdict = runtime.audit.check()
    assert (True, 1) == (verdict.ok, verdict.older)


def test_nothing_is_let_go_of_while_a_book_is_wrong(make: Make, admit: Admit) -> None:
    """Nobody knows then which attempts are open, and since when."""
    runtime = long_journal(make)
    admit(runtime, USD)
    kept = runtime.redis.zrange(runtime.keys.open, 0, -1, withscores=True)
    runtime.redis.delete(runtime.keys.open)
    runtime.ledger.tick()
    assert runtime.redis.xlen(runtime.keys.journal) > 2200
    assert 1 == runtime.ledger.books()["closed_differences"]
    runtime.redis.zadd(runtime.keys.open, dict(kept))
    runtime.ledger.tick()
    assert runtime.redis.xlen(runtime.keys.journal) <= 1010


def test_an_operators_word_is_not_let_go_of(make: Make) -> None:
    """A cap and a pause of long ago come back with a rebuild; what was taken back does not."""
    runtime = make(limits=FREE, budget={"cap": 100}, retention={"journal": 1000})
    runtime.caps.set("lane/window", 5 * USD)
    runtime.caps.set("lane/day", 6 * USD)
    runtime.caps.set("lane/day", None)
    runtime.caps.pause("project:film", "audit")
    runtime.lane.set(rate=3)
    fill(runtime, 1100)
    last = moment(runtime.redis.xrevrange(runtime.keys.journal, count=1)[0][0])
    assert runtime.journal.trim(last) > 100
    runtime.redis.delete(runtime.keys.caps, runtime.keys.limits)
    runtime.configure()
    assert runtime.caps.of("lane/window") is None
    runtime.rebuild.run()
    runtime.configure()
    assert (5 * USD, None, {"project:film": "audit"}, 3.0) == (
        runtime.caps.of("lane/window"), runtime.caps.of("lane/day"), runtime.caps.paused(),
        round(runtime.lane.state().rate, 3),
    )  # fmt: skip


def test_a_pause_that_is_lost_lets_nobody_through(make: Make, enter: Admit) -> None:
    """Nor does the next worker that starts; a rebuild puts it back, and lost again it is noticed again."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.caps.pause("lane", "audit")
    job = enter(runtime, USD)
    for _ in range(2):
        runtime.redis.delete(runtime.keys.caps)
        runtime.configure()
        assert "no-limits" == limit(runtime, job)
        runtime.rebuild.run()
        runtime.configure()
        assert "paused" == limit(runtime, job)


def test_a_cap_that_is_lost_twice_is_noticed_twice(make: Make, enter: Admit) -> None:
    """And an operator who says something meanwhile is told, instead of covering it up."""
    runtime = make(limits=FREE, budget={"cap": 100})
    runtime.caps.set("lane/window", 5 * USD)
    job = enter(runtime, 6 * USD)
    for _ in range(2):
        runtime.redis.delete(runtime.keys.caps)
        runtime.configure()
        assert "no-limits" == limit(runtime, job)
        with pytest.raises(BooksLost, match="rebuild"):
            runtime.caps.set("lane/day", 7 * USD)
        runtime.rebuild.run()
        runtime.configure()
        assert 5 * USD == runtime.caps.of("lane/window")


def test_a_rebuild_opens_the_gate_with_every_cap_in_place(make: Make, enter: Admit) -> None:
    """Not one admission lies between the books and what settings say of them."""
    runtime = make(limits=FREE, budget={"cap": 100, "day_cap": 3, "projects": {"film": 2}})
    runtime.redis.delete(runtime.keys.caps)
    runtime.rebuild.run()
    assert (100 * USD, 3 * USD, 2 * USD) == tuple(
        runtime.caps.of(span) for span in ("lane/window", "lane/day", "project:film/window")
    )
    with pytest.raises(Exception, match=r"holds \$3\.00"):
        runtime.gate.admit(enter(runtime, 4 * USD))


@pytest.mark.parametrize("span", ["lane/window", "lane/day", "project:film/window", "project:film/day"])
def test_a_cap_for_one_window_comes_back(make: Make, enter: Admit, span: str) -> None:
    """Lost with a book that nobody has used yet, it closes the gate, and a rebuild puts it back."""
    runtime = make(limits=FREE, budget={"cap": 100})
    assert runtime.caps.set_now(span, 5 * USD).changed
    place = ("lane/window", "lane/day", "project:film/window", "project:film/day").index(span)
    runtime.redis.delete(runtime.keys.books_of("film", runtime.ledger.period())[place])
    job = enter(runtime, 50 * USD, project="film")
    assert "books-lost" == limit(runtime, job)
    with pytest.raises(BooksLost):
        runtime.caps.set_now(span, 6 * USD)
    assert not runtime.audit.check().ok
    runtime.rebuild.run()
    assert runtime.audit.check().ok
    assert (5 * USD, True) == (runtime.ledger.book(span).cap, limit(runtime, job) != "admitted")
    runtime.redis.delete(runtime.keys.lane, *runtime.keys.books_of("film", runtime.ledger.period()))
    runtime.rebuild.run()
    assert 5 * USD == runtime.ledger.book(span).cap
    assert limit(runtime, enter(runtime, 50 * USD, project="film")) not in {"admitted", "books-lost"}


def test_a_rebuild_from_an_empty_journal_is_refused(make: Make, admit: Admit, enter: Admit) -> None:
    """It would forget what was spent; the books that are there still hold, and the audit says what is the matter."""
    runtime = make(limits=FREE, budget={"cap": 100})
    admit(runtime, 60 * USD)
    runtime.redis.delete(runtime.keys.journal)
    assert not runtime.audit.check().ok
    with pytest.raises(BooksLost, match="journal, or its beginning, is lost"):
        runtime.rebuild.run()
    assert "budget" == limit(runtime, enter(runtime, 41 * USD))


def test_a_rebuild_from_a_journal_that_began_anew_is_refused(make: Make, admit: Admit, enter: Admit) -> None:
    """What was written since does not know what was spent before; once its books are new ones, it does."""
    runtime = make(limits=FREE, budget={"cap": 100})
    admit(runtime, 60 * USD)
    runtime.redis.delete(runtime.keys.journal)
    runtime.redis.hincrby(runtime.keys.lane, "began", -3 * SECOND)
    admit(runtime, USD)
    runtime.configure()
    assert not runtime.audit.check().ok
    with pytest.raises(BooksLost, match="beginning"):
        runtime.rebuild.run()
    assert "budget" == limit(runtime, enter(runtime, 40 * USD))
    runtime.redis.delete(*runtime.keys.books_of("default", runtime.ledger.period()))
    assert 2 == runtime.rebuild.run()[0]


def test_an_empty_house_may_be_rebuilt(make: Make, enter: Admit) -> None:
    """Where there are neither entries nor books nothing can be forgotten."""
    runtime = make(limits=FREE)
    runtime.redis.flushall()
    assert runtime.audit.check().ok
    assert (2, 0) == runtime.rebuild.run()
    runtime.configure()
    assert "admitted" == limit(runtime, enter(runtime, 1))


def test_a_day_of_ten_thousand_projects_is_put_back(make: Make, enter: Admit) -> None:
    """Twenty thousand books, and the lane's that know them all, in one step."""
    runtime = make(limits=FREE, budget={"cap": 1_000_000})
    period, now = runtime.ledger.period(), runtime.jobs.now()
    pipe = runtime.redis.pipeline(transaction=False)
    for number in range(10_000):
        books = " ".join(runtime.keys.books_of(f"p{number}", period))
        attempt = {"attempt": f"a{number}.1", "books": books, "urgent": 0}
        reserve = {"entry": "reserve", "epoch": 1, "job": f"a{number}", "worker": "w", "project": f"p{number}"}
        pipe.xadd(runtime.keys.journal, {**reserve, **attempt, "price": 1, "quote": 1, "admitted": now})
        if number % 10:
            settled = {"entry": "settle", "state": "charged", "amount": 1, "open": 0, "version": 2}
            pipe.xadd(runtime.keys.journal, {**settled, **attempt})
    pipe.execute()
    assert (2, 20_002 + 1_000) == runtime.rebuild.run()
    assert (1_000, 9_000) == (runtime.ledger.window().reserved, runtime.ledger.window().spent)
    assert runtime.audit.check().ok
    assert "admitted" == limit(runtime, enter(runtime, 1, project="p1"))
    runtime.redis.flushall()


def test_an_attempt_that_was_carried_is_known_from_there_on() -> None:
    """A replay that begins after it was reserved has its money from the entry that carried it."""
    replay = Replay()
    carry = {"entry": "carry", "attempt": "a.1", "amount": "7", "books": "w d pw pd", "urgent": "1"}
    replay.add([("5-0", carry)])
    assert {"reserved": 7, "spent": 0, "urgent": 7} == replay.books()["w"]
    settle = {"entry": "settle", "attempt": "a.1", "state": "charged", "amount": "6", "open": "0", "version": "2"}
    replay.add([("6-0", {**settle, "books": "w d pw pd", "urgent": "1"})])
    assert {"reserved": 0, "spent": 6, "urgent": 6} == replay.books()["w"]


def test_an_audit_names_what_the_journal_does_not_know(make: Make, admit: Admit) -> None:
    """Books of the lane and of its projects, attempts that are open, and records that say something else."""
    runtime = make(limits=FREE, budget={"cap": 100})
    settled, opened = admit(runtime, 5, project="film"), admit(runtime, 7, project="film")
    runtime.ledger.settle(settled, 5)
    ghost = runtime.keys.books_of("ghost", runtime.ledger.period())
    runtime.redis.hset(ghost[0], "project:ghost", 1)
    runtime.redis.hset(ghost[2], mapping={"reserved": 5, "spent": 7, "epoch": 1})
    runtime.redis.expire(ghost[2], 60)
    runtime.redis.zadd(runtime.keys.open, {"ghost.1": 1})
    runtime.redis.hset(runtime.keys.attempt(settled.attempt), "cost", 4)
    runtime.redis.hset(runtime.keys.attempt(opened.attempt), "version", 3)
    found = {(d.where, d.what, d.stored, d.journal) for d in runtime.audit.check().differences}
    assert {
        (ghost[2], "reserved", 5, 0), (ghost[2], "spent", 7, 0), (runtime.keys.open, "ghost.1", 1, 0),
        (runtime.keys.attempt(settled.attempt), "cost", 4, 5),
        (runtime.keys.attempt(opened.attempt), "version", 3, 0),
    } == found  # fmt: skip
    runtime.rebuild.run()
    runtime.redis.hset(runtime.keys.attempt(settled.attempt), "cost", 5)
    assert runtime.audit.check().ok


@pytest.mark.parametrize("what", ["epoch", "fields", "book"])
def test_an_audit_says_why_the_gate_is_shut(make: Make, admit: Admit, enter: Admit, what: str) -> None:
    """A lane without an epoch, a cap that is lost, and a book of another epoch are differences too."""
    runtime = make(limits=FREE, budget={"cap": 100, "day_cap": 50})
    admit(runtime, 5)
    match what:
        case "epoch":
            runtime.redis.hdel(runtime.keys.lane, "epoch")
        case "fields":
            runtime.redis.hdel(runtime.keys.caps, "lane/day")
        case "book":
            runtime.redis.hset(runtime.keys.window(*runtime.ledger.period()[:2]), "epoch", 9)
    job = enter(runtime, 1)
    assert isinstance(runtime.gate.admit(job), Deferred)
    assert 1 == len(runtime.audit.check().differences)
    runtime.rebuild.run()
    assert (True, "admitted") == (runtime.audit.check().ok, limit(runtime, job))


def test_books_that_have_expired_are_no_difference(make: Make) -> None:
    """The journal may reach back further than books are kept."""
    runtime = make(retention={"windows": 86400})
    period = runtime.ledger.period()
    old = runtime.keys.window(period.start - 3 * DAY, period.length)
    entry = {"entry": "settle", "attempt": "a.1", "state": "charged", "amount": 5, "open": 0, "version": 2, "urgent": 0}
    runtime.redis.xadd(runtime.keys.journal, {**entry, "books": f"{old} {old} {old} {old}"})
    verdict = runtime.audit.check()
    assert (True, 1) == (verdict.ok, verdict.older)
    runtime.rebuild.run()
    assert not runtime.redis.exists(old)
