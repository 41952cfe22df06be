"""Generations: their state by time, and how long they take."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from decimal import Decimal

import pytest

from overcrank.sandbox.asked import Asked
from overcrank.sandbox.generations import Generation, GenerationBook, drawn_seconds

ASKED = Asked("a ball", "slow_motion", Decimal(5), 120, "1080p", 1, Decimal(0), None, "job-1")


def _generation(end: str = "completed", ends_at: float = 110.0, name: str = "gen_1") -> Generation:
    return Generation(name, "key", ASKED, b"", "http://x", 1, 1, end, 100.0, ends_at, 10.0)


@pytest.mark.parametrize(
    ("end", "now", "state"),
    [
        ("completed", 100.0, ("queued", 0)),
        ("completed", 105.0, ("processing", 50)),
        ("completed", 109.9999, ("processing", 99)),
        ("completed", 110.0, ("completed", 100)),
        ("failed", 105.0, ("processing", 50)),
        ("failed", 110.0, ("failed", 60)),
        ("moderated", 110.0, ("failed", 60)),
    ],
)
def test_the_state_follows_from_the_time(end: str, now: float, state: tuple[str, int]) -> None:
    """Queued, then processing, then ended: read off the clock."""
    assert state == _generation(end).state(now)


def test_a_stuck_generation_never_ends() -> None:
    """What is stuck is still processing a year later."""
    assert _generation("stuck", math.inf).state(100.0 + 365 * 86_400) == ("processing", 60)


def test_the_book_counts_those_in_flight() -> None:
    """A generation counts until it ends, and the most at once is remembered."""
    book = GenerationBook()
    for number, end in enumerate((110.0, 120.0, 130.0)):
        book.add(_generation(ends_at=end, name=f"gen_{number}"), end)
    assert [book.in_flight(now) for now in (109.9, 110.0, 125.0, 130.0)] == [3, 2, 1, 0]
    assert book.max_in_flight == 3


def test_the_book_finds_by_id_key_and_job() -> None:
    """All three names lead to the same generation."""
    book, generation = GenerationBook(), _generation()
    book.add(generation, 110.0)
    assert [generation] == [book.get("gen_1")] == book.of_key("key") == book.of_job("job-1")
    assert (book.get("x"), book.of_key("x"), book.of_job("x")) == (None, [], [])


@pytest.mark.parametrize(
    ("mode", "fps", "average", "p95"),
    [
        ("slow_motion", 24, 0.847, 1.203),
        ("slow_motion", 60, 1.124, 1.567),
        ("slow_motion", 120, 1.892, 2.341),
        ("slow_motion", 240, 3.156, 4.102),
        ("time_lapse", 30, 2.203, 2.891),
    ],
)
def test_generation_times_have_the_published_average_and_percentile(
    mode: str, fps: int, average: float, p95: float
) -> None:
    """Many draws have the table's average and 95th percentile."""
    asked = replace(ASKED, mode=mode, fps=fps)
    drawn = [drawn_seconds(asked, 1.0, None, 0, number) for number in range(4000)]
    assert average == pytest.approx(statistics.mean(drawn), rel=0.03)
    assert p95 == pytest.approx(statistics.quantiles(drawn, n=20)[-1], rel=0.04)


def test_a_generation_time_depends_on_its_names_alone() -> None:
    """The same seed and key take the same time, scaled or fixed as configured."""
    one = drawn_seconds(ASKED, 1.0, None, 0, "key")
    assert [one, one * 0.5, 3.0] == [
        drawn_seconds(ASKED, scale, fixed, 0, "key") for scale, fixed in ((1.0, None), (0.5, None), (1.0, 3.0))
    ]
