"""One generation for the same request, however many ask for it: each is a job of its own, and one of them pays."""

from collections.abc import Callable

import pytest
from redis import Redis

from overcrank.client import Client
from overcrank.errors import InvalidClip, TooLate
from overcrank.ids import new_id
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.pipeline import share
from overcrank.settings import Settings

MODEL = "pixverse-v6-physics"
SAME = {"prompt": "a ball", "seed": 7}


@pytest.fixture
def client(redis: Redis, configured: Callable[..., Settings]) -> Client:
    """A producer; nobody works."""
    return Client(configured())


def end(client: Client, job: Job, state: State, **fields) -> Job:
    """Take a job to its end by the shortest way."""
    jobs = client._runtime.jobs
    ways = {State.FAILED: [], State.CANCELLED: []}
    job = client.get(job.id)
    for step in ways.get(state, [State.ADMITTED, State.SUBMITTING, State.GENERATING, State.UNDELIVERED, State.FETCHED]):
        job = jobs.move(job, step, due_in=60)
    ended = jobs.move(job, state, **fields)
    jobs.told(job.id, [])
    return ended


def leaders(jobs: list[Job]) -> list[int | None]:
    """Return for each job the place of the one it follows."""
    places = {job.id: place for place, job in enumerate(jobs)}
    return [places[job.leader] if job.state is State.FOLLOWING else None for job in jobs]


def test_the_same_request_follows_the_one_that_pays(client) -> None:
    """While that waits and when it is done; each is a job of its own, with what its asker said of it."""
    first = client.submit(SAME)
    waiting = client.submit({**SAME, "metadata": {"a": 1}})
    end(client, client.get(first.id), State.SUCCEEDED, file="{}")
    done = client.submit({**SAME, "duration": 5.0, "extras": "poster"})
    assert [None, 0, 0] == leaders([first, waiting, done])
    assert ({"a": 1}, 3) == (client.get(waiting.id).clip.metadata, client.stats()["entered"])


@pytest.mark.parametrize(
    "other", [{"prompt": "a ball"}, {**SAME, "seed": 8}, {**SAME, "reuse": "never"}, {**SAME, "project": "other"},
              {**SAME, "fps": 60}],
)  # fmt: skip
def test_a_different_request_is_generated(client, other) -> None:
    """Another seed, project or rate, and whoever says so, gets a clip of its own."""
    assert [State.QUEUED] * 2 == [client.submit(clip).state for clip in (SAME, other)]


@pytest.mark.parametrize(
    "other", [{"extras": "poster"}, {"deliver_fps": 30}, {"unique_key": "mine"}, {"deadline": "2127-01-01T00:00:00Z"}]
)
def test_what_is_made_of_it_is_no_reason_to_pay_again(client, other) -> None:
    """The generation is the same; a key that makes it one job says nothing about whose film it is."""
    jobs = [client.submit(SAME), client.submit({**SAME, **other})]
    assert [None, 0] == leaders(jobs)


def test_without_a_seed_every_clip_is_new_unless_allowed(client) -> None:
    """Whoever takes any is served by any: with another seed, without one, and by one that itself takes none."""
    for first in ({}, {"seed": 3}, {"reuse": "never"}):
        prompt = {"prompt": f"a ball {first}"}
        jobs = [
            client.submit({**prompt, **fields}) for fields in (first, {}, {"reuse": "any"}, {"reuse": "any", "seed": 9})
        ]
        assert [None, None, 0, 0] == leaders(jobs)


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_job_without_a_clip_serves_nobody(client, state) -> None:
    """After it failed the next pays, and that one is followed again."""
    failed = client.submit(SAME)
    end(client, failed, state)
    assert [None, 0] == leaders(list(client.submit_many([SAME, SAME])))


def test_many_at_once_are_paid_for_once(client) -> None:
    """A batch that repeats itself pays for each different clip once, also where it began before."""
    before = client.submit({**SAME, "seed": 1})
    jobs = [before, *client.submit_many({**SAME, "seed": number % 3} for number in range(30))]
    assert 3 == leaders(jobs).count(None)
    assert {0} == {leader for job, leader in zip(jobs[1:], leaders(jobs)[1:], strict=True) if job.clip.seed == 1}


def test_the_lines_of_a_batch_are_shared_and_stay_one_job_each(client) -> None:
    """The key by which a run is resumed and that by which a film is shared are two."""
    lines = [{**SAME, "unique_key": f"batch/x/{number}"} for number in range(3)]
    first = list(client.submit_many(lines))
    again = list(client.submit_many(lines))
    assert ([None, 0, 0], [job.id for job in first]) == (leaders(first), [job.id for job in again])


def test_an_urgent_request_does_not_wait_for_a_bulk_one(client) -> None:
    """It pays, in its own place; the other follows it, and keeps its own id and notes."""
    bulk = client.submit({**SAME, "priority": "bulk", "metadata": {"a": 1}})
    urgent = client.submit({**SAME, "priority": "urgent"})
    now = client.get(bulk.id)
    assert (State.QUEUED, State.FOLLOWING, urgent.id) == (urgent.state, now.state, now.leader)
    assert {"urgent": 1, "normal": 0, "bulk": 0} == client.stats()["queued"]
    assert 1 == client.stats()["following"]


def test_a_cancel_touches_nobody_else(client) -> None:
    """Neither the one that is followed nor the others that follow."""
    jobs = list(client.submit_many([SAME] * 3))
    client.cancel(jobs[1])
    assert [State.QUEUED, State.CANCELLED, State.FOLLOWING] == [client.get(job.id).state for job in jobs]
    client.cancel(jobs[0])
    assert [State.CANCELLED, State.CANCELLED, State.FOLLOWING] == [client.get(job.id).state for job in jobs]


def test_messages_of_others_are_shared_too(client) -> None:
    """A clip that came as a message of another program follows the job that is there; a repeated message is one job."""
    jobs, clip = client._runtime.jobs, client.submit(SAME).clip
    mine = new_id()
    assert [mine] * 2 == [share.enter(jobs, mine, clip, 5, MODEL) for _ in range(2)]
    assert (State.FOLLOWING, 2) == (client.get(mine).state, client.stats()["entered"])


def test_more_of_a_clip_that_is_there_is_a_job_that_never_pays(client) -> None:
    """It follows the job it is made of, whatever else there is."""
    first = client.submit(SAME)
    end(client, first, State.SUCCEEDED, file='{"url": "x"}')
    more = client.render(first.id, extras="poster", deliver_fps=30)
    assert (State.FOLLOWING, first.id, ("poster",), 30) == (
        more.state, more.leader, more.clip.extras, more.clip.deliver_fps,
    )  # fmt: skip


def test_nothing_is_made_of_a_clip_that_is_not_there(client) -> None:
    """A job that failed has none, and wishes that the film does not allow are refused before."""
    failed = client.submit({**SAME, "duration": 1})
    with pytest.raises(InvalidClip, match="is a field of the generation"):
        client.render(failed.id, fps=60)
    with pytest.raises(InvalidClip, match="slow_motion"):
        client.render(failed.id, speed=3)
    end(client, failed, State.FAILED)
    with pytest.raises(TooLate, match="has failed"):
        client.render(failed.id, extras="poster")


def test_what_can_not_be_made_is_refused_when_it_is_submitted(client) -> None:
    """Before it is written, sent or paid for."""
    with pytest.raises(InvalidClip, match="at most 10 times as fast"):
        client.submit({"prompt": "clouds", "mode": "time_lapse", "duration": 2, "speed": 300})
    assert 0 == client.stats()["entered"]
