"""What a background cost is shared by those that have it, to the last micro-dollar."""

import fakeredis
from desk import Desk
from hypothesis import given
from hypothesis import strategies as st


def background(desk: Desk, cost: int, users: int, promised: int = 0) -> None:
    """Enter a background that cost so much, and those that use it."""
    desk.enter("back")
    for number in range(users):
        desk.enter(f"u{number}", background="back")
    desk.redis.hset(desk.keys.job("back"), mapping={"cost": cost, **({"promised": promised} if promised else {})})


def take(desk: Desk, job_id: str, cost: int) -> list:
    """Book a job's part, and return what was said."""
    answer, amount = desk.scripts.take(job_id, "back", cost)
    return [answer, int(amount)]


def test_each_has_an_equal_part(desk: Desk) -> None:
    """Those that are entered count, also where they have not come yet."""
    background(desk, 10, 3)
    assert [["share", 3], ["share", 3], ["share", 4]] == [take(desk, f"u{number}", 10) for number in range(3)]
    assert ("10", "3", "3") == tuple(desk.job("back")[name] for name in ("shared", "users", "takers"))
    assert "4" == desk.job("u2")["share"]


def test_a_part_is_booked_once(desk: Desk) -> None:
    """Asked again it is the same, and nothing more is shared."""
    background(desk, 10, 2)
    assert [["share", 5]] * 2 == [take(desk, "u0", 10) for _ in range(2)]
    assert "5" == desk.job("back")["shared"]


def test_those_that_are_promised_count(desk: Desk) -> None:
    """A batch says how many will come, so its first lines do not pay for the others."""
    background(desk, 100, 1, promised=10)
    assert ["share", 10] == take(desk, "u0", 100)
    for number in range(1, 10):
        desk.enter(f"u{number}", background="back")
    assert [["share", 10]] * 9 == [take(desk, f"u{number}", 100) for number in range(1, 10)]


def test_who_comes_when_all_is_shared_pays_nothing(desk: Desk) -> None:
    """It is paid for; no part is taken back from anybody."""
    background(desk, 7, 1)
    take(desk, "u0", 7)
    desk.enter("late", background="back")
    assert ["share", 0] == take(desk, "late", 7)


def test_what_is_believed_of_the_cost_is_checked(desk: Desk) -> None:
    """A caller that saw another cost is told, and books nothing."""
    background(desk, 7, 1)
    assert ["stale", 7] == take(desk, "u0", 5)
    assert "share" not in desk.job("u0")


def test_a_background_that_is_gone_is_not_made_up(desk: Desk) -> None:
    """Its record has been retired: there is nothing to count in."""
    desk.enter("u0", background="back")
    assert {} == desk.job("back")


@given(st.integers(0, 10**9), st.integers(1, 12), st.integers(0, 12), st.data())
def test_the_parts_are_the_cost_exactly(cost, users, promised, data) -> None:
    """Whatever it cost and in whatever order they come; no two parts differ by more than one micro-dollar."""
    desk = Desk(fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True))
    background(desk, cost, users, promised)
    for number in range(users, promised):
        desk.enter(f"u{number}", background="back")
    order = data.draw(st.permutations(range(max(users, promised))))
    shares = [take(desk, f"u{number}", cost)[1] for number in order]
    assert (cost, True) == (sum(shares), max(shares) - min(shares) <= 1)
    assert str(cost) == desk.job("back")["shared"]
