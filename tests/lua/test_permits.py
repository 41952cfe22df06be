"""What becomes of a permit: the window it is for, its return where it was not used, and bursts at any rate."""

import random

from desk import HOUR, MS, PERMIT, PROBE, USD, Desk

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.keys import DAY, Period
from overcrank.lifecycle import State


def test_a_permit_is_for_the_window_it_was_reserved_in(desk: Desk) -> None:
    """Half a second before it ends it is over: the call takes time, and the next window's bill has no room for it."""
    desk.limits(cap=3 * USD)
    desk.now += HOUR - 600 * MS
    for name in "abc":
        desk.enter(name)
        assert "admitted" == desk.admit(name)[0]
    desk.pass_time(100 * MS - 1)
    assert "go" == desk.claim("a")[0]
    for passing in (1, 499 * MS, MS):
        desk.pass_time(passing)
        assert ["aged", "2"] == desk.claim("b")
    assert "moved" == desk.requeue("b", booked=True)[0]
    assert "admitted" == desk.admit("b")[0]
    assert ((2 * USD, 0), (USD, 0)) == (desk.book(desk.now - 1), desk.book())
    assert "go" == desk.claim("b", number=2)[0]


def test_nothing_is_let_through_that_might_be_charged_in_the_next_window(desk: Desk) -> None:
    """Half a second before the end, or the fortieth part of a shorter window, all wait for its end."""
    for length, before in ((HOUR, 500 * MS), (8 * SECOND, 200 * MS)):
        desk.redis.flushall()
        desk.limits(window=length, interval=1)
        desk.doubtful("again", period=Period.at(desk.now, length))
        desk.now += length - desk.now % length - before - 1
        period, end = Period.at(desk.now, length), desk.now + before + 1
        for name in "ab":
            desk.enter(name)
        assert "admitted" == desk.admit("a", period=period)[0]
        desk.pass_time(1)
        assert ["deferred", "window-end", str(end)] == desk.admit("b", period=period)[:3]
        assert ["deferred", "window-end", str(end)] == desk.resend(job_id="again", period=period)[:3]
        desk.now = end
        assert "admitted" == desk.admit("b", period=Period.at(desk.now, length))[0]


def test_a_permit_is_for_the_day_it_was_reserved_in(desk: Desk) -> None:
    """Also where the window goes on beyond midnight."""
    five = 5 * HOUR  # does not divide a day
    desk.limits(window=five)
    desk.now += DAY - desk.now % DAY - SECOND
    desk.enter("a")
    assert "admitted" == desk.admit("a", period=Period.at(desk.now, five))[0]
    desk.pass_time(SECOND)
    assert "aged" == desk.claim("a", period=Period.at(desk.now, five))[0]


def test_the_server_says_which_window_it_is_to_who_wants_to_send(desk: Desk) -> None:
    """And where it does not know how long one is, nobody sends."""
    desk.enter("a")
    desk.admit("a")
    right = ["window", *map(str, desk.period())]
    assert right == desk.claim("a", period=desk.period(desk.now - HOUR))
    desk.redis.delete(desk.keys.limits)
    assert "aged" == desk.claim("a")[0]


def asked(desk: Desk, *names: str) -> list[str]:
    """Ask for each and return what was said."""
    for name in names:
        if not desk.job(name):
            desk.enter(name)
            desk.pass_time(1)
    return [desk.admit(name)[0] for name in names]


def test_a_permit_that_was_not_used_returns_with_its_place_in_the_rate(desk: Desk) -> None:
    """Slot, money and time: who is next need not wait for a call that nobody made."""
    desk.limits(interval=10 * SECOND, burst=2)
    assert ["admitted", "admitted", "deferred"] == asked(desk, "a", "b", "c")
    desk.pass_time(PERMIT + 1)
    assert "aged" == desk.claim("a")[0]
    desk.requeue("a", booked=True)
    desk.scripts.leave("a")
    assert "admitted" == desk.admit("c")[0]
    desk.enter("d")
    assert ["deferred", "rate"] == desk.admit("d")[:2]


def test_all_unused_permits_of_a_dead_worker_return(desk: Desk) -> None:
    """As many as it had."""
    desk.limits(interval=10 * SECOND, burst=3)
    asked(desk, "a", "b", "c")
    for name in "abc":
        desk.requeue(name, booked=True)
    assert ["admitted"] * 3 == asked(desk, "d", "e", "f")
    assert ["deferred"] == asked(desk, "g")


