"""Four budgets in one step: lane and project, window and day; a share for urgent jobs; and what is lost closes it."""

from desk import HOUR, Desk, replayed

from overcrank.clip import Priority
from overcrank.keys import DAY
from overcrank.lifecycle import State


def test_every_book_there_is_is_reserved_and_settled(desk: Desk) -> None:
    """Lane and project, window and day, whether or not they have a cap: one set later finds what was spent."""
    desk.enter("a", project="film")
    desk.admit("a", quote=10)
    books = desk.keys.books_of("film", desk.period())
    assert [("10", "0")] * 4 == [tuple(desk.redis.hmget(key, "reserved", "spent")) for key in books]
    desk.settle("a", 7)
    assert [("0", "7")] * 4 == [tuple(desk.redis.hmget(key, "reserved", "spent")) for key in books]
    assert dict.fromkeys(books, (0, 7)) == replayed(desk.redis.xrange(desk.keys.journal))


def test_the_day_has_a_cap_of_its_own(desk: Desk) -> None:
    """A fresh hour does not help when the day is used up; the next day does."""
    desk.caps(**{"lane/day": 10})
    for job_id in "abc":
        desk.enter(job_id)
    desk.admit("a", quote=7)
    desk.pass_time(HOUR)
    midnight = desk.period().day + DAY
    assert ["deferred", "day-budget", str(midnight)] == desk.admit("b", quote=4)[:3]
    desk.scripts.leave("b")
    assert "admitted" == desk.admit("c", quote=3)[0]
    desk.now = midnight
    assert "admitted" == desk.admit("b", quote=4)[0]


def test_a_projects_cap_parks_its_job_and_nobody_elses(desk: Desk) -> None:
    """Its message is done with, it is in line among the parked, and the lane goes on."""
    desk.caps(**{"project:film/window": 10})
    for job_id, project in (("a", "film"), ("b", "film"), ("c", "other")):
        desk.enter(job_id, project=project)
    assert "admitted" == desk.admit("a", quote=8)[0]
    assert ["parked", "project-budget"] == desk.admit("b", quote=3)
    assert "admitted" == desk.admit("c", quote=100)[0]
    score = int(desk.job("b")["score"])
    assert {"state": "parked", "parked_for": "project-budget", "version": "2"}.items() <= desk.job("b").items()
    assert [("b", score)] == desk.redis.zrange(desk.keys.parked("film"), 0, -1, withscores=True)
    assert ["b"] == desk.redis.zrange(desk.keys.state(State.PARKED, Priority.NORMAL), 0, -1)
    assert {"film"} == desk.redis.smembers(desk.keys.parks)
    assert [] == desk.redis.zrange(desk.keys.holders, 0, -1)
    assert ["parked", "project-budget"] == desk.admit("b", quote=3)


def test_a_projects_day_parks_too(desk: Desk) -> None:
    """The tighter of the two says which."""
    desk.caps(**{"project:film/window": 10, "project:film/day": 9})
    for job_id in "ab":
        desk.enter(job_id, project="film")
    desk.admit("a", quote=5)
    assert ["parked", "project-day"] == desk.admit("b", quote=5)


def test_every_project_may_have_a_day_without_being_named(desk: Desk) -> None:
    """The day's cap for all counts as the window's does."""
    desk.caps(**{"project:*/day": 9})
    for job_id in "ab":
        desk.enter(job_id, project="film")
    desk.admit("a", quote=5)
    desk.pass_time(HOUR)
    assert ["parked", "project-day"] == desk.admit("b", quote=5)


def test_every_project_may_have_a_cap_without_being_named(desk: Desk) -> None:
    """The one for all counts where a project has none of its own."""
    desk.caps(**{"project:*/window": 5, "project:rich/window": 50})
    for job_id, project in (("a", "poor"), ("b", "poor"), ("c", "rich"), ("d", "rich")):
        desk.enter(job_id, project=project)
    assert ["admitted", "parked", "admitted", "admitted"] == [desk.admit(job_id, quote=4)[0] for job_id in "abcd"]


def test_a_clip_dearer_than_its_projects_cap_is_refused(desk: Desk) -> None:
    """Parking would never end."""
    desk.caps(**{"project:film/day": 10})
    desk.enter("a", project="film")
    assert ["refused", "10", "project"] == desk.admit("a", quote=11)


