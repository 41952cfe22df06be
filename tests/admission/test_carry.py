"""An attempt in doubt that is sent again in a later window, as books, journal, audit and rebuild see it."""

import time
from collections.abc import Callable

import pytest

from overcrank.admission.gate import Deferred, Elsewhere, Go
from overcrank.clock import SECOND
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]


def until_next(runtime: Runtime) -> None:
    """Wait for the next window."""
    time.sleep(max(0.0, (runtime.ledger.window().end - runtime.jobs.now()) / SECOND) + 0.01)


@pytest.fixture
def carried(make: Make, admit: Admit) -> tuple[Runtime, Job]:
    """An attempt whose answer was lost in one window and that is sent again in the next."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 5, "window": 3})
    until_next(runtime)
    job = admit(runtime, 3_000_000)
    assert isinstance(runtime.gate.claim(job), Go)
    runtime.jobs.move(runtime.jobs.get(job.id), State.IN_DOUBT, due_in=100)
    until_next(runtime)
    before = runtime.jobs.get(job.id)
    assert isinstance(runtime.gate.resend(before), Go)
    assert Elsewhere("in_doubt") == runtime.gate.resend(before)
    return runtime, runtime.jobs.get(job.id)


def test_the_closing_audit_finds_no_difference(carried: tuple[Runtime, Job]) -> None:
    """Also where it reads no further back than the window it came along into."""
    runtime, job = carried
    assert (0, 3_000_000) == (runtime.ledger.last_window().reserved, runtime.ledger.window().reserved)
    assert runtime.audit.check().ok
    assert runtime.audit.check(since=runtime.ledger.window().start).ok
    assert runtime.ledger.settle(job, 2_500_000)
    assert runtime.audit.check(since=runtime.ledger.window().start).ok


def test_a_rebuild_knows_it_without_its_first_entry(carried: tuple[Runtime, Job]) -> None:
    """What was in doubt for long may have begun before the journal does."""
    runtime, job = carried
    (carry,) = (key for key, entry in runtime.redis.xrange(runtime.keys.journal) if entry["entry"] == "carry")
    runtime.redis.xtrim(runtime.keys.journal, minid=carry)
    kept = runtime.redis.hgetall(runtime.keys.attempt(job.attempt))
    runtime.redis.delete(*(job.books or ()), runtime.keys.attempt(job.attempt), runtime.keys.slots, runtime.keys.open)
    runtime.rebuild.run()
    assert (3_000_000, 0) == (runtime.ledger.window().reserved, runtime.ledger.window().spent)
    again = runtime.redis.hgetall(runtime.keys.attempt(job.attempt))
    same = ("job", "project", "worker", "price", "quote", "books", "open", "cost", "version", "admitted", "urgent")
    assert {name: kept[name] for name in same} == {name: again[name] for name in same}
    assert [job.attempt] == runtime.redis.zrange(runtime.keys.open, 0, -1)
    assert runtime.audit.check().ok


def test_without_room_it_waits_with_its_money_where_it_is(carried: tuple[Runtime, Job], admit: Admit) -> None:
    """What others have reserved in the new window comes first; it is asked for again."""
    runtime, job = carried
    until_next(runtime)
    admit(runtime, 3_000_000)
    answer = runtime.gate.resend(job)
    assert isinstance(answer, Deferred)
    assert ("budget", 2.0) == (answer.limit, answer.wait)
    assert 3_000_000 == runtime.ledger.last_window().reserved
