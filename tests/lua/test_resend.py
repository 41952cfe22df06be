"""An attempt in doubt is sent once more: its permit, its slot, its money, and who may still say what it came to."""

from desk import HORIZON, HOUR, KEEP_FOR, MS, USD, Desk, replayed

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State


def spent(desk: Desk, at: int | None = None) -> list[tuple[int, int]]:
    """Return what is reserved and spent in each of the four books of a moment."""
    books = desk.keys.books_of("default", desk.period(at))
    stored = [desk.redis.hmget(key, "reserved", "spent") for key in books]
    return [(int(reserved or 0), int(paid or 0)) for reserved, paid in stored]


def test_a_slot_that_lapsed_is_taken_anew_or_waited_for(desk: Desk) -> None:
    """The provider has no more at once than it may, also where one comes back after its horizon."""
    desk.limits(concurrency=1)
    desk.doubtful("a")
    desk.pass_time(HORIZON)
    desk.enter("b")
    assert "admitted" == desk.admit("b")[0]
    assert ["deferred", "slots"] == desk.resend(job_id="a")[:2]
    desk.settle("b")
    assert "go" == desk.resend(job_id="a")[0]
    assert {"a.1"} == desk.slots()
    desk.enter("c")
    desk.pass_time(HORIZON - 1)
    assert ["deferred", "slots"] == desk.admit("c")[:2]


def test_a_slot_that_is_held_is_held_for_longer(desk: Desk) -> None:
    """The provider may begin only now; with its own slot it waits for nobody's."""
    desk.limits(concurrency=1)
    desk.doubtful("a")
    desk.pass_time(SECOND)
    assert "go" == desk.resend(job_id="a")[0]
    assert desk.now + HORIZON == desk.redis.zscore(desk.keys.slots, "a.1")


def test_who_knew_the_job_before_it_was_sent_again_books_nothing(desk: Desk) -> None:
    """Its version has grown, so an operator's late word does not go to books the attempt is not in any more."""
    desk.doubtful("a")
    before, old = int(desk.job("a")["version"]), desk.books("a.1")
    desk.pass_time(HOUR)
    assert ["go", str(desk.now), str(before + 1)] == desk.resend(job_id="a")
    stored = desk.everything()
    late = {"booked": ("a.1", old, 0, 3), "ttl_s": 60}
    for version in (before, before + 1):
        said = desk.move("a", State.IN_DOUBT, State.FAILED, version=version, **late)
        assert ["stale", "in_doubt", str(before + 1)] == said
    assert stored == desk.everything()


def test_a_repeated_question_takes_no_second_permit(desk: Desk) -> None:
    """The answer may have been lost; the job is to be read again, and asked for as it is then."""
    desk.doubtful("a")
    version = int(desk.job("a")["version"])
    desk.resend(job_id="a", version=version)
    stored = desk.everything()
    assert ["moved", "in_doubt"] == desk.resend(job_id="a", version=version)
    assert stored == desk.everything()


def test_only_what_is_in_doubt_is_sent_again(desk: Desk) -> None:
    """Not what has been accepted meanwhile, not another attempt, and not what is booked in others by now."""
    desk.enter("a")
    desk.admit("a")
    desk.claim("a")
    assert ["moved", "submitting"] == desk.resend(job_id="a")
    desk.doubt("a")
    others = desk.keys.books_of("default", desk.period(desk.now + HOUR))
    assert ["moved", "in_doubt"] == desk.resend(job_id="a", books=others)
    desk.redis.hset(desk.keys.job("a"), "attempt", "a.2")
    assert ["moved", "in_doubt"] == desk.resend(job_id="a", attempt="a.1")


def test_nothing_is_sent_again_without_caps_or_books_or_while_paused(desk: Desk) -> None:
    """What closes the gate to new jobs closes it to repetitions, in whatever window they were reserved."""
    desk.doubtful("a")
    for passing in (0, HOUR):
        desk.pass_time(passing)
        caps = desk.redis.hgetall(desk.keys.caps)
        desk.redis.delete(desk.keys.caps)
        assert ["deferred", "no-limits"] == desk.resend(job_id="a")[:2]
        desk.redis.hset(desk.keys.caps, mapping=caps)
        for who in ("lane", "project:default"):
            desk.caps(**{f"paused:{who}": "stop"})
            assert ["deferred", "paused"] == desk.resend(job_id="a")[:2]
            desk.redis.hdel(desk.keys.caps, f"paused:{who}")
        epoch = desk.redis.hget(desk.keys.lane, "epoch")
        desk.redis.hdel(desk.keys.lane, "epoch")
        assert ["deferred", "books-lost"] == desk.resend(job_id="a")[:2]
        desk.redis.hset(desk.keys.lane, "epoch", epoch)
    assert "go" == desk.resend(job_id="a")[0]


def test_every_book_that_is_new_to_it_needs_room(desk: Desk) -> None:
    """The lane's and the project's, the window and the day; in a book it is in already it counts once."""
    for span in ("lane/window", "project:default/window", "lane/day", "project:default/day"):
        desk.redis.flushall()
        desk.limits(cap=1000)
        desk.doubtful("a", quote=6)
        desk.pass_time(24 * HOUR)
        desk.caps(**{span: 10})
        desk.enter("b")
        desk.admit("b", quote=5)
        assert ["deferred", "budget"] == desk.resend(job_id="a")[:2], span
        desk.settle("b", 4)
        assert "go" == desk.resend(job_id="a")[0], span
        desk.caps(**{span: 1000, "lane/day": 10, "project:default/day": 10})
        desk.pass_time(HOUR)
        assert "go" == desk.resend(job_id="a")[0], span
        assert [(6, 0), (6, 4)] * 2 == spent(desk), span


