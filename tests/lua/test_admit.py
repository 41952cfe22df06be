"""The gate: every limit by itself, all of them together, who comes first, and when to come back."""

from desk import HORIZON, HOUR, LEASE, MS, PATIENCE, USD, Desk

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State


def test_an_admission_writes_everything_at_once(desk: Desk) -> None:
    """Job, attempt, slot, reservation, indexes, due time and journal: all of it or none."""
    desk.limits(interval=100 * MS, burst=2, concurrency=3)
    desk.enter("a", quote=5)
    assert ["admitted", str(desk.now), "2"] == desk.admit("a", quote=5)
    books = " ".join(desk.keys.books_of("default", desk.period()))
    assert {"state": "admitted", "version": "2", "attempt": "a.1", "books": books,
            "admitted": str(desk.now)}.items() <= desk.job("a").items()  # fmt: skip
    reserved = {"job": "a", "worker": "anna", "project": "default", "price": "5", "quote": "5", "urgent": "0",
                "books": books, "admitted": str(desk.now)}  # fmt: skip
    assert {
        "state": "reserved",
        "open": "5",
        "cost": "0",
        "version": "0",
        **reserved,
    } == desk.attempt("a")
    assert (5, 0) == desk.book()
    assert desk.redis.zscore(desk.keys.slots, "a.1") == desk.now + HORIZON
    assert desk.redis.zscore(desk.keys.due, "a") == desk.now + LEASE
    assert ["a"] == desk.redis.zrange(desk.keys.prefix + "jobs:admitted", 0, -1)
    assert [] == desk.redis.zrange(desk.keys.prefix + "queued:normal", 0, -1)
    assert [] == desk.redis.keys("*holders") + desk.redis.keys("*present") + desk.redis.keys("*quotes")
    assert [{"entry": "reserve", "attempt": "a.1", "epoch": "1", **reserved}] == [
        entry for _, entry in desk.redis.xrange(desk.keys.journal)
    ]


def test_a_deferred_job_costs_nothing(desk: Desk) -> None:
    """No slot, no money, no permit, no entry in the journal; only its place among those that ask."""
    desk.limits(concurrency=1)
    desk.enter("a")
    desk.enter("b")
    desk.admit("a")
    kept = (desk.book(), desk.slots(), desk.redis.hgetall(desk.keys.lane), desk.redis.xlen(desk.keys.journal))
    assert "deferred" == desk.admit("b")[0]
    assert kept == (desk.book(), desk.slots(), desk.redis.hgetall(desk.keys.lane), desk.redis.xlen(desk.keys.journal))
    assert "queued" == desk.job("b")["state"]


def test_without_a_limit_nobody_is_admitted(desk: Desk) -> None:
    """Lost limits close the gate; they do not open it."""
    desk.enter("a")
    for missing in ("interval", "burst", "concurrency", "lane/window", "window"):
        desk.limits()
        desk.redis.hdel(desk.keys.limits, missing)
        desk.redis.hdel(desk.keys.caps, missing)
        assert ["deferred", "no-limits", str(desk.now + SECOND), str(desk.now)] == desk.admit("a")
    desk.limits()
    assert "admitted" == desk.admit("a")[0]


def test_nobody_is_told_to_come_back_within_a_millisecond(desk: Desk) -> None:
    """So that a hold never spins."""
    desk.limits(interval=10, burst=1)
    for job_id in "ab":
        desk.enter(job_id)
    desk.admit("a")
    assert ["deferred", "rate", str(desk.now + MS), str(desk.now)] == desk.admit("b")


def test_a_stopped_lane_admits_nobody(desk: Desk) -> None:
    """A wrong key or an empty balance holds everyone until somebody opens the lane again."""
    desk.redis.hset(desk.keys.lane, "stopped", "key: wrong")
    desk.enter("a")
    assert ["deferred", "stopped", str(desk.now + 2 * SECOND), str(desk.now)] == desk.admit("a")
    desk.redis.hdel(desk.keys.lane, "stopped")
    assert "admitted" == desk.admit("a")[0]


