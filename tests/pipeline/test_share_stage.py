"""Jobs that follow another: what they are served with, what it costs, and who pays where there is nothing."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench import QUOTE, Bench, Crash, fragile

from overcrank.clip import Clip
from overcrank.errors import DeadlineMissed, GenerationFailed, Undeliverable
from overcrank.ids import new_id
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.outcome import Done, Ended, Next
from overcrank.pipeline import flow, share
from overcrank.pipeline.cancel import cancel
from overcrank.providers import base as answers
from overcrank.scripts import Sharing
from overcrank.storage.base import StorageUnavailable
from overcrank.store.archive import row

MODEL = "pixverse-v6-physics"


def ask(bench: Bench, **fields: Any) -> Job:
    """Enter a job that may be served by another, as a message does."""
    if not {"mode", "speed", "deliver_fps"} & fields.keys():  # nothing is made of it unless a test asks for that
        fields["mode"] = "plain"
    clip = Clip(prompt="a ball falls", **{"seed": 7, **fields})
    return bench.jobs.get(share.enter(bench.jobs, new_id(), clip, QUOTE, MODEL))


def bought(bench: Bench) -> int:
    """Return how often the vendor was paid."""
    return len(bench.vendor.bought)


def told(bench: Bench, job: Job) -> list[str]:
    """Hand over a job's result as the tasks do; return the jobs that are due since."""
    audience, followers = bench.jobs.waiting(job.id)
    bench.jobs.told(job.id, audience, followers)
    return bench.redis.zrangebyscore(bench.keys.due, "-inf", bench.jobs.now())


def test_a_follower_gets_the_clip_and_pays_nothing(bench: Bench) -> None:
    """It waits, is told of the end, and ends with the same file, its own id, and what that saved."""
    leader, follower = ask(bench), ask(bench, metadata={"mine": 1})
    assert Done("another job makes its film") == bench.attend(follower)
    leader = bench.finish(leader.id)
    assert [follower.id] == told(bench, leader)
    assert Next("fetch") == bench.attend(follower)
    assert Ended() == bench.step(follower.id)
    ended = bench.jobs.get(follower.id)
    assert (State.SUCCEEDED, 0, QUOTE, leader.id) == (ended.state, ended.cost, ended.saved, ended.served_by)
    assert (leader.file["url"], leader.generation_id) == (ended.file["url"], ended.generation_id)
    assert (f"{leader.id}", "1.00", "0.00") == tuple(ended.result[k] for k in ("served_by", "saved_usd", "cost_usd"))
    assert (1, (0, 900_000)) == (bought(bench), bench.money())
    assert ("1", str(QUOTE)) == tuple(bench.redis.hmget(bench.keys.counters, "reused", "saved"))


def test_a_saving_is_counted_once(bench: Bench) -> None:
    """However often somebody looks at the job, or its message comes."""
    leader, follower = ask(bench), ask(bench)
    bench.finish(leader.id)
    before = bench.jobs.get(follower.id)
    for job in (before, before):
        share.serve(job, bench.tools)
    share.enter(bench.jobs, follower.id, follower.clip, QUOTE, MODEL)
    assert "1" == bench.redis.hget(bench.keys.counters, "reused")


def test_a_job_that_was_served_serves_others(bench: Bench) -> None:
    """The original is stored once, under the name of the job that paid for it."""
    leader = bench.finish(ask(bench).id)
    second = bench.finish(ask(bench).id)
    bench.jobs.enter(new_id(), second.clip, QUOTE, sent=True, sharing=Sharing("named", leader=second.id))
    [third] = bench.jobs.latest([State.FOLLOWING])
    third = bench.finish(third.id)
    assert [f"{leader.id}.mp4"] * 3 == [job.original for job in (leader, second, third)]
    assert 1 == bought(bench)


def test_a_follower_whose_leader_fails_pays_itself(bench: Bench) -> None:
    """One of them, with an attempt of its own; the other follows that one."""
    leader, second, third = (ask(bench) for _ in range(3))
    bench.say("status", answers.Failed("moderated", "no", 0))
    assert State.FAILED == bench.finish(leader.id).state
    assert Next("enter") == bench.step(second.id)
    assert Done("another job makes its film") == bench.step(third.id)
    assert (State.QUEUED, second.id) == (bench.jobs.get(second.id).state, bench.jobs.get(third.id).leader)
    second = bench.finish(second.id)
    assert [third.id] == told(bench, second)
    assert (second.id, 2) == (bench.finish(third.id).served_by, bought(bench))


def test_a_clip_that_is_kept_no_longer_is_paid_for_again(bench: Bench) -> None:
    """Retention, or somebody, removed the file; whoever asks next gets the new one."""
    leader = bench.finish(ask(bench).id)
    Path(urlsplit(leader.file["url"]).path).unlink()
    second, third = ask(bench), ask(bench)
    assert State.FOLLOWING == second.state
    assert Next("enter") == bench.step(second.id)
    second, third = bench.finish(second.id), bench.finish(third.id)
    assert (None, second.id, 2) == (second.served_by, third.served_by, bought(bench))


