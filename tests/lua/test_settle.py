"""The books: absolute, versioned, idempotent."""

from itertools import permutations

from desk import HOUR, KEEP_FOR, USD, Desk, replayed
from hearing import heard

from overcrank.scripts import CORRECTED, DECIDED, OBSERVED


def admitted(desk: Desk, job_id: str = "a", quote: int = 10) -> None:
    """Enter a job and admit it."""
    desk.enter(job_id)
    assert "admitted" == desk.admit(job_id, quote=quote)[0]


def test_a_settlement_turns_a_reservation_into_what_it_cost(desk: Desk) -> None:
    """The rest of the quote is free again, and so is the slot."""
    admitted(desk)
    assert ["settled", "7", "0"] == desk.settle("a", 7)
    assert (0, 7) == desk.book()
    assert set() == desk.slots()
    assert {"state": "charged", "open": "0", "cost": "7", "version": "2"}.items() <= desk.attempt("a").items()


def test_the_same_report_twice_is_booked_once(desk: Desk) -> None:
    """A repeated message changes nothing at all."""
    admitted(desk)
    desk.settle("a", 7)
    stored = desk.everything()
    assert ["stale", "charged", "7"] == desk.settle("a", 7)
    assert stored == desk.everything()


def test_a_less_sure_report_does_not_correct_a_surer_one(desk: Desk) -> None:
    """A guess that arrives after the truth is ignored."""
    admitted(desk)
    desk.settle("a", 7, version=2)
    assert ["stale", "charged", "7"] == desk.settle("a", 10, version=1)
    assert (0, 7) == desk.book()


def test_a_surer_report_corrects_exactly_once_in_both_directions(desk: Desk) -> None:
    """A presumed loss that turns out cheaper is given back; a presumed gain that turns out paid is booked."""
    for job_id, guess, truth in (("up", 0, 9), ("down", 10, 0)):
        admitted(desk, job_id)
        before = desk.book()[1]
        desk.settle(job_id, guess, version=1)
        desk.settle(job_id, truth, version=2)
        desk.settle(job_id, truth, version=2)
        assert (0, before + truth) == desk.book()


def test_reports_in_any_order_end_with_the_surest(desk: Desk) -> None:
    """Lost, repeated and overtaken messages come to the same books."""
    reports = [(1, 10), (2, 4), (3, 6)]
    for number, order in enumerate(permutations([*reports, reports[0]])):
        job_id = f"j{number}"
        admitted(desk, job_id)
        for version, cost in order:
            desk.settle(job_id, cost, version=version)
        assert (0, 6 * (number + 1)) == desk.book()


def test_a_lost_answer_keeps_the_whole_reservation_and_the_slot(desk: Desk) -> None:
    """In doubt is not free: nobody else may have its money or its place."""
    admitted(desk)
    desk.settle("a", 0, state="in_doubt", version=1, keep=True, free=False)
    assert (10, 0) == desk.book()
    assert {"a.1"} == desk.slots()
    assert -1 == desk.redis.ttl(desk.keys.attempt("a.1"))
    desk.settle("a", 8, version=2)
    assert (0, 8) == desk.book()


def test_an_overrun_is_booked_reported_and_blocks_what_follows(desk: Desk) -> None:
    """The money is gone whether or not it was quoted; the same arithmetic closes the gate."""
    desk.limits(cap=10)
    admitted(desk, quote=10)
    assert ["settled", "12", "2"] == desk.settle("a", 12)
    assert (0, 12) == desk.book()
    desk.enter("b")
    assert ["deferred", "budget"] == desk.admit("b", quote=1)[:2]


def test_a_book_knows_what_was_booked_beyond_what_was_let_in(desk: Desk) -> None:
    """An overrun, or a charge that comes after its room was given back; a refund takes nothing of that away."""
    desk.limits(cap=20)
    admitted(desk, "a", quote=10)
    assert ["20", None] == desk.redis.hmget(desk.window_key(), "under", "over")
    desk.settle("a", 13, version=1)
    desk.settle("a", 0, version=2)
    desk.settle("a", 4, version=3)
    assert "7" == desk.redis.hget(desk.window_key(), "over")


def test_a_verdict_is_less_sure_than_the_truth(desk: Desk) -> None:
    """What an operator decided about a job can still be corrected by the provider's bill; a report can not undo it."""
    admitted(desk)
    desk.settle("a", 10, version=DECIDED)
    assert ["stale", "charged", "10"] == desk.settle("a", 7, version=OBSERVED)
    assert ["settled", "0", "0"] == desk.settle("a", 0, version=CORRECTED)
    assert ["verdict", "correction"] == [entry["entry"] for _, entry in desk.redis.xrange(desk.keys.journal)][1:]


