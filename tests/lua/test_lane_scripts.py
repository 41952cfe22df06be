"""Due jobs, heartbeats, the shared cool-down, and permits to repeat."""

from desk import HOUR, LEASE, MS, Desk

from overcrank.clock import SECOND
from overcrank.lifecycle import State


def test_who_takes_a_due_job_has_it_for_a_lease(desk: Desk) -> None:
    """The longest overdue come first, no more than asked for, and nobody else gets them meanwhile."""
    for number, job_id in enumerate("abcd"):
        desk.redis.zadd(desk.keys.due, {job_id: desk.now - 4 + number})
    desk.redis.zadd(desk.keys.due, {"later": desk.now + 1})
    assert ["a", "b", "c"] == desk.scripts.due(3, LEASE, now=desk.now)
    assert ["d"] == desk.scripts.due(3, LEASE, now=desk.now)
    assert [] == desk.scripts.due(3, LEASE, now=desk.now)
    desk.pass_time(1)
    assert ["later"] == desk.scripts.due(3, LEASE, now=desk.now)
    desk.pass_time(LEASE - 2)
    assert [] == desk.scripts.due(3, LEASE, now=desk.now)
    desk.pass_time(1)
    assert ["a", "b", "c"] == desk.scripts.due(3, LEASE, now=desk.now)


def test_one_run_at_a_time_has_a_jobs_bytes_and_is_counted(desk: Desk) -> None:
    """Another gets nothing until they are given back or the lease is over; a retired job is not written again."""
    desk.enter("a")
    hand = desk.keys.hand("a")
    assert (1, -1) == (
        desk.scripts.grip("a", "anna", 5000, counted=True), desk.scripts.grip("a", "ben", 5000, counted=True),
    )  # fmt: skip
    assert ("anna", True) == (desk.redis.get(hand), 0 < desk.redis.pttl(hand) <= 5000)
    desk.redis.delete(hand)
    assert 2 == desk.scripts.grip("a", "ben", 5000, counted=True)
    desk.redis.delete(hand)
    assert (0, "2") == (desk.scripts.grip("a", "ben", 5000, counted=False), desk.job("a")["runs"])
    assert (0, {}) == (desk.scripts.grip("retired", "ben", 5000, counted=True), desk.job("retired"))


def test_a_heartbeat_renews_the_jobs_in_hand_and_no_others(desk: Desk) -> None:
    """A job that went on to another state, or left the due set, is not pulled back."""
    for job_id in "abc":
        desk.enter(job_id)
        desk.admit(job_id)
    desk.claim("b")
    desk.redis.zrem(desk.keys.due, "c")
    desk.pass_time(SECOND)
    in_hand = [("a", State.ADMITTED), ("b", State.ADMITTED), ("c", State.ADMITTED), ("nobody", State.ADMITTED)]
    assert 1 == desk.scripts.renew("anna", LEASE, in_hand, now=desk.now)
    assert desk.redis.zscore(desk.keys.due, "a") == desk.now + LEASE
    assert desk.redis.zscore(desk.keys.due, "b") == desk.now - SECOND + LEASE
    assert desk.redis.zscore(desk.keys.due, "c") is None
    assert desk.redis.zscore(desk.keys.due, "nobody") is None


def test_a_heartbeat_says_that_a_worker_is_alive_and_forgets_the_long_dead(desk: Desk) -> None:
    """The list of workers does not grow for ever."""
    desk.scripts.renew("old", LEASE, [], now=desk.now)
    desk.pass_time(HOUR + LEASE - 1)
    desk.scripts.renew("anna", LEASE, [], now=desk.now)
    assert {"old", "anna"} == set(desk.redis.zrange(desk.keys.workers, 0, -1))
    desk.pass_time(1)
    desk.scripts.renew("anna", LEASE, [], now=desk.now)
    assert [("anna", desk.now + LEASE)] == desk.redis.zrange(desk.keys.workers, 0, -1, withscores=True)


def test_one_flight_of_refusals_lowers_the_rate_once(desk: Desk) -> None:
    """Seven calls that left together and were all refused are one sign, not seven."""
    sent = desk.now
    desk.pass_time(SECOND)
    assert {700_000} == {desk.cool(SECOND, sent)[1] for _ in range(7)}
    assert 490_000 == desk.cool(SECOND, desk.now + 1)[1]


def test_a_refusal_for_concurrency_does_not_lower_the_rate(desk: Desk) -> None:
    """It waits, and goes on as fast as before."""
    assert (desk.now + SECOND, 1_000_000) == desk.cool(SECOND, kind="none")