def test_a_call_that_may_have_been_made_keeps_its_place_in_the_rate(desk: Desk) -> None:
    """The provider has counted it, whatever it answered."""
    desk.limits(interval=10 * SECOND, burst=1)
    asked(desk, "a")
    desk.claim("a")
    books = ("a.1", desk.books("a.1"), 0, 2)
    desk.move("a", State.SUBMITTING, State.QUEUED, fields={"attempt_no": 2}, booked=books)
    assert ["deferred"] == asked(desk, "b")


def test_a_permit_does_not_return_where_a_later_call_found_the_bucket_full(desk: Desk) -> None:
    """A bucket holds one burst: what it could not hold while the permit was away is not there afterwards."""
    desk.limits(interval=SECOND, burst=2)
    asked(desk, "a")
    desk.pass_time(PERMIT)  # by now it would be full without the call that was not made, too
    assert ["admitted", "admitted", "deferred"] == asked(desk, "b", "c", "d")
    desk.requeue("a", booked=True)
    desk.scripts.leave("a")
    assert ["deferred"] == asked(desk, "d")


def test_permits_return_no_more_often_than_those_let_through_meanwhile_allow(desk: Desk) -> None:
    """Two that come back would have found the bucket full at a call between: one of them does not count."""
    desk.limits(interval=SECOND, burst=4)
    asked(desk, "a", "b", "c")
    desk.pass_time(SECOND - 4)
    asked(desk, "d")  # it found two missing
    before = int(desk.redis.hget(desk.keys.lane, "tat"))
    for name in "abc":
        desk.requeue(name, booked=True)
    assert before - 2 * SECOND == int(desk.redis.hget(desk.keys.lane, "tat"))


def test_no_permit_from_before_a_complaint_returns(desk: Desk) -> None:
    """After a cool-down there is one, and then one an interval."""
    desk.limits(interval=SECOND, burst=2)
    asked(desk, "a", "b")
    desk.pass_time(1)
    desk.cool(SECOND, kind="none")
    before = desk.redis.hget(desk.keys.lane, "tat")
    desk.requeue("a", booked=True)
    assert before == desk.redis.hget(desk.keys.lane, "tat")


def test_nothing_returns_to_a_lane_that_was_lost(desk: Desk) -> None:
    """How fast it went is not known any more, so nothing is taken off what is assumed."""
    desk.limits(interval=SECOND, burst=2)
    asked(desk, "a")
    lost = desk.redis.hgetall(desk.keys.lane)
    desk.redis.delete(desk.keys.lane)
    desk.redis.hset(desk.keys.lane, mapping={"tat": desk.now + 9 * SECOND, "epoch": lost["epoch"]})
    desk.requeue("a", booked=True)
    assert str(desk.now + 9 * SECOND) == desk.redis.hget(desk.keys.lane, "tat")


def broken(desk: Desk) -> None:
    """Open the breaker and let its pause pass."""
    desk.scripts.heard("x.1", good=False, admitted_us=0, threshold=1, pause_us=SECOND, longest_us=SECOND, now=desk.now)
    desk.pass_time(SECOND)


def test_a_probe_that_was_not_sent_lets_another_be_it(desk: Desk) -> None:
    """Its permit aged: nobody waits for the end of a lease on a call that will not be made."""
    broken(desk)
    assert ["admitted"] == asked(desk, "a")
    desk.pass_time(PERMIT + 1)
    desk.requeue("a", booked=True)
    desk.scripts.leave("a")
    assert ["admitted"] == asked(desk, "b")


def test_who_was_not_the_probe_takes_nothing_from_it(desk: Desk) -> None:
    """Another's unused permit leaves the probe alone."""
    asked(desk, "a")
    broken(desk)
    assert ["admitted"] == asked(desk, "b")
    desk.requeue("a", booked=True)
    desk.scripts.leave("a")
    assert ["deferred"] == asked(desk, "c")
    desk.pass_time(PROBE)
    assert ["admitted"] == asked(desk, "c")


def test_a_bad_answer_told_twice_counts_once(desk: Desk) -> None:
    """Its first report may have been lost; the same attempt sent again is another call."""
    told = {"good": False, "threshold": 3, "pause_us": SECOND, "longest_us": SECOND}
    said = [desk.scripts.heard("a.1", admitted_us=at, now=desk.now, **told)[0] for at in (1, 1, 1, 2, 2, 3)]
    assert ["closed"] * 5 + ["open"] == said


