"""What nobody else will ever give back: found, booked, told of, and no longer in the journal's way."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from overcrank.clock import SECOND
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]
FREE = {"rate": 0, "concurrency": 0}


@pytest.fixture
def told(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What people are told while the test runs."""
    said: list[dict[str, Any]] = []

    def tell(_: object, kind: str, text: str, **data: Any) -> None:
        said.append({"kind": kind, "text": text, **json.loads(json.dumps(data))})

    monkeypatch.setattr("overcrank.admission.alarm.Alarms.tell", tell)
    return said


def sent(runtime: Runtime, job: Job) -> Job:
    """Let a job's attempt be sent."""
    runtime.gate.claim(job)
    return runtime.jobs.get(job.id)


def money(runtime: Runtime) -> tuple[int, int, int, int]:
    """Return what is reserved and spent, and how many attempts are open and have a slot."""
    window = runtime.ledger.window()
    counted = (runtime.redis.zcard(key) for key in (runtime.keys.open, runtime.keys.slots))
    return window.reserved, window.spent, *counted


def test_what_is_in_flight_is_left_alone(make: Make, admit: Admit, told: list[dict[str, Any]]) -> None:
    """Admitted, sent or in doubt: somebody comes back to it."""
    runtime = make(limits=FREE)
    admit(runtime, 5)
    sent(runtime, admit(runtime, 5))
    runtime.jobs.move(sent(runtime, admit(runtime, 5)), State.IN_DOUBT, due_in=1)
    assert [] == runtime.reaper.reap(runtime.jobs.now())
    assert ((15, 0, 3, 3), []) == (money(runtime), told)


@pytest.mark.parametrize("gone", ["the job", "its end", "another attempt"])
def test_an_attempt_that_was_sent_is_booked_as_charged(
    make: Make, admit: Admit, told: list[dict[str, Any]], gone: str
) -> None:
    """Its job has ended or is gone, so nobody will find out; later truth still corrects it, once."""
    runtime = make(limits=FREE)
    job = sent(runtime, admit(runtime, 7))
    key = runtime.keys.job(job.id)
    if gone == "the job":
        runtime.redis.delete(key)
    else:
        runtime.redis.hset(key, mapping={"its end": {"state": "failed"}, "another attempt": {"attempt_no": 2}}[gone])
        runtime.redis.expire(key, 60)
    assert [job.attempt] == runtime.reaper.reap(runtime.jobs.now())
    assert [] == runtime.reaper.reap(runtime.jobs.now())
    assert (0, 7, 0, 0) == money(runtime)
    assert [("budget.orphan", job.attempt)] == [(each["kind"], each["attempt"]) for each in told]
    assert runtime.audit.check().ok
    assert runtime.ledger.correct(job.attempt, 0)
    assert (0, 0, 0, 0) == money(runtime)


def test_an_attempt_that_was_never_sent_is_released(make: Make, admit: Admit, told: list[dict[str, Any]]) -> None:
    """Nothing left before the claim, so nothing can have been charged."""
    runtime = make(limits=FREE)
    job = admit(runtime, 7)
    runtime.redis.delete(runtime.keys.job(job.id))
    assert [job.attempt] == runtime.reaper.reap(runtime.jobs.now())
    assert (0, 0, 0, 0) == money(runtime)
    assert "nothing was sent" in told[0]["text"]


def test_where_all_is_lost_the_journal_says_what_was_reserved(
    make: Make, admit: Admit, told: list[dict[str, Any]]
) -> None:
    """Job and attempt are gone: the journal is told, and a rebuild puts the books right."""
    runtime = make(limits=FREE)
    job = sent(runtime, admit(runtime, 7))
    runtime.redis.delete(runtime.keys.job(job.id), runtime.keys.attempt(job.attempt))
    assert [job.attempt] == runtime.reaper.reap(runtime.jobs.now())
    assert (7, 0, 0, 0) == money(runtime)
    assert "budget rebuild" in told[0]["text"]
    runtime.rebuild.run()
    assert (0, 7, 0, 0) == money(runtime)
    assert runtime.audit.check().ok
    assert [] == runtime.reaper.reap(runtime.jobs.now())


