"""Money: what goes in comes out, and what is not an amount does not go in."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.money import LARGEST, MICROS, dollars, micros, plain

AMOUNTS = st.integers(0, LARGEST)


@given(AMOUNTS)
def test_what_is_printed_is_read_back_exactly(amount: int) -> None:
    """No amount changes on its way through text."""
    assert amount == micros(plain(amount))
    assert amount == micros(dollars(amount))
    assert amount == micros(Decimal(plain(amount)))


@given(st.integers(0, 10**9))
def test_a_float_is_read_as_json_printed_it(amount: int) -> None:
    """A provider's JSON number becomes the amount that it shows, not its binary neighbour."""
    assert amount == micros(float(plain(amount)))


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (3_892_500, 3.8925),
        (3_892_500, "3.8925"),
        (3_892_500, "$3.8925"),
        (3_892_500, Decimal("3.8925")),
        (100_000, 0.1),
        (300_000, 0.3),
        (50_000_000, 50),
        (0, "0"),
        (1, "0.0000005"),
        (0, "0.0000004999"),
        (0, "0.00000049999999999999999999999999999999999999"),
        (0, "1e-999999999"),
        (LARGEST, "9000000000"),
    ],
)
def test_amounts_are_rounded_half_up_once(expected: int, given: Any) -> None:
    """What lies below half a micro-dollar is nothing, half of one is one; however many digits it has."""
    assert expected == micros(given)


@pytest.mark.parametrize(
    ("why", "given"),
    [
        ("an amount of dollars was expected", "much"),
        ("an amount of dollars was expected", ""),
        ("an amount of dollars was expected", None),
        ("an amount of dollars was expected", True),
        ("an amount of dollars was expected", [1]),
        ("finite", "nan"),
        ("finite", "sNaN"),
        ("finite", float("inf")),
        ("negative", -1),
        ("negative", "-0.01"),
        ("nine billion", 9_000_000_001),
        ("nine billion", "1e30"),
        ("nine billion", "1e999999"),
        ("nine billion", "1e999999999"),
    ],
)
def test_what_is_no_amount_is_refused(why: str, given: Any) -> None:
    """Each refusal says why, and is a ValueError whatever it was that came."""
    with pytest.raises(ValueError, match=why):
        micros(given)


@pytest.mark.parametrize(
    ("expected", "amount"),
    [("$3.8925", 3_892_500), ("$0.00", 0), ("$1.90", 1_900_000), ("-$0.000001", -1), ("$50.00", 50 * MICROS)],
)
def test_dollars_are_shown_as_people_write_them(expected: str, amount: int) -> None:
    """Two digits after the point at least, more only where they say something, the sign first."""
    assert expected == dollars(amount)


def test_the_largest_amount_stays_exact_in_a_script() -> None:
    """Lua's numbers are doubles; the sum of two largest amounts would still be near enough to see an overrun."""
    assert int(float(LARGEST)) == LARGEST
    assert LARGEST < 2**53
