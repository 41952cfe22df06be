"""The journal loses its beginning and no operator's word; and what it says is put back under a new epoch."""

from typing import Any

import pytest
from desk import HOUR, USD, Desk

from overcrank.clock import SECOND
from overcrank.scripts import Restored

LAST = "0-0"


def rebuild(desk: Desk, restored: dict[str, Restored], last: str | None = None, **more: Any) -> list[str]:
    """Put back what is given, as of the journal's last entry."""
    newest = desk.redis.xrevrange(desk.keys.journal, count=1)
    at = last or (newest[0][0] if newest else LAST)
    return list(desk.scripts.rebuild(at, 2, restored, debt_us=0, now=desk.now, **more))


def book(desk: Desk, place: int = 0) -> str:
    """Return one of the four books of a project."""
    return desk.keys.books_of("film", desk.period())[place]


def empty(**more: Any) -> Restored:
    """Return a book that nobody has used."""
    return Restored(600, None, {"reserved": 0, "spent": 0, "epoch": 2, **more})


def test_what_was_settled_meanwhile_is_not_written_over(desk: Desk) -> None:
    """The caller has to read on first."""
    desk.enter("a", project="film")
    desk.admit("a", quote=10)
    before = desk.redis.xrevrange(desk.keys.journal, count=1)[0][0]
    desk.settle("a", 7)
    newest = desk.redis.xrevrange(desk.keys.journal, count=1)[0][0]
    assert ["moved", newest] == rebuild(desk, {book(desk): empty()}, before)
    assert (0, 7) == desk.book()
    desk.redis.delete(desk.keys.journal)
    assert ["moved", LAST] == rebuild(desk, {book(desk): empty()}, before)


def test_books_are_put_back_and_the_gate_opens(desk: Desk) -> None:
    """Under the new epoch, with their time to live, and with no cap of their own that nobody set."""
    desk.redis.hset(
        book(desk), mapping={"reserved": 5, "spent": 5, "epoch": 1, "cap": 3, "under": 3, "warned_books": 1}
    )
    assert ["rebuilt", "2"] == rebuild(desk, {book(desk): empty(spent=4)})
    assert {"reserved": "0", "spent": "4", "epoch": "2"} == desk.redis.hgetall(book(desk))
    assert 599 <= desk.redis.ttl(book(desk)) <= 600
    desk.enter("a", project="film")
    assert "admitted" == desk.admit("a")[0]


@pytest.mark.parametrize("place", [0, 1])
def test_a_book_that_came_back_is_missed_when_it_is_lost_again(desk: Desk, place: int) -> None:
    """The lane knows it, though nobody has reserved in it since."""
    lost_again(desk, place)


def lost_again(desk: Desk, place: int) -> None:
    """Put one of the lane's books back, and lose it."""
    there = {("window", "day")[place]: book(desk, place)}
    rebuild(desk, {book(desk, place): empty()}, **there)
    desk.redis.delete(book(desk, place))
    desk.enter("a", project="film")
    assert ["deferred", "books-lost"] == desk.admit("a")[:2]


def test_both_of_the_lanes_books_are_missed(desk: Desk) -> None:
    """Its window and its day; and after a rebuild that found neither, nothing is."""
    lost_again(desk, 0)
    lost_again(desk, 1)
    rebuild(desk, {})
    assert "admitted" == desk.admit("a")[0]


def test_an_attempt_comes_back_with_its_slot_as_long_as_it_may_run(desk: Desk) -> None:
    """Its record stays as long as it is open, and who is not open any more is not kept open."""
    desk.redis.zadd(desk.keys.open, {"gone.1": 1})
    opened = {
        "running": Restored(None, ("running.1", desk.now, desk.now + SECOND), {"open": 1}),
        "over": Restored(None, ("over.1", desk.now - HOUR, desk.now), {"open": 1}),
    }
    for name in opened:
        desk.redis.set(name, 1, ex=60)
        desk.redis.delete(name)
        desk.redis.hset(name, "old", 1)
        desk.redis.expire(name, 60)
    rebuild(desk, opened)
    assert ["over.1", "running.1"] == desk.redis.zrange(desk.keys.open, 0, -1)
    assert {"running.1"} == desk.slots()
    assert [-1, -1] == [desk.redis.ttl(name) for name in opened]
    desk.redis.delete(*opened)


@pytest.mark.parametrize(
    ("name", "said"), [("override:lane/window", {"lane/window": 5, "override:lane/window": 5}), ("paused:lane", {})]
)
def test_a_word_that_came_back_is_missed_when_it_is_lost_again(desk: Desk, name: str, said: dict[str, int]) -> None:
    """Twice lost is twice noticed: a worker that starts does not write over it."""
    word_lost_again(desk, {name: 5, **said})