def test_where_the_journal_is_lost_too_it_is_no_longer_open(
    make: Make, admit: Admit, told: list[dict[str, Any]]
) -> None:
    """Nothing is known of it but its name, and that is told."""
    runtime = make(limits=FREE)
    job = sent(runtime, admit(runtime, 7))
    runtime.redis.delete(runtime.keys.job(job.id), runtime.keys.attempt(job.attempt), runtime.keys.journal)
    assert [job.attempt] == runtime.reaper.reap(runtime.jobs.now())
    assert (0, 0) == money(runtime)[2:]
    assert 1 == len(told)


def test_a_record_that_is_gone_while_its_job_goes_on_is_told_of(
    make: Make, admit: Admit, told: list[dict[str, Any]]
) -> None:
    """Once an hour; nothing is booked, because the job still finds out."""
    runtime = make(limits=FREE)
    job = sent(runtime, admit(runtime, 7))
    runtime.redis.delete(runtime.keys.attempt(job.attempt))
    for _ in range(2):
        assert [] == runtime.reaper.reap(runtime.jobs.now())
    assert 1 == len(told)
    assert (7, 0, 1, 1) == money(runtime)


def test_slots_whose_time_is_over_are_forgotten(make: Make, admit: Admit) -> None:
    """They did not count any more; now they do not pile up either."""
    runtime = make(limits=FREE)
    job = admit(runtime, 7)
    until = int(runtime.redis.zscore(runtime.keys.slots, job.attempt))
    runtime.reaper.reap(until - 1)
    assert 1 == runtime.redis.zcard(runtime.keys.slots)
    runtime.reaper.reap(until)
    assert 0 == runtime.redis.zcard(runtime.keys.slots)


def test_what_is_left_over_does_not_pin_the_journal(make: Make, admit: Admit) -> None:
    """Entries since the oldest open attempt stay; one that nobody will ever close must not count."""
    runtime = make(limits=FREE, retention={"journal": 1000})
    job = sent(runtime, admit(runtime, 7))
    runtime.redis.delete(runtime.keys.job(job.id), runtime.keys.attempt(job.attempt))
    runtime.reaper.reap(runtime.jobs.now())
    assert runtime.ledger._oldest_open() > runtime.jobs.now() - SECOND


def test_a_settlement_without_a_record_is_told_of(make: Make, admit: Admit, told: list[dict[str, Any]]) -> None:
    """By whoever books it: the ledger, or the move of the job that gives it back."""
    runtime = make(limits=FREE)
    first, second = (sent(runtime, admit(runtime, 7)) for _ in range(2))
    runtime.redis.delete(*(runtime.keys.attempt(job.attempt) for job in (first, second)))
    assert runtime.ledger.settle(first, 6)
    assert runtime.jobs.requeue(second)
    assert [first.attempt, second.attempt] == [each["attempt"] for each in told]
    assert ["budget.orphan"] * 2 == [each["kind"] for each in told]
    runtime.rebuild.run()
    assert (0, 6) == money(runtime)[:2]


def test_it_looks_at_some_at_a_time(make: Make, admit: Admit, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are in flight, it needs memory for these; none of them is passed over."""
    runtime, asked = make(limits=FREE), []
    jobs = [admit(runtime, 5) for _ in range(300)]  # the server keeps a set so long as one that it gives in pieces
    for job in jobs:
        runtime.redis.delete(runtime.keys.job(job.id))
    pipeline = runtime.redis.pipeline

    def counted(**how: Any) -> Any:
        pipe = pipeline(**how)
        execute = pipe.execute
        pipe.execute = lambda: (asked.append(len(pipe)), execute())[1]
        return pipe

    monkeypatch.setattr(runtime.redis, "pipeline", counted)
    assert {job.attempt for job in jobs} == set(runtime.reaper.reap(runtime.jobs.now()))
    assert max(asked) < 300 <= sum(asked) // 2
