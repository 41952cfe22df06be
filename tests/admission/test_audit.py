"""The journal: its replay is the books, it names what is not, it puts back what was lost, and it is bounded."""

from collections.abc import Callable

import pytest
from hearing import heard

from overcrank.admission.gate import Admitted, Deferred
from overcrank.admission.replay import Replay
from overcrank.errors import BooksLost, StillOpen, UnknownAttempt
from overcrank.job import Job
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]


@pytest.fixture
def busy(make: Make, admit: Admit) -> Runtime:
    """A house with settled, open, corrected and released attempts of two projects."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 100})
    for project in ("film", "book"):
        first, second, third = (admit(runtime, 1_000_000 + n, project=project, priority="urgent") for n in range(3))
        runtime.ledger.settle(first, 900_000)
        runtime.ledger.settle(second, 1_200_000, version=1)
        runtime.ledger.correct(second.attempt, 0)
        runtime.jobs.requeue(third)
        admit(runtime, 2_000_000, project=project)
    return runtime


def test_the_books_are_the_replay(busy: Runtime) -> None:
    """Lane and two projects, window and day: six books, entry for entry."""
    verdict = busy.audit.check()
    assert (True, 6, 0) == (verdict.ok, verdict.books, verdict.older)
    assert verdict.entries >= 12


def test_a_difference_is_named_with_both_sums(busy: Runtime) -> None:
    """Somebody wrote into a book by hand: which, what it says and what it should say."""
    key = busy.keys.window(*busy.ledger.period()[:2])
    busy.redis.hincrby(key, "spent", 5)
    [found] = busy.audit.check().differences
    assert (key, "spent", 1_800_005, 1_800_000) == (found.where, found.what, found.stored, found.journal)


def test_a_lost_attempt_is_named(busy: Runtime, admit: Admit) -> None:
    """Its money would never be given back."""
    job = admit(busy, 7)
    busy.redis.delete(busy.keys.attempt(job.attempt))
    [found] = busy.audit.check().differences
    assert (busy.keys.attempt(job.attempt), "open", None, 7) == (found.where, found.what, found.stored, found.journal)


def test_some_are_compared_at_a_time_while_work_goes_on(
    busy: Runtime, admit: Admit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is settled in between is compared as it is then, and of two that are lost both are named."""
    monkeypatch.setattr("overcrank.admission.audit.CHUNK", 2)
    monkeypatch.setattr("overcrank.admission.journal.CHUNK", 2)
    jobs = [admit(busy, 7) for _ in range(6)]
    for lost in (jobs[0], jobs[4]):
        busy.redis.delete(busy.keys.attempt(lost.attempt))
    pipeline, looks = busy.redis.pipeline, []

    def meanwhile(**how: bool) -> object:
        looks.append(how)
        if len(looks) == 3:  # the books have been looked at, and two of the attempts
            busy.ledger.settle(jobs[5], 6)
        return pipeline(**how)

    monkeypatch.setattr(busy.redis, "pipeline", meanwhile)
    found = busy.audit.check().differences
    lost = [busy.keys.attempt(jobs[number].attempt) for number in (0, 4)]
    assert sorted(lost) == sorted(each.where for each in found)
    assert "0" == busy.redis.hget(busy.keys.attempt(jobs[5].attempt), "open")


def test_an_audit_keeps_no_entries() -> None:
    """It needs a few numbers of each attempt; only a rebuild makes records of what was written first."""
    entry = {"entry": "reserve", "attempt": "a.1", "amount": "7", "books": "w d pw pd", "urgent": "0"}
    for whole in (True, False):
        replay = Replay(whole=whole)
        replay.add([("5-0", dict(entry)), ("6-0", {**entry, "attempt": "b.1"})])
        first, second = replay.attempts.values()
        assert (entry if whole else {}) == first.reserved
        assert first.books is second.books