def test_a_book_that_holds_no_amounts_stops_nobody_from_settling(desk: Desk) -> None:
    """The others are booked; this one is put back from the journal, like one that is lost."""
    admitted(desk)
    for field in ("reserved", "spent", "urgent"):
        desk.redis.hset(desk.window_key(), field, "abc")
        assert "settled" == desk.settle("a", 7, version=1 + ("reserved", "spent", "urgent").index(field))[0]
        desk.redis.hset(desk.window_key(), field, 0)
    assert "7" == desk.redis.hget(desk.keys.books_of("default", desk.period())[1], "spent")


def test_a_slot_can_stay_when_the_money_is_settled(desk: Desk) -> None:
    """Free and settle are two things."""
    admitted(desk)
    desk.settle("a", 7, free=False)
    assert {"a.1"} == desk.slots()
    assert (0, 7) == desk.book()


def test_what_is_booked_elsewhere_by_now_is_not_booked(desk: Desk) -> None:
    """A report from somebody who does not know that the attempt is in another window's books changes nothing."""
    admitted(desk)
    stored, others = desk.everything(), desk.keys.books_of("default", desk.period(desk.now + HOUR))
    said = desk.scripts.settle("a.1", others, state="charged", cost=7, version=2, keep=False, free=True,
                               keep_for=KEEP_FOR, now=desk.now)  # fmt: skip
    assert ["unknown"] == said
    assert stored == desk.everything()


def test_an_attempt_whose_record_is_gone_is_told_to_the_journal(desk: Desk) -> None:
    """What it came to is known from there, once; its books keep what it had reserved until they are rebuilt."""
    admitted(desk)
    books = desk.books("a.1")
    desk.redis.delete(desk.keys.attempt("a.1"))

    def settle(cost: int, version: int) -> list[str]:
        return list(desk.scripts.settle("a.1", books, state="charged", cost=cost, version=version, keep=False,
                                        free=True, keep_for=KEEP_FOR, now=desk.now))  # fmt: skip

    assert ["orphan", "7"] == settle(7, 2)
    assert ["stale", "charged", "7"] == settle(7, 2)
    assert (0, 7) == replayed(desk.redis.xrange(desk.keys.journal))[desk.window_key()]
    assert (set(), 0) == (desk.slots(), desk.redis.zcard(desk.keys.open))
    assert 0 < desk.redis.ttl(desk.keys.attempt("a.1")) <= KEEP_FOR.attempt_s
    assert ["settled", "5", "0"] == settle(5, 3)
    assert (0, 5) == replayed(desk.redis.xrange(desk.keys.journal))[desk.window_key()]


def test_a_settlement_is_booked_where_it_was_reserved(desk: Desk) -> None:
    """An hour later it still belongs to the window that reserved it."""
    admitted(desk)
    then = desk.now
    desk.pass_time(HOUR)
    desk.settle("a", 7)
    assert (0, 7) == desk.book(then)
    assert (0, 0) == desk.book()


def test_what_is_settled_expires_and_what_is_open_does_not(desk: Desk) -> None:
    """An attempt and a window live as long as they are needed."""
    admitted(desk)
    assert -1 == desk.redis.ttl(desk.keys.attempt("a.1"))
    desk.redis.expire(desk.window_key(), 10)
    desk.settle("a", 7)
    assert 3599 <= desk.redis.ttl(desk.keys.attempt("a.1")) <= 3600
    assert 7199 <= desk.redis.ttl(desk.window_key()) <= 7200


def test_room_and_slots_wake_those_who_wait(desk: Desk) -> None:
    """A freed slot and returned money are told on the channel; a repeated report is not."""
    admitted(desk, "a")
    admitted(desk, "b")
    listener = desk.redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(desk.keys.wake)
    listener.get_message(timeout=1)
    desk.settle("a", 10)
    desk.settle("a", 10)
    desk.settle("b", 1, free=False)
    said = heard(listener)
    listener.close()
    assert ["slot", "budget"] == said


def test_the_journal_alone_tells_the_books(desk: Desk) -> None:
    """Replaying every entry in order gives exactly the counters."""
    for number in range(6):
        admitted(desk, f"j{number}", quote=USD + number)
    desk.settle("j0", USD)
    desk.settle("j1", 0, version=1)
    desk.settle("j1", 5, version=2)
    desk.settle("j2", 0, state="in_doubt", version=1, keep=True, free=False)
    desk.settle("j3", 2 * USD)
    desk.settle("j4", 0, state="released")
    books = desk.keys.books_of("default", desk.period())
    assert dict.fromkeys(books, desk.book()) == replayed(desk.redis.xrange(desk.keys.journal))
