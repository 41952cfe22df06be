"""What the open attempts hold is summed where they are, so that who asks needs no memory for each of them."""

from desk import HOUR, USD, Desk
from redis import Redis

from overcrank.scripts import Scripts


def books(desk: Desk) -> tuple[str, str]:
    """Return the lane's books of now."""
    window, day, *_ = desk.keys.books_of("default", desk.period())
    return window, day


def admitted(desk: Desk, *jobs: str, **how: int) -> None:
    """Enter jobs and admit them."""
    for job_id in jobs:
        desk.enter(job_id, project=f"of-{job_id}")
        assert "admitted" == desk.admit(job_id, **how)[0]


def held(desk: Desk, *of: str) -> dict[str, tuple[str, int]]:
    """Ask what is held in some books, in those of now where none is named."""
    return desk.scripts.held(of or books(desk))


def test_a_book_of_the_lane_holds_what_its_open_attempts_do(desk: Desk) -> None:
    """Whatever project they are of; what is settled is held no more."""
    admitted(desk, "a", "b", "c", quote=USD)
    desk.settle("b", USD)
    assert dict.fromkeys(books(desk), (str(2 * USD), 2 * USD)) == held(desk)


def test_an_attempt_is_held_in_its_own_window(desk: Desk) -> None:
    """The next has what was admitted in it, and both days are one."""
    admitted(desk, "a", quote=3)
    window, day = books(desk)
    desk.pass_time(HOUR)
    admitted(desk, "b", quote=4)
    assert {window: ("3", 3), books(desk)[0]: ("4", 4), day: ("7", 7)} == held(desk, window, *books(desk))


def test_what_a_book_says_is_said_beside_it(desk: Desk) -> None:
    """Also where it says nothing, or something that can not be."""
    admitted(desk, "a", quote=3)
    window, day = books(desk)
    desk.redis.hset(window, "reserved", "abc")
    desk.redis.hdel(day, "reserved")
    assert {window: ("abc", 3), day: ("", 3), "none": ("", 0)} == held(desk, window, day, "none")


def test_a_record_that_says_no_amount_counts_for_nothing(desk: Desk) -> None:
    """Nor does one that is gone, and the others count all the same."""
    admitted(desk, "a", "b", "c", "d", quote=3)
    desk.redis.hset(desk.keys.attempt("a.1"), "open", "-3")
    desk.redis.hdel(desk.keys.attempt("b.1"), "books")
    desk.redis.delete(desk.keys.attempt("c.1"))
    assert {3} == {amount for _, amount in held(desk).values()}


def test_it_needs_no_key_that_is_not_ours(redis: Redis, server_url: str) -> None:
    """A server that lets its user at our own keys alone answers all the same."""
    desk = Desk(redis)
    admitted(desk, "a", quote=3)
    redis.acl_setuser("ours", enabled=True, nopass=True, keys=[f"{desk.keys.prefix}*"], commands=["+@all"])
    with Redis.from_url(server_url, username="ours", password="any", decode_responses=True) as theirs:
        said = Scripts(theirs, desk.keys).held(books(desk))
    redis.acl_deluser("ours")
    assert dict.fromkeys(books(desk), ("3", 3)) == said


def test_all_count_however_many_there_are(desk: Desk) -> None:
    """They are gone through some at a time."""
    window, day = books(desk)
    pipe = desk.redis.pipeline(transaction=False)
    for number in range(2_500):
        pipe.hset(desk.keys.attempt(f"j{number}.1"), mapping={"books": f"{window} {day} p d", "open": number})
        pipe.expire(desk.keys.attempt(f"j{number}.1"), 3600)
        pipe.zadd(desk.keys.open, {f"j{number}.1": number})
    pipe.execute()
    assert {2_500 * 2_499 // 2} == {amount for _, amount in held(desk).values()}
