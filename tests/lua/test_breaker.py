"""The breaker, and how many generations there may be at once after the provider said there are too many."""

from itertools import count

from desk import MS, PROBE, Desk

from overcrank.clock import SECOND

CALLS = count()


def hear(
    desk: Desk, *, good: bool, attempt: str | None = None, admitted: int | None = None, threshold: int = 3
) -> list[str]:
    """Say what came of a call, each time of another."""
    return list(
        desk.scripts.heard(
            attempt or f"x{next(CALLS)}.1", good=good, admitted_us=desk.now if admitted is None else admitted,
            threshold=threshold, pause_us=2 * SECOND, longest_us=5 * SECOND, now=desk.now,
        )
    )  # fmt: skip


def broken(desk: Desk) -> int:
    """Open the breaker and return until when it is."""
    for _ in range(2):
        assert ["closed"] == hear(desk, good=False)
    return int(hear(desk, good=False)[1])


def test_bad_answers_in_a_row_hold_everyone(desk: Desk) -> None:
    """The third opens it, and one in between that was good would have begun the count anew."""
    hear(desk, good=False)
    hear(desk, good=False)
    hear(desk, good=True)
    desk.enter("a")
    until = broken(desk)
    assert desk.now + 2 * SECOND == until
    assert ["deferred", "breaker", str(until)] == desk.admit("a")[:3]
    assert ["deferred", "breaker"] == desk.resend()[:2]


def test_a_breaker_can_be_switched_off(desk: Desk) -> None:
    """Zero never opens."""
    assert {"closed"} == {hear(desk, good=False, threshold=0)[0] for _ in range(20)}


def test_those_that_were_under_way_open_it_no_further(desk: Desk) -> None:
    """One flight of failed calls is one sign."""
    until = broken(desk)
    desk.pass_time(SECOND)
    assert ["open", str(until)] == hear(desk, good=False)


def test_after_the_pause_one_may_try(desk: Desk) -> None:
    """The first in line is the probe; the next waits for what becomes of it, and a good answer lets all go on."""
    for name in "ab":
        desk.enter(name)
        desk.pass_time(1)
    desk.now = broken(desk)
    assert "admitted" == desk.admit("a")[0]
    assert ["deferred", "breaker"] == desk.admit("b")[:2]
    assert ["go", "3", str(desk.now), 1] == desk.claim("a")
    assert ["closed"] == hear(desk, good=True, attempt="a.1")
    assert "admitted" == desk.admit("b")[0]


def test_who_comes_first_is_not_the_probe(desk: Desk) -> None:
    """The best in line is."""
    for name in "ab":
        desk.enter(name)
        desk.pass_time(1)
    until = broken(desk)
    desk.admit("a")
    desk.now = until
    assert ["deferred", "breaker"] == desk.admit("b")[:2]
    assert "admitted" == desk.admit("a")[0]


def test_a_bad_probe_makes_the_pause_longer_up_to_a_bound(desk: Desk) -> None:
    """Two seconds, four, and then five for ever."""
    pauses = []
    until = broken(desk)
    for number in range(4):
        pauses.append(until - desk.now)
        desk.now = until
        desk.enter(f"p{number}")
        assert "admitted" == desk.admit(f"p{number}")[0]
        until = int(hear(desk, good=False, attempt=f"p{number}.1")[1])
    assert [2 * SECOND, 4 * SECOND, 5 * SECOND, 5 * SECOND] == pauses


def test_a_dead_prober_blocks_nobody_for_ever(desk: Desk) -> None:
    """Its lease runs out, and the next one is the probe."""
    for name in "ab":
        desk.enter(name)
        desk.pass_time(1)
    desk.now = broken(desk)
    desk.admit("a")
    desk.pass_time(PROBE - 1)
    assert ["deferred", "breaker"] == desk.admit("b")[:2]
    desk.pass_time(1)
    assert "admitted" == desk.admit("b")[0]


def test_a_good_answer_from_before_the_trouble_proves_nothing(desk: Desk) -> None:
    """One that was let through afterwards does."""
    before = desk.now
    desk.pass_time(1)
    until = broken(desk)
    assert ["open", str(until)] == hear(desk, good=True, admitted=before)
    assert ["closed"] == hear(desk, good=True, admitted=desk.now + 1)


def test_who_waits_for_the_breaker_is_woken(desk: Desk) -> None:
    """As soon as it is closed, and not by each good answer."""
    with desk.redis.pubsub(ignore_subscribe_messages=True) as listening:
        listening.subscribe(desk.keys.wake)
        while not listening.subscribed or listening.get_message(timeout=0.1):
            pass
        hear(desk, good=True)
        until = broken(desk)
        desk.now = until
        hear(desk, good=True)
        desk.redis.publish(desk.keys.wake, "end")
        said = []
        while "end" not in said:
            message = listening.get_message(timeout=1)
            said += [message["data"]] if message else []
    assert ["lane", "end"] == said


def crowd(desk: Desk, count: int, concurrency: int) -> None:
    """Have so many generations at the provider."""
    desk.limits(concurrency=concurrency)
    for number in range(count):
        desk.enter(f"c{number}")
        desk.admit(f"c{number}")
    desk.enter("next")


def test_too_many_at_once_lowers_the_slots_and_not_the_rate(desk: Desk) -> None:
    """There shall be no more than there were without the one that was refused."""
    crowd(desk, 6, 10)
    assert (desk.now, 1_000_000) == desk.cool(9 * SECOND, kind="concurrency")
    desk.settle("c0")
    assert ["deferred", "slots"] == desk.admit("next")[:2]
    desk.settle("c1")
    assert "admitted" == desk.admit("next")[0]


def test_one_flight_lowers_the_slots_once_and_a_later_one_again(desk: Desk) -> None:
    """Calls that left together are one sign; and each is at least one fewer."""
    crowd(desk, 6, 10)
    sent = desk.now
    desk.pass_time(1)
    for _ in range(3):
        desk.cool(1, sent, kind="concurrency")
        desk.pass_time(1)
    assert "5" == desk.redis.hget(desk.keys.lane, "ceiling")
    desk.cool(1, kind="concurrency")
    assert "4" == desk.redis.hget(desk.keys.lane, "ceiling")


def test_lowered_slots_come_back_one_every_ten_seconds(desk: Desk) -> None:
    """So the provider is asked for more now and then, and never for more than is configured."""
    crowd(desk, 3, 3)
    desk.cool(1, kind="concurrency")
    desk.settle("c0")
    assert ["deferred", "slots"] == desk.admit("next")[:2]
    desk.pass_time(10 * SECOND - 1)
    assert ["deferred", "slots"] == desk.admit("next")[:2]
    desk.pass_time(1)
    assert "admitted" == desk.admit("next")[0]
    desk.pass_time(600 * SECOND)
    desk.enter("more")
    assert ["deferred", "slots"] == desk.admit("more")[:2]


def test_where_somebody_else_has_all_slots_the_lane_waits(desk: Desk) -> None:
    """With one generation of ours there is nothing to lower."""
    crowd(desk, 1, 3)
    assert desk.now + SECOND == desk.cool(SECOND, kind="concurrency")[0]
    assert ["deferred", "cool-down"] == desk.admit("next")[:2]


def test_without_a_limit_the_provider_sets_one(desk: Desk) -> None:
    """Zero is none, until a refusal says how many there may be."""
    crowd(desk, 5, 0)
    desk.pass_time(MS)
    desk.cool(1, kind="concurrency")
    assert ["deferred", "slots"] == desk.admit("next")[:2]