def test_a_calibrated_reservation_is_never_more_than_a_whole_cap(desk: Desk) -> None:
    """More is reserved than the price where the vendor charges more, and a clip that fits a window still runs."""
    desk.limits(cap=10)
    desk.enter("a")
    assert "admitted" == desk.admit("a", quote=8, amount=12)[0]
    assert ({"quote": "10", "price": "8"}.items() <= desk.attempt("a").items(), desk.book()) == (True, (10, 0))


def test_nobody_of_the_same_rank_takes_the_room_of_who_is_ahead(desk: Desk) -> None:
    """A later, cheaper job waits behind a dearer one of its own priority."""
    desk.limits(cap=10, concurrency=1)
    desk.enter("running")
    desk.admit("running", quote=4)
    desk.enter("dear")
    desk.pass_time(1)
    desk.enter("cheap")
    desk.admit("dear", quote=6)
    desk.limits(cap=10, concurrency=9)
    assert ["deferred", "budget"] == desk.admit("cheap", quote=1)[:2]
    assert "admitted" == desk.admit("dear", quote=6)[0]


def test_an_urgent_job_leaves_the_room_of_who_is_ahead_of_it(desk: Desk) -> None:
    """A bulk job that has waited for longer than an urgent one outranks it, its money included."""
    desk.limits(cap=10, concurrency=1)
    desk.enter("old", Priority.BULK, now=desk.now - 2 * HOUR)
    desk.enter("running", Priority.URGENT, now=desk.now - 2 * HOUR)
    desk.admit("running", quote=4)
    desk.enter("urgent", Priority.URGENT)
    desk.admit("old", quote=6)
    desk.limits(cap=10, concurrency=9)
    assert ["deferred", "budget"] == desk.admit("urgent", quote=1)[:2]
    assert "admitted" == desk.admit("old", quote=6)[0]


def test_a_share_of_the_window_is_kept_for_urgent_jobs(desk: Desk) -> None:
    """Others may use the rest, urgent jobs all of it, and what urgent jobs used is not kept once more."""
    desk.limits(cap=10)
    desk.caps(**{"lane/urgent": 40})
    for job_id in "abc":
        desk.enter(job_id)
    for job_id in "uvw":
        desk.enter(job_id, Priority.URGENT)
    assert "admitted" == desk.admit("a", quote=5)[0]
    assert ["deferred", "urgent-share", str(desk.now + HOUR)] == desk.admit("b", quote=2)[:3]
    assert "admitted" == desk.admit("u", quote=3)[0]
    assert ["deferred", "urgent-share"] == desk.admit("b", quote=2)[:2]
    desk.scripts.leave("b")
    assert "admitted" == desk.admit("c", quote=1)[0]
    assert "admitted" == desk.admit("v", quote=1)[0]
    assert ["deferred", "budget"] == desk.admit("w", quote=1)[:2]


def test_who_may_not_have_the_share_does_not_stand_in_the_way(desk: Desk) -> None:
    """An old bulk job that waits for the next window blocks neither money nor slots of an urgent one behind it."""
    desk.limits(cap=10, concurrency=2)
    desk.caps(**{"lane/urgent": 40})
    desk.enter("first", Priority.BULK, now=desk.now - 3 * HOUR)
    desk.enter("old", Priority.BULK, now=desk.now - 2 * HOUR)
    desk.enter("urgent", Priority.URGENT)
    desk.admit("first", quote=6)
    assert ["deferred", "urgent-share"] == desk.admit("old", quote=4)[:2]
    assert "admitted" == desk.admit("urgent", quote=4)[0]


def test_what_urgent_jobs_used_comes_back_when_it_is_settled(desk: Desk) -> None:
    """The book knows how much of it was urgent."""
    desk.enter("u", Priority.URGENT)
    desk.admit("u", quote=9)
    assert "9" == desk.redis.hget(desk.window_key(), "urgent")
    desk.settle("u", 4)
    assert "4" == desk.redis.hget(desk.window_key(), "urgent")