def everything(runtime: Runtime) -> dict[str, dict[str, str]]:
    """Return all books and attempts, without the epoch."""
    keys = [
        k for k in runtime.redis.scan_iter() if any(kind in k for kind in ("window:", "day:", "project:", "}:attempt:"))
    ]
    found = {key: runtime.redis.hgetall(key) for key in sorted(keys)}
    for book in found.values():
        for seen in ("epoch", "under", "over"):  # not what was booked, but how
            book.pop(seen, None)
        if book.get("urgent") == "0":
            del book["urgent"]
    return found


@pytest.mark.parametrize("lost", ["lane", "window", "day", "project", "everything but the journal and the jobs"])
def test_what_was_lost_closes_the_gate_until_it_is_rebuilt(busy: Runtime, enter: Admit, lost: str) -> None:
    """Books and open attempts come back as they were, under a new epoch, and then the gate opens again."""
    before, period = everything(busy), busy.ledger.period()
    busy.caps.set("project:film/window", 50_000_000)
    books = busy.keys.books_of("film", period)
    open_ = [busy.keys.attempt(name) for name in busy.redis.zrange(busy.keys.open, 0, -1)]
    gone = {
        "lane": [busy.keys.lane], "window": [books[0]], "day": [books[1]], "project": [books[2], books[3]],
        "everything but the journal and the jobs": [busy.keys.lane, busy.keys.open, busy.keys.slots, *books, *open_],
    }[lost]  # fmt: skip
    busy.redis.delete(*gone)
    job = enter(busy, 10, project="film")
    answer = busy.gate.admit(job)
    assert isinstance(answer, Deferred)
    assert "books-lost" == answer.limit
    epoch, _ = busy.rebuild.run()
    assert epoch > 1
    assert busy.audit.check().ok
    after = everything(busy)
    for key in before:
        assert before[key] == after[key], key
    assert isinstance(busy.gate.admit(job), Admitted)
    assert 50_000_000 == busy.caps.of("project:film/window")


def test_a_rebuild_twice_changes_nothing_but_the_epoch(busy: Runtime) -> None:
    """Safe to run twice."""
    first, _ = busy.rebuild.run()
    before = everything(busy)
    second, _ = busy.rebuild.run()
    assert (first + 1, before) == (second, everything(busy))


def test_an_operators_cap_comes_back(busy: Runtime) -> None:
    """It may have been lower than the settings'; what was taken back stays taken back."""
    busy.caps.set("lane/window", 7_000_000)
    busy.caps.set("lane/day", 9_000_000)
    busy.caps.set("lane/day", None)
    busy.caps.pause("project:film", "audit")
    busy.redis.delete(busy.keys.caps)
    busy.configure()
    assert busy.caps.of("lane/window") is None
    busy.rebuild.run()
    busy.configure()
    assert (7_000_000, None, {"project:film": "audit"}) == (
        busy.caps.of("lane/window"), busy.caps.of("lane/day"), busy.caps.paused()
    )  # fmt: skip


def test_the_journal_is_bounded_and_keeps_what_is_needed(make: Make, admit: Admit) -> None:
    """Entries above the configured number go, but none of today and none from where an attempt is still open."""
    runtime = make(retention={"journal": 1000}, limits={"rate": 0, "concurrency": 0})
    runtime.redis.delete(runtime.keys.journal)
    now = runtime.jobs.now()
    for number in range(1500):
        entry = {"entry": "limit", "key": "k", "name": "n", "said": number}
        runtime.redis.xadd(runtime.keys.journal, entry, id=f"{number + 1}-0")
    assert 0 == runtime.journal.trim(0)
    gone = runtime.journal.trim(200_000)
    assert 199 == gone
    runtime.journal.trim(now)
    assert 1000 <= runtime.redis.xlen(runtime.keys.journal) <= 1010
    admit(runtime, 10)
    verdict = runtime.audit.check()
    assert (True, 4, 0) == (verdict.ok, verdict.books, verdict.older)