def test_a_cool_down_holds_everyone_until_its_end(desk: Desk) -> None:
    """One microsecond before its end is too early, its end is not."""
    desk.enter("a")
    until, _ = desk.cool(5 * SECOND, kind="none")
    assert ["deferred", "cool-down", str(until), str(desk.now)] == desk.admit("a")
    desk.now = until - 1
    assert "cool-down" == desk.admit("a")[1]
    desk.now = until
    assert "admitted" == desk.admit("a")[0]


def test_the_rate_lets_a_burst_through_and_then_one_an_interval(desk: Desk) -> None:
    """Three at once, then the fourth exactly one interval later and not a microsecond before."""
    desk.limits(interval=100 * MS, burst=3)
    for job_id in "abcd":
        desk.enter(job_id)
    assert ["admitted"] * 3 == [desk.admit(job_id)[0] for job_id in "abc"]
    retry_at = desk.now + 100 * MS
    assert ["deferred", "rate", str(retry_at), str(desk.now)] == desk.admit("d")
    desk.now = retry_at - 1
    assert ["deferred", "rate"] == desk.admit("d")[:2]
    desk.now = retry_at
    assert "admitted" == desk.admit("d")[0]


def test_an_idle_lane_saves_up_one_burst_and_no_more(desk: Desk) -> None:
    """However long the pause, what follows is a burst and then the rate."""
    desk.limits(interval=100 * MS, burst=3)
    desk.pass_time(10 * HOUR)
    for job_id in "abcdef":
        desk.enter(job_id)
    assert ["admitted", "admitted", "admitted", "deferred", "deferred", "deferred"] == [
        desk.admit(job_id)[0] for job_id in "abcdef"
    ]


def test_each_that_waits_is_told_its_own_turn(desk: Desk) -> None:
    """Those behind others are told the moment of the permit after theirs, so nobody asks in vain."""
    desk.limits(interval=100 * MS, burst=1)
    for number, job_id in enumerate("abcd"):
        desk.enter(job_id, now=desk.now + number)
    desk.admit("a")
    told = [int(desk.admit(job_id)[2]) - desk.now for job_id in "bcd"]
    assert [100 * MS, 200 * MS, 300 * MS] == told
    for job_id, at in zip("bcd", [desk.now + after for after in told], strict=True):
        desk.now = at
        assert "admitted" == desk.admit(job_id)[0]


def test_a_raised_rate_does_not_wait_out_old_debt(desk: Desk) -> None:
    """What was owed at the old rate counts as one burst at the new one, at most."""
    desk.limits(interval=100 * SECOND, burst=1)
    for job_id in "ab":
        desk.enter(job_id)
    desk.admit("a")
    desk.limits(interval=100 * MS, burst=1)
    assert desk.now + 100 * MS == int(desk.admit("b")[2])


def test_no_more_than_the_slots_are_in_flight(desk: Desk) -> None:
    """The second job waits until the first has given its slot back."""
    desk.limits(concurrency=1)
    desk.enter("a")
    desk.enter("b")
    desk.admit("a")
    assert ["deferred", "slots"] == desk.admit("b")[:2]
    desk.settle("a", USD)
    assert "admitted" == desk.admit("b")[0]


def test_a_slot_is_kept_to_the_horizon_and_not_beyond(desk: Desk) -> None:
    """A job that nobody hears of again keeps its slot while the provider may be rendering, and no longer."""
    desk.limits(concurrency=1)
    desk.enter("a")
    desk.enter("b")
    desk.admit("a")
    desk.pass_time(HORIZON - 1)
    assert ["deferred", "slots"] == desk.admit("b")[:2]
    desk.pass_time(1)
    assert "admitted" == desk.admit("b")[0]


def test_the_last_cent_of_the_budget_may_be_reserved_and_no_more(desk: Desk) -> None:
    """Exactly the cap fits; one micro-dollar above does not, and the window's end is when to come back."""
    desk.limits(cap=10)
    for job_id in "abc":
        desk.enter(job_id)
    assert "admitted" == desk.admit("a", quote=4)[0]
    assert ["deferred", "budget", str(desk.now + HOUR), str(desk.now)] == desk.admit("b", quote=7)
    desk.scripts.leave("b")
    assert "admitted" == desk.admit("c", quote=6)[0]
    assert (10, 0) == desk.book()


