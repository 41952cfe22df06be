"""A job's record is written once; the same unique key is the same job."""

from desk import KEEP_FOR, Desk

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State
from overcrank.scripts import Sharing
from overcrank.store.jobs import BOOST_US


def test_a_new_job_is_queued_with_its_fields(desk: Desk) -> None:
    """The record, the index of its priority and the counter are written together."""
    assert ["entered", "a", str(desk.now)] == desk.enter("a", Priority.URGENT, quote=7)
    expected = {
        "state": "queued", "version": "1", "created": str(desk.now), "attempt_no": "1", "tries": "0", "quote": "7",
        "score": str(desk.now - BOOST_US[Priority.URGENT]), "request": "{}", "priority": "urgent", "project": "default",
    }  # fmt: skip
    assert expected == desk.job("a")
    assert ["a"] == desk.redis.zrange(desk.keys.prefix + "queued:urgent", 0, -1)
    assert "1" == desk.redis.hget(desk.keys.counters, "entered")
    assert 0 == desk.redis.zcard(desk.keys.unsent)


def test_the_same_id_again_changes_nothing(desk: Desk) -> None:
    """A repeated message finds the job as it is, whatever else it says."""
    desk.enter("a", Priority.BULK)
    before = desk.everything()
    desk.pass_time(SECOND)
    assert ["known", "a", str(desk.now)] == desk.enter("a", Priority.BULK, quote=9, sent=False)
    assert before == desk.everything()


def test_a_unique_key_stands_for_one_job(desk: Desk) -> None:
    """The second job is not entered, and the answer names the first."""
    desk.enter("a", unique=("p", "k"))
    assert ["known", "a", str(desk.now)] == desk.enter("b", unique=("p", "k"))
    assert {} == desk.job("b")
    assert "1" == desk.redis.hget(desk.keys.counters, "entered")


def test_unique_keys_are_a_projects_own(desk: Desk) -> None:
    """Another project's same key, and another key, are other jobs."""
    desk.enter("a", unique=("p", "k"))
    assert "entered" == desk.enter("b", unique=("q", "k"))[0]
    assert "entered" == desk.enter("c", unique=("p", "l"))[0]


def test_a_unique_key_outlasts_its_jobs_wait(desk: Desk) -> None:
    """However long the job waits, the key stands for it; once it has ended the key expires."""
    desk.enter("a", unique=("default", "k"))
    assert -1 == desk.redis.ttl(desk.keys.unique("default", "k"))
    desk.move("a", State.QUEUED, State.PARKED, project="default", unique="k")
    assert -1 == desk.redis.ttl(desk.keys.unique("default", "k"))
    desk.move("a", State.PARKED, State.CANCELLED, ttl_s=9000, project="default", unique="k")
    assert KEEP_FOR.attempt_s - 1 <= desk.redis.ttl(desk.keys.unique("default", "k")) <= KEEP_FOR.attempt_s


def test_a_job_whose_message_has_not_left_is_noted(desk: Desk) -> None:
    """So the sweep can send it, should its producer die now."""
    desk.enter("a", sent=False)
    assert [("a", desk.now)] == desk.redis.zrange(desk.keys.unsent, 0, -1, withscores=True)


def test_the_queue_is_in_the_order_of_priority_and_then_of_age(desk: Desk) -> None:
    """A bulk job yields to an urgent one that comes within the hour, and to none that comes later."""
    scores = {}
    for job_id, priority, at in (
        ("bulk", Priority.BULK, 0),
        ("soon", Priority.URGENT, 3_599 * SECOND),
        ("late", Priority.URGENT, 3_601 * SECOND),
        ("normal", Priority.NORMAL, 599 * SECOND),
    ):
        desk.enter(job_id, priority, now=desk.now + at)
        scores[job_id] = int(desk.job(job_id)["score"])
    assert ["soon", "normal", "bulk", "late"] == sorted(scores, key=scores.__getitem__)


FILM = Sharing("same", "film", "any seed")
ANY = Sharing("alike", "", "any seed")