def test_what_comes_along_leaves_the_urgent_share_alone(desk: Desk) -> None:
    """A bulk job in doubt is no urgent one; an urgent one uses the share, and its use is given back in the old book."""
    desk.limits(cap=10)
    desk.caps(**{"lane/urgent": 50})
    desk.doubtful("bulk", priority=Priority.BULK, quote=4)
    desk.doubtful("urgent", priority=Priority.URGENT, quote=5)
    old = desk.window_key()
    desk.pass_time(HOUR)
    desk.enter("b", Priority.BULK)
    assert "admitted" == desk.admit("b", quote=5)[0]
    assert ["deferred", "budget"] == desk.resend(job_id="bulk")[:2]
    assert "go" == desk.resend(job_id="urgent")[0]
    assert ("0", "5") == (desk.redis.hget(old, "urgent"), desk.redis.hget(desk.window_key(), "urgent"))
    day = desk.keys.books_of("default", desk.period())[1]
    assert "5" == desk.redis.hget(day, "urgent")


def test_what_was_assumed_is_reserved_before_it_is_sent_in_a_new_window(desk: Desk) -> None:
    """It may be charged only now: so it needs room now, and the window that was assumed to be charged is not."""
    desk.limits(cap=10)
    desk.doubtful("a", quote=6)
    then = desk.now
    desk.settle("a", 6, version=1)
    desk.redis.hset(desk.keys.job("a"), mapping={"assumed": 1, "cost": 6})
    desk.pass_time(HOUR)
    desk.enter("b")
    desk.admit("b", quote=5)
    assert ["deferred", "budget"] == desk.resend(job_id="a")[:2]
    assert ((0, 6), (5, 6)) == (desk.book(then), spent(desk)[1])
    desk.settle("b")
    assert "go" == desk.resend(job_id="a")[0]
    assert ((0, 0), (6, 0)) == (desk.book(then), desk.book())
    assert {"assumed": "0", "cost": ""}.items() <= desk.job("a").items()
    assert {"open": "6", "cost": "0", "version": "0", "state": "submitting"}.items() <= desk.attempt("a").items()
    assert (-1, desk.now) == (desk.redis.ttl(desk.keys.attempt("a.1")), desk.redis.zscore(desk.keys.open, "a.1"))
    told = replayed(desk.redis.xrange(desk.keys.journal))
    assert ((0, 0), (6, 0)) == (told.get(desk.window_key(then), (0, 0)), told[desk.window_key()])
    assert ["settled", "7", "1"] == desk.settle("a", 7, version=1)


def test_what_is_known_to_be_charged_is_not_reserved_again(desk: Desk) -> None:
    """An operator said what it cost: that stands where it was booked."""
    desk.doubtful("a", quote=6)
    then = desk.now
    desk.settle("a", 6, version=3, free=False)
    desk.pass_time(HOUR)
    assert "go" == desk.resend(job_id="a")[0]
    assert ((0, 6), (0, 0)) == (desk.book(then), desk.book())


def test_a_lost_old_book_is_not_begun_from_the_middle(desk: Desk) -> None:
    """It stays away until it is rebuilt from the journal, which knows that the money came along."""
    desk.limits(cap=10)
    desk.doubtful("a", quote=6)
    old = desk.window_key()
    desk.redis.delete(old)
    desk.pass_time(HOUR)
    assert "go" == desk.resend(job_id="a")[0]
    assert ({}, (6, 0)) == (desk.redis.hgetall(old), desk.book())


def test_the_entry_of_what_came_along_stands_for_itself(desk: Desk) -> None:
    """The first entry of an attempt in doubt for long may have been trimmed from the journal."""
    desk.doubtful("a", quote=6)
    desk.pass_time(HOUR)
    desk.resend(job_id="a")
    first, carried = (entry for _, entry in desk.redis.xrange(desk.keys.journal))
    kept = ("attempt", "job", "worker", "project", "price", "quote", "urgent", "admitted", "epoch")
    assert {name: first[name] for name in kept} == {name: carried[name] for name in kept}
    assert ("carry", "6", " ".join(desk.books("a.1"))) == (carried["entry"], carried["amount"], carried["books"])


def test_a_repetition_is_timed_by_itself(desk: Desk) -> None:
    """A complaint about it is about now, not about when its job was first let through."""
    desk.limits(interval=100 * MS, burst=5)
    desk.doubtful("a")
    desk.pass_time(SECOND)
    desk.resend(job_id="a")
    assert str(desk.now) == desk.job("a")["resent"]


def test_an_attempt_sent_again_is_settled_where_it_is_booked(desk: Desk) -> None:
    """And its slot is free."""
    desk.doubtful("a")
    then = desk.now
    desk.pass_time(HOUR)
    desk.resend(job_id="a")
    said = desk.scripts.settle("a.1", desk.books("a.1"), state="charged", cost=USD, version=2, keep=False, free=True,
                               keep_for=KEEP_FOR, now=desk.now)  # fmt: skip
    assert (["settled", str(USD), "0"], set()) == (said, desk.slots())
    assert ((0, 0), (0, USD)) == (desk.book(then), desk.book())