def test_what_is_spent_counts_like_what_is_reserved(desk: Desk) -> None:
    """A settled job has used the budget for the rest of the window."""
    desk.limits(cap=10)
    desk.enter("a")
    desk.enter("b")
    desk.admit("a", quote=6)
    desk.settle("a", 6)
    assert ["deferred", "budget"] == desk.admit("b", quote=5)[:2]
    assert "admitted" == desk.admit("b", quote=4)[0]


def test_a_new_window_has_a_new_budget(desk: Desk) -> None:
    """At the first microsecond of the next window the whole cap is there again, with nobody's help."""
    desk.limits(cap=10)
    desk.enter("a")
    desk.enter("b")
    desk.admit("a", quote=10)
    retry_at = int(desk.admit("b", quote=10)[2])
    desk.now = retry_at - 1
    assert ["deferred", "budget"] == desk.admit("b", quote=10)[:2]
    desk.now = retry_at
    assert "admitted" == desk.admit("b", quote=10)[0]
    assert (10, 0) == desk.book()


def test_a_caller_in_the_wrong_window_is_told_the_right_one(desk: Desk) -> None:
    """The server's time decides which window it is; nothing is booked in another."""
    desk.enter("a")
    start = desk.now
    desk.pass_time(HOUR)
    right = ["window", *map(str, desk.period())]
    assert right == desk.admit("a", period=desk.period(start))
    assert (0, 0) == desk.book(start)
    assert right == desk.admit("a", period=desk.period(desk.now + HOUR))
    assert right == desk.admit("a", period=desk.period()._replace(length=2 * HOUR))
    assert right == desk.admit("a", period=desk.period()._replace(day=desk.period().day - 1))


def test_a_clip_dearer_than_the_whole_cap_is_refused_and_leaves_the_line(desk: Desk) -> None:
    """Waiting would never help, and it must not hold up those behind it."""
    desk.limits(cap=10)
    desk.enter("a")
    desk.enter("b")
    assert ["refused", "10", "lane"] == desk.admit("a", quote=11)
    assert "admitted" == desk.admit("b", quote=10)[0]


def test_a_windows_own_cap_counts_before_the_general_one(desk: Desk) -> None:
    """A cap changed for this window holds for this window; a clip the general cap could pay only waits."""
    desk.limits(cap=10)
    desk.enter("a")
    desk.redis.hset(desk.window_key(), mapping={"cap": 5})
    assert ["deferred", "budget"] == desk.admit("a", quote=6)[:2]
    desk.redis.hset(desk.window_key(), mapping={"cap": 20})
    assert "admitted" == desk.admit("a", quote=20)[0]


def test_the_best_priority_and_then_the_oldest_goes_first(desk: Desk) -> None:
    """Whoever asks first, the one at the head of the line gets the slot."""
    desk.limits(concurrency=1)
    for job_id, priority in (("first", "bulk"), ("bulk", "bulk"), ("urgent", "urgent"), ("later", "urgent")):
        desk.enter(job_id, Priority(priority))
        desk.pass_time(1)
    desk.admit("first")
    for job_id in ("bulk", "later", "urgent"):
        assert ["deferred", "slots"] == desk.admit(job_id)[:2]
    order, before = [], "first"
    while len(order) < 3:
        desk.settle(before)
        for job_id in ("bulk", "later", "urgent"):
            if job_id not in order and desk.admit(job_id)[0] == "admitted":
                order.append(job_id)
                before = job_id
                break
    assert ["urgent", "later", "bulk"] == order


def test_money_is_kept_for_those_ahead(desk: Desk) -> None:
    """A cheap job does not take the room that a dearer one ahead of it waits for."""
    desk.limits(cap=10, concurrency=1)
    desk.enter("running")
    desk.admit("running", quote=4)
    desk.enter("dear", Priority.URGENT)
    desk.enter("cheap")
    desk.admit("dear", quote=6)
    desk.limits(cap=10, concurrency=9)
    assert ["deferred", "budget"] == desk.admit("cheap", quote=1)[:2]
    assert "admitted" == desk.admit("dear", quote=6)[0]


