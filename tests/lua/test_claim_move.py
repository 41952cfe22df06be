"""Who may send, and how a job goes from state to state: compare and set."""

from desk import LEASE, PERMIT, Desk, replayed

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.lifecycle import State
from overcrank.scripts import Sharing


def test_the_admitted_worker_may_send_and_only_once(desk: Desk) -> None:
    """The first claim goes, its repetition does not: the answer may have been lost after the bytes left."""
    desk.enter("a")
    desk.admit("a")
    assert ["go", "3", str(desk.now), 0] == desk.claim("a")
    stored = desk.everything()
    assert ["moved", "submitting"] == desk.claim("a")
    assert stored == desk.everything()


def test_a_claim_is_written_before_anything_is_sent(desk: Desk) -> None:
    """Job, attempt, index and due time say that it may be bought from now on."""
    desk.enter("a")
    desk.admit("a")
    desk.pass_time(SECOND)
    desk.claim("a")
    assert {"state": "submitting", "sent": str(desk.now), "version": "3"}.items() <= desk.job("a").items()
    assert {"state": "submitting", "sent": str(desk.now)}.items() <= desk.attempt("a").items()
    assert desk.redis.zscore(desk.keys.due, "a") == desk.now + LEASE
    assert 0 == desk.redis.zcard(desk.keys.prefix + "jobs:admitted")
    assert ["a"] == desk.redis.zrange(desk.keys.prefix + "jobs:submitting", 0, -1)


def test_another_worker_may_not_send(desk: Desk) -> None:
    """The permit is one worker's own."""
    desk.enter("a")
    desk.admit("a")
    assert ["moved", "admitted"] == desk.claim("a", worker="bert")


def test_a_permit_ages(desk: Desk) -> None:
    """At its last microsecond it is good, after that it has to be given back."""
    for job_id in "ab":
        desk.enter(job_id)
        desk.admit(job_id)
    desk.pass_time(PERMIT)
    assert "go" == desk.claim("a")[0]
    desk.pass_time(1)
    assert ["aged", "2"] == desk.claim("b")
    assert "admitted" == desk.job("b")["state"]


def test_a_permit_that_was_given_back_is_gone(desk: Desk) -> None:
    """Once the reservation is released nobody may send the attempt, even before the job has been moved."""
    desk.enter("a")
    desk.admit("a")
    desk.settle("a", state="released")
    assert ["moved", "admitted"] == desk.claim("a")


def test_an_attempt_before_the_current_one_can_not_be_claimed(desk: Desk) -> None:
    """A worker that slept through a whole round wakes up with nothing in its hands."""
    desk.enter("a")
    desk.admit("a")
    desk.settle("a", state="released")
    desk.requeue("a")
    desk.admit("a")
    assert ["moved", "admitted"] == desk.claim("a", number=1)
    assert "go" == desk.claim("a", number=2)[0]


def test_a_permit_of_an_attempt_before_the_current_one_is_no_permit(desk: Desk) -> None:
    """Also where it was never given back."""
    desk.enter("a")
    desk.admit("a")
    desk.requeue("a")
    desk.admit("a")
    assert ["moved", "admitted"] == desk.claim("a", number=1)
    assert "go" == desk.claim("a", number=2)[0]


def test_a_move_sets_state_fields_indexes_and_due_time(desk: Desk) -> None:
    """All together, and the version grows by one."""
    desk.enter("a")
    desk.admit("a")
    desk.claim("a")
    answer = desk.move(
        "a", State.SUBMITTING, State.GENERATING, version=3, due_in_us=9, fields={"generation_id": "g", "note": ""}
    )
    assert ["moved", "4", str(desk.now), ""] == answer
    assert {"state": "generating", "generation_id": "g", "version": "4"}.items() <= desk.job("a").items()
    assert desk.redis.zscore(desk.keys.due, "a") == desk.now + 9
    assert 0 == desk.redis.zcard(desk.keys.prefix + "jobs:submitting")
    assert [("a", desk.now)] == desk.redis.zrange(desk.keys.prefix + "jobs:generating", 0, -1, withscores=True)


def test_a_move_from_another_state_or_version_changes_nothing(desk: Desk) -> None:
    """Somebody else was faster; the answer says how the job stands."""
    desk.enter("a")
    desk.admit("a")
    stored = desk.everything()
    assert ["stale", "admitted", "2"] == desk.move("a", State.QUEUED, State.CANCELLED, version=2)
    assert ["stale", "admitted", "2"] == desk.move("a", State.ADMITTED, State.QUEUED, version=1)
    assert ["stale", "unknown", "0"] == desk.move("nobody", State.ADMITTED, State.QUEUED, version=1)
    assert stored == desk.everything()