def test_a_paused_lane_holds_and_a_paused_project_parks(desk: Desk) -> None:
    """Each in its own way, until somebody resumes it."""
    for job_id, project in (("a", "film"), ("b", "film")):
        desk.enter(job_id, project=project)
    desk.redis.hset(desk.keys.caps, "paused:lane", "audit")
    assert ["deferred", "paused"] == desk.admit("a")[:2]
    desk.redis.hdel(desk.keys.caps, "paused:lane")
    assert "admitted" == desk.admit("a")[0]
    desk.redis.hset(desk.keys.caps, "paused:project:film", "audit")
    assert ["parked", "project-paused"] == desk.admit("b")


def test_urgent_jobs_ahead_have_the_share_first(desk: Desk) -> None:
    """Where nothing but the share is left, an urgent job takes none that an urgent one before it waits for."""
    desk.limits(cap=10, concurrency=1)
    desk.caps(**{"lane/urgent": 50})
    for name, priority, quote, ago in (("running", "bulk", 5, 3), ("bulk", "bulk", 2, 2), ("u1", "urgent", 3, 0),
                                       ("u2", "urgent", 3, 0)):  # fmt: skip
        desk.enter(name, Priority(priority), now=desk.now - ago * HOUR)
        desk.admit(name, quote=quote)
    desk.limits(cap=10, concurrency=9)
    assert ["deferred", "urgent-share"] == desk.admit("bulk", quote=2)[:2]
    assert ["deferred", "budget"] == desk.admit("u2", quote=3)[:2]
    assert "admitted" == desk.admit("u1", quote=3)[0]


def used(desk: Desk) -> None:
    """Use every book once."""
    desk.enter("a", project="film")
    desk.admit("a", quote=10)
    desk.enter("b", project="film")


def test_a_lost_lane_closes_the_gate(desk: Desk) -> None:
    """With entries in the journal and no epoch, nobody knows what the books would say."""
    used(desk)
    desk.redis.delete(desk.keys.lane)
    assert ["deferred", "books-lost"] == desk.admit("b")[:2]


def test_each_lost_book_closes_the_gate(desk: Desk) -> None:
    """A window that is known to have been used and is not there is not begun anew with its whole cap."""
    used(desk)
    for key in desk.keys.books_of("film", desk.period()):
        kept = desk.redis.hgetall(key)
        desk.redis.delete(key)
        assert ["deferred", "books-lost"] == desk.admit("b")[:2]
        desk.redis.hset(key, mapping=kept)
        desk.redis.expire(key, 3600)
    assert "admitted" == desk.admit("b")[0]


def test_half_a_book_closes_the_gate(desk: Desk) -> None:
    """As does one that holds no amounts, or is of another epoch: some keys may be of another time."""
    used(desk)
    key = desk.window_key()
    for field in ("reserved", "spent"):
        kept = desk.redis.hget(key, field)
        desk.redis.hdel(key, field)
        assert ["deferred", "books-lost"] == desk.admit("b")[:2]
        for wrong in ("abc", "-1", "1e3"):
            desk.redis.hset(key, field, wrong)
            assert ["deferred", "books-lost"] == desk.admit("b")[:2]
        desk.redis.hset(key, field, kept)
    desk.redis.hset(key, "urgent", "abc")
    assert ["deferred", "books-lost"] == desk.admit("b")[:2]
    desk.redis.hdel(key, "urgent")
    desk.redis.hset(key, "epoch", 7)
    assert ["deferred", "books-lost"] == desk.admit("b")[:2]


def test_a_new_project_finds_no_book_and_begins_one(desk: Desk) -> None:
    """Nothing is lost where nothing was."""
    used(desk)
    desk.enter("c", project="new")
    assert "admitted" == desk.admit("c")[0]


def test_a_settlement_does_not_begin_a_lost_book_from_the_middle(desk: Desk) -> None:
    """It is in the journal, and the book is rebuilt from there."""
    used(desk)
    desk.redis.delete(desk.window_key())
    assert "settled" == desk.settle("a", 8)[0]
    assert {} == desk.redis.hgetall(desk.window_key())
    assert (0, 8) == replayed(desk.redis.xrange(desk.keys.journal))[desk.window_key()]


