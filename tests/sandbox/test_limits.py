"""The token bucket, and the forms of Retry-After."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.sandbox.limits import TokenBucket, retry_after

RATES = st.sampled_from([0.1, 0.3, 1, 2.5, 3, 7.7, 10, 33.3, 1000])
GAPS = st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60)


@given(rate=RATES, burst=st.integers(1, 20), gaps=GAPS)
def test_no_span_ever_sees_more_than_burst_and_rate(rate: float, burst: int, gaps: list[int]) -> None:
    """Between any two taken tokens there is room for all of those between them."""
    bucket, now, taken = TokenBucket(rate, burst, 0), 0, []
    for gap in gaps:
        now += gap
        if not bucket.take(now):
            taken.append(now)
    share = Fraction(str(rate)) / 1_000_000
    over = [
        (first, last)
        for first in range(len(taken))
        for last in range(first, len(taken))
        if last - first + 1 > burst + share * (taken[last] - taken[first])
    ]
    assert over == []


@given(rate=RATES, burst=st.integers(1, 20), gaps=GAPS)
def test_waiting_as_told_is_enough_and_not_too_much(rate: float, burst: int, gaps: list[int]) -> None:
    """After the told wait a token is there; a microsecond earlier it is not."""
    bucket, now = TokenBucket(rate, burst, 0), 0
    for gap in gaps:
        now += gap
        wait = round(bucket.take(now) * 1_000_000)
        if wait:
            assert bucket.take(now + wait - 1) > 0
            assert bucket.take(now + wait) == 0.0
            now += wait


def test_no_rate_is_no_limit() -> None:
    """A rate of zero lets everything through."""
    bucket = TokenBucket(0, 1, 0)
    assert [bucket.take(0) for _ in range(100)] == [0.0] * 100


def test_a_new_rate_gives_no_new_burst() -> None:
    """An empty bucket stays empty when its rate changes."""
    bucket = TokenBucket(1, 3, 0)
    for _ in range(3):
        bucket.take(0)
    assert bucket.changed(10, 20, 0).take(0) == 0.1


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("seconds", "2"),
        ("fraction", "1.250"),
        ("http-date", "Thu, 01 Jan 1970 00:01:42 GMT"),
        ("missing", None),
    ],
)
def test_retry_after_has_four_forms(form: str, value: str | None) -> None:
    """Each form says the same wait, rounded up to what it can express."""
    assert value == retry_after(form, 1.25, 100.0, 0)


def test_mixed_takes_each_form_in_turn() -> None:
    """A mixed vendor goes through all forms."""
    expected = ["2", "1.250", "Thu, 01 Jan 1970 00:01:42 GMT", None, "2"]
    assert expected == [retry_after("mixed", 1.25, 100.0, turn) for turn in range(5)]