def test_the_rate_never_falls_below_a_tenth(desk: Desk) -> None:
    """However often the provider complains."""
    for _ in range(20):
        lowest = desk.cool(1, desk.now + 1)[1]
        desk.pass_time(2)
    assert 100_000 == lowest


def test_a_lowered_rate_recovers_by_two_percent_a_second(desk: Desk) -> None:
    """After fifteen seconds without another cut it is whole again, and never more than that."""
    desk.cool(1, desk.now)
    for after, expected in ((1, 720_000), (4, 800_000), (9, 980_000 - 80_000 + 80_000), (86_400, 1_000_000)):
        desk.pass_time(after * SECOND)
        assert expected == desk.cool(1, 0, kind="none")[1]


def test_the_longest_cool_down_counts(desk: Desk) -> None:
    """A later, shorter one does not shorten it."""
    until, _ = desk.cool(10 * SECOND)
    assert until == desk.cool(SECOND)[0]
    assert until + SECOND == desk.cool(11 * SECOND)[0]


def test_a_cool_down_ends_without_a_burst(desk: Desk) -> None:
    """One call, and then one an interval at the lowered rate: the provider has just complained."""
    desk.limits(interval=100 * MS, burst=5)
    for job_id in "abcd":
        desk.enter(job_id)
    desk.now, _ = desk.cool(2 * SECOND)
    spacing = -(-100 * MS * 1_000_000 // 740_000)  # seven tenths, and two seconds of recovery
    assert ["admitted", "deferred"] == [desk.admit(job_id)[0] for job_id in "ab"]
    assert desk.now + spacing == int(desk.admit("b")[2])
    desk.pass_time(spacing)
    assert ["admitted", "deferred"] == [desk.admit(job_id)[0] for job_id in "bc"]


def test_a_lowered_rate_frees_no_permit(desk: Desk) -> None:
    """After a whole burst and a short cool-down the next call waits for a whole interval of the lower rate."""
    desk.limits(interval=100 * MS, burst=4)
    for job_id in "abcde":
        desk.enter(job_id)
        desk.admit(job_id)
    started = desk.now
    until, _ = desk.cool(1)
    desk.now = until
    assert 142_850 <= int(desk.admit("e")[2]) - started <= 142_860


def test_a_lowered_rate_spaces_admissions_wider(desk: Desk) -> None:
    """At seven tenths of the rate an interval is ten sevenths as long, rounded up."""
    desk.limits(interval=100 * MS, burst=1)
    desk.now, _ = desk.cool(1)
    for job_id in "ab":
        desk.enter(job_id)
    desk.admit("a")
    assert desk.now + 142_858 == int(desk.admit("b")[2])


def test_a_permit_to_repeat_takes_its_turn_in_the_rate(desk: Desk) -> None:
    """It is one more call for the provider, so it counts like any other; its slot it has from then on."""
    desk.limits(interval=100 * MS, burst=2, concurrency=1)
    assert ["go", str(desk.now), "2"] == desk.resend()
    assert "go" == desk.resend()[0]
    at = desk.now + 100 * MS
    assert ["deferred", "rate", str(at)] == desk.resend()[:3]
    assert "deferred" == desk.resend(at - 1)[0]
    assert "go" == desk.resend(at)[0]
    assert {"again.1"} == desk.slots()


def test_calls_and_repetitions_share_one_rate(desk: Desk) -> None:
    """After a repetition the next admission waits."""
    desk.limits(interval=100 * MS, burst=1)
    desk.resend()
    desk.enter("a")
    assert ["deferred", "rate"] == desk.admit("a")[:2]


def test_nothing_is_repeated_while_nobody_may_call(desk: Desk) -> None:
    """A stopped lane, a cool-down and lost limits hold repetitions too."""
    later = ["deferred", str(desk.now + 2 * SECOND)]
    desk.redis.hset(desk.keys.lane, "stopped", "key")
    assert later == desk.resend()[::2]
    desk.redis.hdel(desk.keys.lane, "stopped")
    desk.cool(2 * SECOND, kind="none")
    assert later == desk.resend()[::2]
    desk.redis.hdel(desk.keys.lane, "cool", "tat")
    assert "go" == desk.resend()[0]
    desk.redis.delete(desk.keys.limits)
    assert later == desk.resend()[::2]


def test_without_a_rate_everything_may_be_repeated(desk: Desk) -> None:
    """Zero is no limit."""
    assert {"go"} == {desk.resend()[0] for _ in range(50)}


def test_scripts_take_the_servers_time_where_no_other_is_given(desk: Desk) -> None:
    """A worker's clock never counts."""
    seconds, micro = desk.redis.time()
    server = int(seconds) * SECOND + int(micro)
    entered = desk.enter("a", now=None)
    assert 0 <= int(entered[2]) - server < 5 * SECOND