def test_an_attempt_that_is_sent_again_in_a_later_window_brings_its_money_along(desk: Desk) -> None:
    """So what the vendor charges in a window was reserved in it; in the old one it is given back."""
    desk.doubtful("a", priority=Priority.URGENT, quote=6)
    then = desk.now
    desk.limits(cap=10)
    desk.pass_time(HOUR)
    desk.enter("b")
    desk.admit("b", quote=5)
    assert ["deferred", "budget"] == desk.resend(job_id="a")[:2]
    desk.settle("b", 4)
    assert "go" == desk.resend(job_id="a")[0]
    assert ((0, 0), (6, 4)) == (desk.book(then), desk.book())
    assert (
        " ".join(desk.keys.books_of("default", desk.period())) == desk.attempt("a")["books"] == desk.job("a")["books"]
    )
    told = replayed(desk.redis.xrange(desk.keys.journal))
    assert ((0, 0), (6, 4)) == (told.get(desk.window_key(then), (0, 0)), told[desk.window_key()])
    assert (6, 4) == tuple(
        int(n) for n in desk.redis.hmget(desk.keys.books_of("default", desk.period())[1], "reserved", "spent")
    )
    desk.settle("a", 6)
    assert (0, 10) == desk.book()


def test_what_comes_along_above_a_lowered_cap_is_not_told_to_have_been_let_in(desk: Desk) -> None:
    """The day's book holds it already; that its cap was lowered since is nobody's mistake."""
    desk.caps(**{"lane/day": 10})
    desk.doubtful("a", quote=8)
    desk.caps(**{"lane/day": 5})
    desk.pass_time(HOUR)
    assert "go" == desk.resend(job_id="a")[0]
    assert ("8", "10") == tuple(desk.redis.hmget(desk.keys.books_of("default", desk.period())[1], "reserved", "under"))


def test_a_book_without_a_cap_does_not_remember_one(desk: Desk) -> None:
    """What it lets in then is under no cap at all."""
    desk.caps(**{"lane/day": 10})
    for job_id in "ab":
        desk.enter(job_id)
    desk.admit("a", quote=8)
    desk.redis.hdel(desk.keys.caps, "lane/day")
    desk.admit("b", quote=8)
    assert ["16", None] == desk.redis.hmget(desk.keys.books_of("default", desk.period())[1], "reserved", "under")


def test_what_an_operator_said_survives_a_restart(desk: Desk) -> None:
    """Settings are written again by every worker that starts; taken back, they count again."""
    caps = desk.keys.caps

    def counts() -> str | None:
        return desk.redis.hget(caps, "lane/window")

    desk.redis.delete(caps)
    assert 1 == desk.scripts.allow(caps, "configured", {"lane/window": 5}, entry="cap", now=desk.now)
    assert 1 == desk.scripts.allow(caps, "override", {"lane/window": 9}, entry="cap", now=desk.now)
    assert 0 == desk.scripts.allow(caps, "override", {"lane/window": 9}, entry="cap", now=desk.now)
    assert 0 == desk.scripts.allow(caps, "configured", {"lane/window": 6}, entry="cap", now=desk.now)
    assert "9" == counts()
    assert 1 == desk.scripts.allow(caps, "override", {"lane/window": None}, entry="cap", now=desk.now)
    assert "6" == counts()
    assert 1 == desk.scripts.allow(caps, "configured", {"lane/window": None}, entry="cap", now=desk.now)
    assert counts() is None
    told = [entry["said"] for _, entry in desk.redis.xrange(desk.keys.journal) if entry["entry"] == "cap"]
    assert ["5", "9", "6", "", ""] == told


def test_a_restart_does_not_write_over_a_lost_word_of_an_operator(desk: Desk) -> None:
    """An operator's cap may be the lower one: where it was lost the gate stays closed until it is rebuilt."""
    caps = desk.keys.caps
    desk.scripts.allow(caps, "override", {"lane/window": 3}, entry="cap", now=desk.now)
    desk.redis.delete(caps)
    assert -1 == desk.scripts.allow(caps, "configured", {"lane/window": 50}, entry="cap", now=desk.now)
    desk.enter("a")
    assert ["deferred", "no-limits"] == desk.admit("a")[:2]


def test_a_window_of_another_length_is_not_booked_in(desk: Desk) -> None:
    """Two windows may begin at the same moment and be different windows."""
    desk.enter("a")
    assert "window" == desk.admit("a", period=desk.period()._replace(length=2 * HOUR))[0]