def test_an_end_is_counted_announced_and_forgotten_in_time(desk: Desk) -> None:
    """The record stays for its retention, and then goes by itself."""
    desk.enter("a", sent=False)
    desk.move("a", State.QUEUED, State.CANCELLED, version=1, ttl_s=60, due_in_us=5)
    assert "1" == desk.redis.hget(desk.keys.counters, "cancelled")
    assert 59 <= desk.redis.ttl(desk.keys.job("a")) <= 60
    assert 0 == desk.redis.zcard(desk.keys.unsent)
    assert desk.redis.zscore(desk.keys.due, "a") == desk.now + 5


def test_a_job_put_back_keeps_its_place_in_line(desk: Desk) -> None:
    """It comes before one that was entered after it, and is due for nobody."""
    desk.enter("a", Priority.BULK)
    desk.pass_time(SECOND)
    desk.enter("b", Priority.BULK)
    desk.admit("a")
    desk.pass_time(SECOND)
    desk.requeue("a")
    assert ["a", "b"] == desk.redis.zrange(desk.keys.prefix + "queued:bulk", 0, -1)
    assert 0 == desk.redis.zcard(desk.keys.due)


def test_a_job_put_back_without_its_message_is_noted_as_unsent(desk: Desk) -> None:
    """The sweep sends it should the one who put it back die now."""
    desk.enter("a")
    desk.admit("a")
    desk.move("a", State.ADMITTED, State.QUEUED, unsent=True)
    assert ["a"] == desk.redis.zrange(desk.keys.unsent, 0, -1)


def test_two_movers_of_one_version_have_one_winner(desk: Desk) -> None:
    """Compare and set: the second finds another version."""
    desk.enter("a")
    answers = [desk.move("a", State.QUEUED, State.CANCELLED, version=1, ttl_s=60)[0] for _ in range(2)]
    assert ["moved", "stale"] == answers


def test_what_an_attempt_had_reserved_is_given_back_with_the_move(desk: Desk) -> None:
    """Job, money and slot change together: nobody ever finds the one without the other."""
    desk.enter("a")
    desk.admit("a", quote=10)
    desk.claim("a")
    given_back = {"version": 3, "booked": ("a.1", desk.books("a.1"), 0, 2)}
    assert "moved" == desk.move("a", State.SUBMITTING, State.QUEUED, fields={"attempt_no": 2}, **given_back)[0]
    assert ((0, 0), set(), "released") == (desk.book(), desk.slots(), desk.attempt("a")["state"])
    assert (0, 0) == replayed(desk.redis.xrange(desk.keys.journal))[desk.window_key()]


def test_who_no_longer_has_the_job_gives_nothing_back(desk: Desk) -> None:
    """A worker that slept while another sent its attempt again wakes up and releases nothing."""
    desk.enter("a")
    desk.admit("a", quote=10)
    stored = desk.everything()
    answer = desk.move("a", State.ADMITTED, State.QUEUED, version=1, booked=("a.1", desk.books("a.1"), 0, 2))
    assert ["stale", "admitted", "2"] == answer
    assert stored == desk.everything()


def test_what_an_attempt_cost_may_be_booked_as_its_job_moves(desk: Desk) -> None:
    """A verdict and its money are one step: reservation and slot are gone, and the cost is spent."""
    desk.enter("a")
    desk.admit("a")
    booked = ("a.1", desk.books("a.1"), 7, 3)
    desk.move("a", State.ADMITTED, State.DISCARDED, version=2, booked=booked, ttl_s=60)
    desk.redis.zrem(desk.keys.state(State.DISCARDED, Priority.NORMAL), "a")
    attempt = desk.attempt("a")
    assert ((0, 7), set(), "charged", "3") == (desk.book(), desk.slots(), attempt["state"], attempt["version"])


def test_what_another_paid_for_is_counted_when_it_is_served(desk: Desk) -> None:
    """In the same step, so that it counts once."""
    desk.enter("a", quote=7, sharing=Sharing("named", leader="x"), share_ttl_s=60)
    desk.move("a", State.FOLLOWING, State.FETCHED)
    desk.move("a", State.FOLLOWING, State.FETCHED)
    assert ["1", "7"] == desk.redis.hmget(desk.keys.counters, "reused", "saved")
