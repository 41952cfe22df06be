"""Job records: written once, moved by compare-and-set, listed in the order people expect."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from redis import Redis

from overcrank.clip import Clip, Priority
from overcrank.errors import Cancelled, Rejected, UnknownJob
from overcrank.ids import new_id
from overcrank.lifecycle import MOVES, State, allowed
from overcrank.runtime import Runtime
from overcrank.server import Command, together
from overcrank.settings import Settings
from overcrank.store.jobs import MENDED_WITHIN, Jobs


@pytest.fixture
def jobs(configured: Callable[..., Settings], redis: Redis) -> Jobs:
    """The job records on the real server."""
    runtime = Runtime(configured(retention={"jobs": timedelta(minutes=5)}))
    runtime.redis = redis
    return runtime.jobs


def enter(jobs: Jobs, priority: Priority = Priority.NORMAL, **more: object) -> str:
    """Enter a job."""
    job_id = new_id()
    jobs.enter(job_id, Clip(prompt="x", priority=priority, **more), 5, sent=True)
    return job_id


def test_a_record_is_read_as_it_was_written(jobs: Jobs) -> None:
    """Clip, priority, quote and moments."""
    clip = Clip(prompt="a ball", fps=240, priority=Priority.BULK, project="p", metadata={"a": 1})
    answer = jobs.enter(job_id := new_id(), clip, 7, sent=False)
    job = jobs.get(job_id)
    assert ["entered", job_id] == list(answer[:2])
    assert (clip, State.QUEUED, 1, 7, "p", f"{job_id}.1") == (
        job.clip, job.state, job.version, job.quote, job.project, job.attempt
    )  # fmt: skip
    assert {"created": int(answer[2])} == job.moments
    assert [job_id] == jobs.redis.zrange(jobs.keys.unsent, 0, -1)
    jobs.sent([job_id])
    jobs.sent([])
    assert 0 == jobs.redis.zcard(jobs.keys.unsent)


def test_an_unknown_job_is_an_error(jobs: Jobs) -> None:
    """And is left out where many are asked for."""
    with pytest.raises(UnknownJob, match="nobody"):
        jobs.get("nobody")
    known = enter(jobs)
    assert [known] == [job.id for job in jobs.get_many(["nobody", known])]


def test_many_can_be_entered_in_one_round_trip(jobs: Jobs) -> None:
    """With the unique key a second one is the first."""
    ids = [new_id() for _ in range(3)]
    commands: list[Command] = []
    for job_id in ids:
        jobs.enter(job_id, Clip(prompt="x", unique_key="k"), 5, sent=True, later=commands)
    answers = together(jobs.redis, *commands)
    assert [("entered", ids[0]), ("known", ids[0]), ("known", ids[0])] == [tuple(a[:2]) for a in answers]


@pytest.mark.parametrize(
    ("old", "new"), [(old, new) for old in State for new in State if not allowed(old, new)], ids=str
)
def test_what_is_no_move_of_the_life_cycle_is_a_mistake_of_ours(jobs: Jobs, old: State, new: State) -> None:
    """It is caught before it reaches the server."""
    from dataclasses import replace

    job = replace(jobs.get(enter(jobs)), state=old)
    with pytest.raises(AssertionError, match="no move of the life cycle"):
        jobs.move(job, new)


def test_a_job_that_moved_meanwhile_is_not_moved(jobs: Jobs) -> None:
    """The caller is told with None, and the record stays as it is."""
    stale = jobs.get(enter(jobs))
    assert jobs.move(stale, State.PARKED) is not None
    assert jobs.move(stale, State.CANCELLED) is None
    assert State.PARKED == jobs.get(stale.id).state


def test_an_end_keeps_its_error_and_expires(jobs: Jobs) -> None:
    """The message is bounded; the class comes back; the record goes in time."""
    job = jobs.move(jobs.get(enter(jobs)), State.FAILED, error=Rejected("x" * 5000), cost=0)
    assert job is not None
    assert (Rejected, 1000, 0) == (type(job.exception), len(str(job.exception)), job.cost)
    assert 300 < jobs.redis.ttl(jobs.keys.job(job.id)) <= 300 + MENDED_WITHIN
    assert "ended" in job.moments
    assert {} != job.as_dict()
    assert job.result is None


def test_every_end_has_an_error_or_a_result(jobs: Jobs) -> None:
    """Whoever waits gets one of them."""
    for end in sorted(MOVES[State.QUEUED] & {State.FAILED, State.REFUSED, State.CANCELLED, State.DISCARDED}):
        job = jobs.move(jobs.get(enter(jobs)), end, error=Cancelled("c"))
        assert job is not None
        assert job.ended
        assert job.exception is not None


def test_lists_are_in_the_order_people_expect(jobs: Jobs) -> None:
    """The queued by their turn, the latest first otherwise."""
    bulk, urgent, later = enter(jobs, Priority.BULK), enter(jobs, Priority.URGENT), enter(jobs, Priority.URGENT)
    assert [urgent, later] == jobs.ids(State.QUEUED, Priority.URGENT)
    assert [urgent] == jobs.ids(State.QUEUED, Priority.URGENT, most=1)
    assert [later, urgent, bulk] == [job.id for job in jobs.latest()]
    assert [later] == [job.id for job in jobs.latest(most=1)]
    assert {bulk, urgent, later} == set(jobs.every(State.QUEUED))
    assert [] == jobs.latest([State.PARKED])


def test_a_look_at_a_job_nobody_comes_back_to_adds_nothing(jobs: Jobs) -> None:
    """Only what is due already can be put off."""
    job = jobs.get(enter(jobs))
    jobs.look_again(job, 5, note="x")
    assert 0 == jobs.redis.zcard(jobs.keys.due)
    assert "x" == jobs.get(job.id).note


def test_who_waits_is_told_once(jobs: Jobs) -> None:
    """The first canvas counts; what was told is remembered, and nobody has to come back for it."""
    job_id = enter(jobs)
    jobs.attend(job_id, "t1", {"chain": []})
    jobs.attend(job_id, "t1", {"chain": ["other"]})
    jobs.attend(job_id, "t2", {})
    assert {"t1": {"chain": []}, "t2": {}} == jobs.audience(job_id)
    jobs.redis.zadd(jobs.keys.due, {job_id: 1})
    jobs.told(job_id, ["t1"])
    assert {"t1": None, "t2": {}} == jobs.audience(job_id)
    assert 0 == jobs.redis.zcard(jobs.keys.due)
    assert jobs.redis.ttl(jobs.keys.audience(job_id)) > 0


@pytest.mark.parametrize(("everybody", "left"), [(True, 0), (False, 1)])
def test_the_bytes_are_in_nobodys_hand_once_all_are_told(jobs: Jobs, everybody: bool, left: int) -> None:
    """Whoever has handed the result to all gives them back with it; where somebody is still to be told, he has them."""
    assert 0 == jobs.grip("a", "anna", 5000, counted=False)
    jobs.told("a", [], everybody=everybody)
    assert left == jobs.redis.exists(jobs.keys.hand("a"))