def test_dead_holders_cost_nobody_a_wait(desk: Desk) -> None:
    """However many went away, who is there is told the moment of the next permit, and that at once."""
    desk.limits(interval=100 * MS, burst=1)
    for number in range(128):
        desk.enter(f"d{number:03}", Priority.URGENT, now=desk.now + number)
        desk.admit(f"d{number:03}")
    desk.pass_time(60 * SECOND)
    desk.enter("here")
    assert "admitted" == desk.admit("here")[0]
    assert [] == desk.redis.zrange(desk.keys.holders, 0, -1)


def test_a_question_takes_out_a_bounded_number_of_the_dead(desk: Desk) -> None:
    """Five hundred each time, so that no decision takes long; the next questions take out the rest."""
    desk.limits(concurrency=1)
    dead = {f"d{number:04}": number for number in range(1200)}
    for key, value in ((desk.keys.holders, -1), (desk.keys.present, 1)):
        desk.redis.zadd(key, dict.fromkeys(dead, value))
    desk.redis.hset(desk.keys.quotes, mapping=dead)
    desk.enter("here")
    for left, said in ((701, "deferred"), (201, "deferred"), (0, "admitted")):
        assert (said, left) == (desk.admit("here")[0], desk.redis.zcard(desk.keys.holders))


def test_a_holder_of_whom_all_else_is_lost_holds_up_nobody(desk: Desk) -> None:
    """Who is alive asks again and is known again; who is dead would block the line for ever."""
    desk.limits(concurrency=1)
    asked(desk, "running", "dead")
    desk.redis.delete(desk.keys.present)
    desk.settle("running")
    said = [answer for _ in range(2) for answer in asked(desk, "here")]
    assert "admitted" == said[-1]


def bill(calls: list[int], rate: int, burst: int, late: random.Random) -> int:
    """Return how many calls a strict bucket refuses where each arrives up to 50 ms later than another."""
    arrivals = sorted(at + late.randrange(SECOND // 20) for at in calls)
    tokens, before, refused = float(burst), arrivals[0], 0
    for at in arrivals:
        tokens = min(burst, tokens + (at - before) * rate / SECOND)
        before = at
        refused += tokens < 1
        tokens -= tokens >= 1
    return refused


def test_a_fast_lane_bursts_as_configured_and_is_never_refused(desk: Desk) -> None:
    """At 100/s and a burst of 15 a pause is followed by 14 at once; then calls may pass each other without a 429."""
    desk.limits(interval=SECOND // 100, burst=14)
    passed: list[int] = []
    for number in range(80):
        if number in {30, 60}:
            desk.pass_time(SECOND)
        name = f"j{number:02}"
        desk.enter(name)
        while (answer := desk.admit(name))[0] != "admitted":
            desk.now = int(answer[2])
        passed.append(desk.now)
    for first in (0, 30, 60):
        assert 14 == passed.count(passed[first])
        assert passed[first + 14] - passed[first] <= 100 * MS
        assert passed[first + 19] - passed[first + 14] == 5 * SECOND // 100
    chance = random.Random(1)
    assert [0] * 50 == [bill(passed, 100, 15, chance) for _ in range(50)]


def test_a_burst_leaves_together_or_not_at_all(desk: Desk) -> None:
    """What is late meets what follows: after fifty milliseconds the rest of it is the margin."""
    desk.limits(interval=SECOND // 100, burst=14)
    desk.enter("first")
    desk.admit("first")
    desk.pass_time(60 * MS)
    assert 5 == asked(desk, *(f"a{number}" for number in range(10))).count("admitted")


def test_those_ahead_have_the_burst(desk: Desk) -> None:
    """Who comes first finds it taken by those before him in line."""
    desk.limits(interval=SECOND // 100, burst=14, concurrency=1)
    for number in range(14):
        desk.enter(f"a{number:02}", now=desk.now + number)
    desk.enter("running", Priority.URGENT)
    desk.admit("running")
    for number in range(13):
        desk.admit(f"a{number:02}")
    desk.limits(interval=SECOND // 100, burst=14)
    assert ["deferred", "rate"] == desk.admit("a13")[:2]
    assert "admitted" == desk.admit("a12")[0]


def test_a_burst_is_not_saved_up_while_calls_go_on(desk: Desk) -> None:
    """Only a rested lane bursts: one call an interval leaves no room for fourteen at once."""
    desk.limits(interval=SECOND // 100, burst=14)
    assert ["admitted"] * 14 == asked(desk, *(f"a{number}" for number in range(14)))
    desk.pass_time(100 * MS)
    for number in range(20):
        desk.pass_time(20 * MS if number < 3 else 10 * MS)
        assert ["admitted"] == asked(desk, f"b{number}")
    assert 5 >= asked(desk, *(f"c{number}" for number in range(14))).count("admitted")