def test_the_export_has_every_entry(busy: Runtime) -> None:
    """In dollars, with who and what; nothing is left out."""
    rows = list(busy.journal.exported())
    assert busy.redis.xlen(busy.keys.journal) == len(rows)
    reserve = next(row for row in rows if row["entry"] == "reserve")
    assert ("1.00", "film", True) == (reserve["usd"], reserve["project"], reserve["attempt"].endswith(".1"))
    kinds = {row["entry"] for row in rows}
    assert {"reserve", "settle", "assumed", "correction", "release", "overrun", "cap", "limit"} <= kinds


def test_late_truth_corrects_once(make: Make, admit: Admit) -> None:
    """A refund after a settlement, a charge after a presumed loss; and never twice."""
    runtime = make(budget={"cap": 100})
    refunded, charged = admit(runtime, 3_000_000), admit(runtime, 4_000_000)
    runtime.ledger.settle(refunded, 3_000_000)
    runtime.jobs.requeue(charged)
    assert [True, False] == [runtime.ledger.correct(refunded.attempt, 0) for _ in range(2)]
    assert [True, False] == [runtime.ledger.correct(charged.attempt, 4_000_000) for _ in range(2)]
    assert (0, 4_000_000) == (runtime.ledger.window().reserved, runtime.ledger.window().spent)
    assert runtime.audit.check().ok
    with pytest.raises(UnknownAttempt):
        runtime.ledger.correct("nobody.1", 1)


def test_what_is_still_open_is_not_corrected(make: Make, admit: Admit) -> None:
    """Its own bill is to come: a correction now would make that stale, and free a slot that is in use."""
    runtime = make(budget={"cap": 100})
    job = admit(runtime, 3_000_000)
    with pytest.raises(StillOpen, match="still to come"):
        runtime.ledger.correct(job.attempt, 0)
    runtime.ledger.settle(job, 3_000_000, free=False)
    assert runtime.ledger.correct(job.attempt, 1_000_000)
    assert [job.attempt] == runtime.redis.zrange(runtime.keys.slots, 0, -1)


def test_late_truth_about_an_attempt_whose_record_is_lost(make: Make, admit: Admit) -> None:
    """The journal knows it: a refund is booked, once. One that is open comes back with a rebuild only."""
    runtime = make(budget={"cap": 100})
    over, opened = admit(runtime, 3_000_000), admit(runtime, 4_000_000)
    runtime.ledger.settle(over, 3_000_000)
    runtime.redis.delete(*(runtime.keys.attempt(job.attempt) for job in (over, opened)))
    with pytest.raises(BooksLost):
        runtime.ledger.correct(opened.attempt, 0)
    runtime.rebuild.run()
    assert [True, False] == [runtime.ledger.correct(over.attempt, 1_000_000) for _ in range(2)]
    assert (4_000_000, 1_000_000) == (runtime.ledger.window().reserved, runtime.ledger.window().spent)
    assert runtime.audit.check().ok
    assert 0 < runtime.redis.ttl(runtime.keys.attempt(over.attempt))


def test_a_tick_closes_the_books_of_the_last_window(busy: Runtime) -> None:
    """It says in its record what the audit of it came to, and a difference is an alarm."""
    said = busy.redis.pubsub(ignore_subscribe_messages=True)
    said.subscribe(busy.keys.alerts)
    said.get_message(timeout=1)
    busy.ledger.tick()
    assert 0 == busy.ledger.books()["closed_differences"]
    busy.redis.hincrby(busy.keys.window(*busy.ledger.period()[:2]), "spent", 1)
    over = {"closed_through": busy.ledger.window().start - busy.ledger.period().length}
    busy.redis.hset(busy.keys.books, mapping=over)
    busy.ledger.tick()
    told = heard(said)
    said.close()
    assert 1 == sum("budget.books" in text for text in told)