def share(desk: Desk, job_id: str, asking: Sharing = FILM, priority: Priority = Priority.NORMAL, **more) -> list[str]:
    """Enter a job that may be served by another, as long as whoever leads is believed to."""
    leader = desk.redis.get(desk.keys.film(asking.key)) or "" if asking.wants in {"same", "alike"} else asking.leader
    return desk.enter(job_id, priority, sharing=asking._replace(leader=leader), share_ttl_s=60, look_us=SECOND,
                      extra={"wants": asking.wants, "film": asking.film, "leader": leader}, **more)  # fmt: skip


def lead(desk: Desk, job_id: str, leader: str, asking: Sharing = FILM) -> list[str]:
    """Have a follower lead, or follow *leader*."""
    job = desk.job(job_id)
    return list(
        desk.scripts.lead(
            job_id, Priority(job["priority"]), asking._replace(leader=leader), version=int(job["version"]),
            gone=job["leader"], share_ttl_s=60, look_us=SECOND, now=desk.now,
        )
    )  # fmt: skip


def over(desk: Desk, job_id: str, state: str) -> None:
    """End a job, as a script that books nothing would."""
    desk.redis.hset(desk.keys.job(job_id), "state", state)
    desk.redis.expire(desk.keys.job(job_id), 60)


def places(desk: Desk, job_id: str) -> list[str]:
    """Return where a job is kept besides its record."""
    keys = desk.keys
    indexes = {
        "queued": keys.state(State.QUEUED, Priority(desk.job(job_id)["priority"])),
        "following": keys.state(State.FOLLOWING, Priority.NORMAL), "due": keys.due, "unsent": keys.unsent,
    }  # fmt: skip
    return [name for name, key in indexes.items() if desk.redis.zscore(key, job_id) is not None]


def waiting_cost(desk: Desk) -> int:
    """Return what those would cost that wait to pay."""
    return int(desk.redis.hget(desk.keys.counters, "waiting_cost") or 0)


def test_a_job_whose_film_another_makes_follows_it(desk: Desk) -> None:
    """It is entered, and is neither queued nor counted among those that will pay; it is told of the other's end."""
    assert ["entered", "a", str(desk.now)] == share(desk, "a", quote=5)
    assert ["following", "a", str(desk.now)] == share(desk, "b", quote=5, sent=False)
    assert ("following", "a") == (desk.job("b")["state"], desk.job("b")["leader"])
    assert (["following", "due"], 5, {"b"}) == (
        places(desk, "b"), waiting_cost(desk), desk.redis.smembers(desk.keys.followers("a")),
    )  # fmt: skip
    assert desk.now + SECOND == desk.redis.zscore(desk.keys.due, "b")
    assert "2" == desk.redis.hget(desk.keys.counters, "entered")
    assert 0 < desk.redis.ttl(desk.keys.followers("a")) <= 60


def test_a_job_whose_film_is_there_is_due_at_once(desk: Desk) -> None:
    """Nobody would tell it of an end that has been."""
    share(desk, "a")
    over(desk, "a", "succeeded")
    assert "following" == share(desk, "b")[0]
    assert desk.now == desk.redis.zscore(desk.keys.due, "b")


def test_a_job_that_has_no_clip_leads_nobody(desk: Desk) -> None:
    """Whatever it ended as, or where its record is gone: the next one pays, and leads from then on."""
    for state in ("failed", "refused", "cancelled", "discarded", ""):
        first, second, third = f"{state}1", f"{state}2", f"{state}3"
        asking = FILM._replace(film=state or "gone", alike=f"alike {state}")
        share(desk, first, asking)
        over(desk, first, state) if state else desk.redis.delete(desk.keys.job(first))
        assert ["entered", "following"] == [share(desk, second, asking)[0], share(desk, third, asking)[0]]


def test_who_believes_in_another_leader_is_told(desk: Desk) -> None:
    """And nothing is written."""
    share(desk, "a")
    before = desk.everything()
    answers = [desk.enter("b", sharing=FILM._replace(leader=believed), share_ttl_s=60) for believed in ("", "x")]
    assert [["led", "a", str(desk.now)]] * 2 == answers
    assert before == desk.everything()


