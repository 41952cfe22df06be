"""A job's record is written once; the same unique key is the same job."""

from desk import KEEP_FOR, Desk

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State
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