def test_a_holder_that_went_away_holds_up_nobody(desk: Desk) -> None:
    """Once it is later than it said, those behind it go on, and it is taken from the line."""
    desk.limits(concurrency=1)
    desk.enter("running")
    desk.admit("running")
    desk.enter("gone", Priority.URGENT)
    desk.enter("here")
    retry_at = int(desk.admit("gone")[2])
    desk.settle("running")
    assert "deferred" == desk.admit("here")[0]
    desk.now = retry_at + 300 * MS
    assert "deferred" == desk.admit("here")[0]
    desk.pass_time(1)
    assert "admitted" == desk.admit("here")[0]
    assert [] == desk.redis.zrange(desk.keys.holders, 0, -1)


def test_a_holder_is_waited_for_no_longer_than_its_patience(desk: Desk) -> None:
    """Told to come back in an hour it asks again after its patience, and is not missed before."""
    desk.limits(cap=10, window=HOUR)
    desk.enter("full")
    desk.admit("full", quote=10)
    desk.enter("a")
    desk.admit("a", quote=5)
    assert desk.redis.zscore(desk.keys.present, "a") == desk.now + PATIENCE + 300 * MS


def test_a_job_that_left_the_line_holds_up_nobody(desk: Desk) -> None:
    """A worker that hands its message back says so, and its place is free at once; twice does no harm."""
    desk.limits(concurrency=1)
    for job_id in ("running", "first", "second"):
        desk.enter(job_id)
        desk.pass_time(1)
    desk.admit("running")
    desk.admit("first")
    assert 1 == desk.scripts.leave("first")
    assert 0 == desk.scripts.leave("first")
    desk.settle("running")
    assert "admitted" == desk.admit("second")[0]


def test_many_in_line_are_counted_even_where_they_are_not_looked_at_one_by_one(desk: Desk) -> None:
    """The hundredth of a hundred waits for a hundred permits."""
    desk.limits(interval=100 * MS, burst=1)
    desk.enter("before")
    desk.admit("before")
    answers = []
    for number in range(100):
        desk.enter(f"j{number:03}", now=desk.now + number)
        answers.append(int(desk.admit(f"j{number:03}")[2]) - desk.now)
    assert [100 * MS * (number + 1) for number in range(100)] == answers


def test_a_repeated_question_gets_the_same_answer_and_is_charged_once(desk: Desk) -> None:
    """The answer may have been lost on its way; the same worker asks again with the same attempt."""
    desk.limits(interval=100 * MS, burst=2, concurrency=2)
    desk.enter("a")
    answer = desk.admit("a")
    stored = desk.everything()
    desk.pass_time(SECOND)
    assert answer == desk.admit("a")
    assert stored == desk.everything()


def test_another_worker_is_told_that_the_job_has_moved(desk: Desk) -> None:
    """A doubled message charges nothing and can not send."""
    desk.enter("a")
    desk.admit("a")
    stored = desk.everything()
    assert ["moved", "admitted"] == desk.admit("a", worker="bert")
    assert stored == desk.everything()


def test_a_job_that_ended_or_never_was_is_not_admitted(desk: Desk) -> None:
    """It is taken from the line where it stood in it."""
    desk.limits(concurrency=1)
    desk.enter("running")
    desk.admit("running")
    desk.enter("a")
    desk.admit("a")
    desk.move("a", State.QUEUED, State.CANCELLED, ttl_s=60)
    assert ["moved", "cancelled"] == desk.admit("a")
    assert [] == desk.redis.zrange(desk.keys.holders, 0, -1)
    assert ["moved", "unknown"] == desk.admit("nobody")


def test_an_attempt_of_yesterday_is_not_admitted(desk: Desk) -> None:
    """A message that speaks of an attempt before the current one moves nothing."""
    desk.enter("a")
    desk.admit("a")
    desk.settle("a")
    desk.requeue("a")
    assert ["moved", "queued"] == desk.admit("a", attempt_no=1)
    assert "admitted" == desk.admit("a", attempt_no=2)[0]
    assert {"a.2"} == desk.slots()