def word_lost_again(desk: Desk, fields: dict[str, int]) -> None:
    """Put a word back, and lose it: all that is allowed, or one field of it."""
    desk.redis.delete(desk.keys.caps)
    rebuild(desk, {desk.keys.caps: Restored(None, None, {"lane/window": 9, "lane/day": 9, **fields})})
    desk.redis.hdel(desk.keys.caps, "lane/day")
    desk.enter("a", project="film")
    assert ["deferred", "books-lost"] == desk.admit("a", quote=1)[:2]
    desk.redis.delete(desk.keys.caps)
    configured = {"lane/window": 100 * USD}
    assert -1 == desk.scripts.allow(desk.keys.caps, "configured", configured, entry="cap", now=desk.now)


def test_every_word_that_came_back_is_marked(desk: Desk) -> None:
    """A cap is, and a pause; and where nobody said a word, a worker that starts writes what settings say."""
    word_lost_again(desk, {"override:lane/window": 9})
    word_lost_again(desk, {"paused:lane": 1})
    rebuild(desk, {desk.keys.caps: Restored(None, None, {"lane/window": 9})})
    desk.redis.delete(desk.keys.caps)
    assert 1 == desk.scripts.allow(desk.keys.caps, "configured", {"lane/window": 9}, entry="cap", now=desk.now)


def test_a_book_of_ten_thousand_projects_is_put_back(desk: Desk) -> None:
    """More fields than a script may pass at once."""
    projects = {f"project:p{number}": 1 for number in range(10_000)}
    assert ["rebuilt", "2"] == rebuild(desk, {book(desk): empty(**projects)})
    assert 10_003 == desk.redis.hlen(book(desk))


def trim(desk: Desk, *words: tuple[str, str, str, str], first: str | None = None) -> int:
    """Let go of everything that is in the journal now."""
    entries = desk.redis.xrange(desk.keys.journal)
    milliseconds, _, number = entries[-1][0].partition("-")
    return desk.scripts.trim(first or entries[0][0], f"{milliseconds}-{int(number) + 1}", 77, words)


def test_what_an_operator_said_and_still_counts_is_said_again(desk: Desk) -> None:
    """What was taken back is not; and the journal says from when on it is whole, and of which epoch."""
    words_kept(desk)


def words_kept(desk: Desk) -> list[dict[str, str]]:
    """Let go of what an operator said; return what is left."""
    caps, scripts = desk.keys.caps, desk.scripts
    scripts.allow(caps, "override", {"lane/window": 5, "lane/day": 6}, entry="cap", now=desk.now)
    scripts.allow(caps, "override", {"lane/day": None}, entry="cap", now=desk.now)
    scripts.allow(caps, "", {"paused:lane": "audit"}, entry="pause", now=desk.now)
    words = [(caps, "cap", "override", "lane/window"), (caps, "cap", "override", "lane/day")]
    words.append((caps, "pause", "", "paused:lane"))
    assert 4 == trim(desk, *words)
    left = [entry for _, entry in desk.redis.xrange(desk.keys.journal)]
    assert [("cap", "lane/window", "5"), ("pause", "paused:lane", "audit"), ("trim", "", "")] == [
        (entry["entry"], entry.get("name", ""), entry.get("said", "")) for entry in left
    ]
    assert ("77", "1") == (left[-1]["since"], left[-1]["epoch"])
    return left


def test_two_who_let_go_at_once_let_go_of_one_beginning(desk: Desk) -> None:
    """The second finds that the first entry is another one."""
    words_kept(desk)
    assert 0 == trim(desk, first="1-0")


@pytest.mark.parametrize("gone", ["caps", "lane"])
def test_while_a_word_is_lost_its_entry_stays(desk: Desk, gone: str) -> None:
    """The journal is all there is of it, until it is rebuilt."""
    entry_stays(desk, gone)


def entry_stays(desk: Desk, gone: str) -> None:
    """Lose what is allowed, or the lane, and try to let go of a word."""
    caps = desk.keys.caps
    desk.scripts.allow(caps, "override", {"lane/window": 5}, entry="cap", now=desk.now)
    desk.redis.delete(getattr(desk.keys, gone))
    before = desk.redis.xlen(desk.keys.journal)
    assert -1 == trim(desk, (caps, "cap", "override", "lane/window"))
    assert before == desk.redis.xlen(desk.keys.journal)


def test_no_lost_word_is_let_go(desk: Desk) -> None:
    """Whether the caps are lost or the lane that would know of it."""
    entry_stays(desk, "caps")
    desk.redis.delete(desk.keys.journal, desk.keys.lane)
    entry_stays(desk, "lane")