def test_a_more_urgent_job_leads_one_that_still_waits(desk: Desk) -> None:
    """The other follows it, and is neither queued nor counted twice; what its film stands for leads to the new one."""
    share(desk, "a", priority=Priority.BULK, quote=5, sent=False)
    assert "entered" == share(desk, "b", priority=Priority.URGENT, quote=5)[0]
    assert ("following", "b", "2") == tuple(desk.job("a")[name] for name in ("state", "leader", "version"))
    assert (["following", "due"], ["queued"], 5) == (places(desk, "a"), places(desk, "b"), waiting_cost(desk))
    assert {"a"} == desk.redis.smembers(desk.keys.followers("b"))
    assert ["b", "b"] == [desk.redis.get(desk.keys.film(name)) for name in ("film", "any seed")]


def test_a_job_that_is_being_paid_for_leads_the_urgent_too(desk: Desk) -> None:
    """It is further than the urgent one could be."""
    share(desk, "a", priority=Priority.BULK)
    desk.admit("a")
    assert "following" == share(desk, "b", priority=Priority.URGENT)[0]


def test_who_would_not_be_served_by_the_urgent_one_goes_on(desk: Desk) -> None:
    """A job that wants a clip of its own, or another seed, is not made to follow; both are made."""
    share(desk, "a", FILM._replace(wants=""), Priority.BULK)
    assert "entered" == share(desk, "b", priority=Priority.URGENT)[0]
    share(desk, "c", FILM._replace(film="other", alike="other alike"), Priority.BULK)
    assert "entered" == share(desk, "d", ANY._replace(alike="other alike"), Priority.URGENT)[0]
    assert ["queued"] * 4 == [desk.job(name)["state"] for name in "abcd"]


def test_whoever_takes_any_seed_is_led_by_any(desk: Desk) -> None:
    """Also by a job that itself looks for nobody."""
    share(desk, "a", Sharing("", "", "any seed"))
    assert ["following", "a"] == share(desk, "b", ANY)[:2]


def test_a_named_leader_is_followed_whatever_it_makes(desk: Desk) -> None:
    """Even where it has no clip any more: such a job must never pay itself."""
    share(desk, "a")
    over(desk, "a", "failed")
    assert "following" == share(desk, "b", Sharing("named", leader="a"))[0]
    assert "following" == share(desk, "c", Sharing("named", leader="gone"))[0]


def test_of_followers_whose_leader_has_no_clip_one_leads(desk: Desk) -> None:
    """It is queued in its own place, its message is to be sent, and the other follows it."""
    for name in "abc":
        desk.pass_time(1)
        share(desk, name, quote=5)
    over(desk, "a", "failed")
    assert "leads" == lead(desk, "b", "a")[0]
    assert (["queued", "unsent"], "queued", "") == (places(desk, "b"), desk.job("b")["state"], desk.job("b")["leader"])
    assert (desk.job("b")["score"], 10) == (
        str(int(desk.redis.zscore(desk.keys.state(State.QUEUED, Priority.NORMAL), "b"))), waiting_cost(desk),
    )  # fmt: skip
    assert "led" == lead(desk, "c", "a")[0]
    assert "follows" == lead(desk, "c", "b")[0]
    assert (["following", "due"], "b", {"c"}) == (
        places(desk, "c"), desk.job("c")["leader"], desk.redis.smembers(desk.keys.followers("b")),
    )  # fmt: skip


def test_a_follower_that_has_moved_does_not_lead(desk: Desk) -> None:
    """Whoever looked at it before is too late."""
    share(desk, "a")
    share(desk, "b")
    desk.redis.hset(desk.keys.job("b"), "version", 2)
    late = desk.scripts.lead("b", Priority.NORMAL, FILM._replace(leader="a"), version=1, gone="a", share_ttl_s=60,
                             look_us=SECOND, now=desk.now)  # fmt: skip
    assert ["stale", "following", "2"] == list(late)
    over(desk, "b", "cancelled")
    assert "stale" == lead(desk, "b", "a")[0]


def test_a_follower_for_whom_there_is_no_clip_leads(desk: Desk) -> None:
    """Its leader succeeded, and whoever looked for the file found none."""
    share(desk, "a")
    over(desk, "a", "succeeded")
    share(desk, "b")
    assert ["leads", "b"] == [lead(desk, "b", "a")[0], desk.redis.get(desk.keys.film("film"))]