def test_a_storage_that_does_not_answer_is_asked_again(bench: Bench, monkeypatch) -> None:
    """Nothing is paid for because a disk is away."""
    bench.finish(ask(bench).id)
    follower = ask(bench)

    def away(name: str) -> bool:
        raise StorageUnavailable("the disk is away")

    monkeypatch.setattr(bench.tools.storage, "has", away)
    assert Done("later") == bench.step(follower.id)
    now = bench.jobs.get(follower.id)
    assert (State.FOLLOWING, "the disk is away", 1) == (now.state, now.note, bought(bench))


def test_a_job_that_was_never_to_pay_fails_where_there_is_no_clip(bench: Bench) -> None:
    """What was to be made of a clip that is gone is told so, and nothing is bought."""
    leader = bench.finish(ask(bench).id)
    Path(urlsplit(leader.file["url"]).path).unlink()
    job_id = new_id()
    bench.jobs.enter(job_id, leader.clip, QUOTE, sent=True, sharing=Sharing("named", leader=leader.id))
    assert Ended() == bench.step(job_id)
    job = bench.jobs.get(job_id)
    assert (State.FAILED, Undeliverable, 0, 1) == (job.state, type(job.exception), job.cost, bought(bench))


@pytest.mark.parametrize("paid", [False, True])
def test_a_deadline_is_the_followers_own(bench: Bench, paid) -> None:
    """It ends where nothing was started by then, and waits where its film is being made; the leader goes on."""
    leader = ask(bench)
    follower = ask(bench, deadline="2001-01-01T00:00:00Z")
    if paid:
        flow.start(leader, bench.tools)
    bench.attend(follower)
    now = bench.jobs.get(follower.id)
    assert (State.FOLLOWING, None) == (now.state, now.exception) if paid else (State.FAILED, DeadlineMissed) == (
        now.state, type(now.exception),
    )  # fmt: skip
    assert bench.jobs.get(leader.id).state in {State.QUEUED, State.GENERATING}


def test_a_follower_is_looked_at_when_its_deadline_is_over(bench: Bench) -> None:
    """And not only when it is told of the other's end."""
    ask(bench)
    soon = datetime.now(UTC) + timedelta(seconds=60)
    due = [bench.due_in(ask(bench, **deadline)) for deadline in ({"deadline": soon}, {})]
    assert [True, True] == [50 < due[0] < 61, 590 < due[1] < 601]


def test_an_urgent_one_takes_over_and_the_other_is_served(bench: Bench) -> None:
    """Whose message comes first finds it following; one is paid."""
    bulk = ask(bench, priority="bulk")
    urgent = ask(bench, priority="urgent")
    assert State.FOLLOWING == bench.jobs.get(bulk.id).state
    assert Done("the job is following") == flow.start(bulk, bench.tools)
    urgent = bench.finish(urgent.id)
    assert ([bulk.id], urgent.id, 1) == (told(bench, urgent), bench.finish(bulk.id).served_by, bought(bench))


def test_what_a_job_was_charged_before_it_followed_stays_its_cost(bench: Bench) -> None:
    """An attempt of its own failed and was paid for; then another was more urgent."""
    bulk = ask(bench, priority="bulk")
    bench.redis.hset(bench.keys.job(bulk.id), "paid", 5)
    urgent = ask(bench, priority="urgent")
    bench.finish(urgent.id)
    assert (5, QUOTE) == ((ended := bench.finish(bulk.id)).cost, ended.saved)


def test_a_leader_that_is_cancelled_leaves_the_lead(bench: Bench) -> None:
    """The others are not cancelled with it."""
    leader, follower = ask(bench), ask(bench)
    told(bench, cancel(leader.id, bench.jobs, bench.tools.gate))
    assert Next("enter") == bench.step(follower.id)
    assert (State.SUCCEEDED, 1) == (bench.finish(follower.id).state, bought(bench))


def test_the_archive_says_who_was_served_and_what_that_saved(bench: Bench) -> None:
    """So spending can be summed with it, by project and otherwise."""
    leader = bench.finish(ask(bench).id)
    follower = bench.finish(ask(bench).id)
    assert [(0, ""), (QUOTE, leader.id)] == [
        (one.saved, one.served_by) for one in (row(job, MODEL) for job in (leader, follower))
    ]


def test_a_leader_that_failed_long_ago_is_known_to_nobody(bench: Bench) -> None:
    """Its record has been retired; the follower leads."""
    leader, follower = ask(bench), ask(bench)
    bench.jobs.move(leader, State.FAILED, error=GenerationFailed("no"), cost=0)
    bench.redis.delete(bench.keys.job(leader.id))
    assert Next("enter") == bench.step(follower.id)


@pytest.mark.parametrize("before", [True, False])
def test_a_worker_may_die_at_any_call(make_bench, before) -> None:
    """Whoever comes next goes on; the saving is counted once, and nothing is paid twice."""
    nth = 0
    while True:
        nth += 1
        bench = make_bench()
        bench.redis.flushall()
        bench.runtime.configure()
        leader = bench.finish(ask(bench).id)
        follower = ask(bench)
        tools, calls = fragile(bench.tools, nth, before=before)
        with suppress(Crash):
            if flow.attend(follower, tools) == Next("fetch"):
                flow.deliver(follower, tools)
        ended = bench.finish(follower.id)
        assert (leader.id, 1) == (ended.served_by, bought(bench))
        assert ("1", str(QUOTE)) == tuple(bench.redis.hmget(bench.keys.counters, "reused", "saved"))
        if len(calls) < nth:
            break
