"""Prices: two lists, exact to the micro-dollar."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.sandbox.prices import price_micros, to_micros, usd_number


def _price(price_list: str, fps: int, strength: str = "0", resolution: str = "1080p", duration: str = "5") -> int:
    return price_micros(
        price_list, duration=Decimal(duration), fps=fps, resolution=resolution, strength=Decimal(strength)
    )


def test_the_formula_gives_the_published_example() -> None:
    """Five seconds at 120 fps with strength 0.85 are 3.8925 USD."""
    assert _price("formula", 120, "0.85") == 3_892_500


@pytest.mark.parametrize(
    ("fps", "micros"),
    [(24, 600_000), (30, 600_000), (31, 1_050_000), (60, 1_050_000), (120, 1_900_000), (240, 3_350_000)],
)
def test_the_table_charges_the_next_tier_up(fps: int, micros: int) -> None:
    """A frame rate between two tiers costs what the upper one does."""
    assert micros == _price("table", fps)


@pytest.mark.parametrize(
    ("price_list", "fps", "micros"),
    [("table", 240, 2_250_000), ("formula", 30, 2_250_000), ("formula", 120, 3_892_500)],
)
def test_a_time_lapse_costs_its_row_or_the_formula_if_that_is_more(price_list, fps, micros) -> None:
    """As the price book has it, so that quotes and bills agree."""
    strength = Decimal("0.85")
    asked = {"duration": Decimal(5), "fps": fps, "resolution": "1080p", "strength": strength, "mode": "time_lapse"}
    assert micros == price_micros(price_list, **asked)


@pytest.mark.parametrize(("resolution", "micros"), [("720p", 375_000), ("1920x1080", 750_000), ("4K", 1_500_000)])
def test_each_step_of_resolution_doubles(resolution: str, micros: int) -> None:
    """720p is half the price of 1080p, and 4K twice."""
    assert micros == _price("formula", 30, resolution=resolution)


@given(
    duration=st.decimals("0.1", "60", places=3),
    fps=st.integers(24, 240),
    strength=st.decimals("0", "1", places=4),
    factor=st.sampled_from(["0.9", "1", "1.07"]),
)
def test_a_price_is_the_exact_one_rounded_half_up(duration: Decimal, fps: int, strength: Decimal, factor: str) -> None:
    """The price is the rational number of the formula, rounded once."""
    exact = Fraction(duration) * Fraction(15, 100) * fps / 30 * (1 + Fraction(35, 100) * Fraction(strength))
    micros = price_micros(
        "formula", duration=duration, fps=fps, resolution="1080p", strength=strength, factor=Decimal(factor)
    )
    assert int(exact * Fraction(factor) * 1_000_000 + Fraction(1, 2)) == micros


@given(micros=st.integers(0, 10**12))
def test_a_cost_in_json_parses_back_to_the_same_micros(micros: int) -> None:
    """`cost_usd` loses nothing on the wire, and has at most six decimals."""
    text = json.dumps(usd_number(micros))
    assert micros == to_micros(text)
    assert Decimal(text) == Decimal(micros) / 1_000_000
