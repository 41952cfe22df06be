"""Ids: UUIDv7, and each later than the one before."""

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank import ids


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    """Its first 48 bits are Unix milliseconds, its version is 7, its variant the standard's."""
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(ids.new_id())
    assert (7, uuid.RFC_4122) == (made.version, made.variant)
    assert before <= made.int >> 80 <= before + 10_000


def test_ids_of_one_thread_sort_by_the_order_they_were_made() -> None:
    """More of them than a millisecond can count, and still each is later."""
    made = [ids.new_id() for _ in range(20_000)]
    assert sorted(set(made)) == made


def test_ids_of_many_threads_never_meet() -> None:
    """Each thread sees its own grow, and none is made twice."""
    with ThreadPoolExecutor(8) as pool:
        lots = list(pool.map(lambda _: [ids.new_id() for _ in range(2_000)], range(8)))
    assert all(sorted(lot) == lot for lot in lots)
    assert 16_000 == len({each for lot in lots for each in lot})


def test_a_clock_that_steps_back_makes_no_earlier_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids go on from the last one until the clock has caught up."""
    first = ids.new_id()
    back = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr(ids.time, "time_ns", lambda: back)
    assert first < ids.new_id()


def test_a_forked_child_makes_ids_of_its_own_even_while_its_parent_holds_the_lock() -> None:
    """The child must neither hang on the parent's lock nor repeat what the parent makes."""
    reading, writing = os.pipe()
    with ids._lock:
        child = os.fork()
        if not child:
            os.write(writing, ids.new_id().encode())
            os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert ids.is_id(theirs)
    assert theirs != ids.new_id()


@pytest.mark.parametrize(
    "text", ["", "x", "0192F0C1-2B3C-7D4E-8F50-0123456789AB", "{0192f0c1}", None, 5, b"x", "a" * 99]
)
def test_other_text_is_no_id(text: object) -> None:
    """Only the canonical form counts, so that one job has one id."""
    assert not ids.is_id(text)


@given(st.uuids())
def test_every_canonical_uuid_is_an_id(value: uuid.UUID) -> None:
    """Celery makes its own task ids of another version; they name jobs too."""
    assert ids.is_id(str(value))
