"""One generation for the same request: in the queue, in flight, done, or failed."""

from collections.abc import Callable

import pytest
from redis import Redis

from overcrank.client import Client
from overcrank.errors import GenerationFailed, InvalidClip
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


def end(client: Client, job: Job, state: State, **fields) -> None:
    """Take a job to its end by the shortest way."""
    jobs = client._runtime.jobs
    ways = {State.FAILED: [], State.CANCELLED: []}
    for step in ways.get(state, [State.ADMITTED, State.SUBMITTING, State.GENERATING, State.UNDELIVERED, State.FETCHED]):
        job = jobs.move(job, step, due_in=60)
    jobs.told(job.id, []) if jobs.move(job, state, **fields) else pytest.fail("it did not move")


def saved(client: Client) -> tuple[int, str]:
    """Return how often a job served another request, and what that would have cost."""
    stats = client.stats()
    return stats["reused"], stats["saved_usd"]


def test_the_same_request_is_one_job(client) -> None:
    """While it waits and when it is done; the saving is counted."""
    first = client.submit(SAME)
    waiting = client.submit({**SAME, "priority": "urgent", "metadata": {"a": 1}})
    end(client, client.get(first.id), State.SUCCEEDED, file="{}")
    done = client.submit({**SAME, "duration": 5.0})
    assert (first.id, first.id) == (waiting.id, done.id)
    assert (2, "7.89", 1) == (*saved(client), client.stats()["entered"])


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "a ball"}, {**SAME, "seed": 8}, {**SAME, "reuse": "never"}, {**SAME, "project": "other"},
        {**SAME, "fps": 60}, {**SAME, "extras": "poster"}, {**SAME, "unique_key": "mine"},
    ],
)  # fmt: skip
def test_a_different_request_is_another_job(client, other) -> None:
    """Another seed, project, rate or wish, and whoever says so, gets a clip of its own."""
    assert client.submit(SAME).id != client.submit(other).id
    assert (0, "0.00") == saved(client)


def test_without_a_seed_every_clip_is_new_unless_allowed(client) -> None:
    """Who allows any gets the one that another asked for likewise."""
    ids = [client.submit({"prompt": "a ball", "reuse": reuse}).id for reuse in ("same", "same", "any", "any")]
    assert (3, True) == (len(set(ids)), ids[2] == ids[3])


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_job_without_a_clip_serves_nobody(client, state) -> None:
    """After it failed the next is a new job, and that one is shared again."""
    failed = client.submit(SAME)
    end(client, client.get(failed.id), state, error=GenerationFailed("no"))
    second, third = client.submit_many([SAME, SAME])
    assert (True, second.id) == (failed.id != second.id, third.id)
    assert 1 == saved(client)[0]


def test_many_at_once_are_one_job(client) -> None:
    """A batch that repeats itself pays for each different clip once."""
    jobs = list(client.submit_many({**SAME, "seed": number % 3} for number in range(30)))
    assert (3, 27) == (len({job.id for job in jobs}), saved(client)[0])


def test_messages_of_others_are_shared_too(client) -> None:
    """A clip that came as a message of another program joins the job that is there, and leaves a failed one behind."""
    jobs, clip = client._runtime.jobs, client.submit(SAME).clip
    plain = clip.model_copy(update={"unique_key": None})
    known = client.submit(SAME).id
    assert known == share.enter(jobs, new_id(), plain, 5, MODEL)
    end(client, client.get(known), State.FAILED, error=GenerationFailed("no"))
    mine = new_id()
    assert [mine, mine] == [share.enter(jobs, mine, plain, 5, MODEL), share.enter(jobs, mine, plain, 5, MODEL)]


def test_what_can_not_be_made_is_refused_when_it_is_submitted(client) -> None:
    """Before it is written, sent or paid for."""
    with pytest.raises(InvalidClip, match="at most 10 times as fast"):
        client.submit({"prompt": "clouds", "mode": "time_lapse", "duration": 2, "speed": 300})
    assert 0 == client.stats()["entered"]
