"""What a batch will cost, and when it can be done by."""

from overcrank.batch.bill import add_up, seconds_needed, trouble
from overcrank.batch.lines import Line
from overcrank.clip import Clip
from overcrank.errors import OverBudget

STATS = {"lane": {"rate": 10}, "room_usd": "5.00", "cap_usd": "10.00", "next_reset_in": 60}


def price(clip: Clip) -> int:
    """Return a dollar, but for what is dear."""
    if clip.prompt == "dear":
        raise OverBudget("too dear")
    return 1_000_000


def lines(count: int) -> list[Line]:
    """Return so many good lines."""
    return [Line(n, Clip(prompt="x")) for n in range(count)]


def test_the_bill_counts_what_is_right_and_names_what_is_wrong() -> None:
    """Wrong lines and clips that nothing could pay are in no sum."""
    bill = add_up([*lines(3), Line(9, None, "broken"), Line(10, Clip(prompt="dear"))], price)
    assert (3, 2, 3_000_000, 1_000_000) == (bill.clips, bill.rejected, bill.total, bill.dearest)
    assert [(9, "broken"), (10, "too dear")] == [(line.number, line.why) for line in bill.wrong]


def test_time_is_bounded_by_rate_and_by_budget() -> None:
    """Five clips fit now; sixteen need two more windows of ten dollars."""
    assert 0.5 == seconds_needed(add_up(lines(5), price), STATS, 3600)
    assert 60 + 3600 == seconds_needed(add_up(lines(16), price), STATS, 3600)


def test_what_can_not_fit_is_said() -> None:
    """A batch above its budget, or past its time, is told before it starts."""
    bill = add_up(lines(3), price)
    assert "it costs $3.00" in (trouble(bill, 1, budget=2_000_000, within=None) or "")
    assert "has 1 s" in (trouble(bill, 9, budget=None, within=1) or "")
    assert trouble(bill, 1, budget=3_000_000, within=1) is None


def test_lines_that_are_done_are_in_no_sum() -> None:
    """A run that goes on has to fit its budget and its time with what is left."""
    bill = add_up(lines(5), price, lambda line: line.number < 3)
    assert (2, 3, 2_000_000) == (bill.clips, bill.done, bill.total)


def test_a_window_that_is_overspent_has_no_room() -> None:
    """The vendor may charge above its quote; a batch then waits for the next window."""
    assert 60 == seconds_needed(add_up(lines(5), price), {**STATS, "room_usd": "-0.50"}, 3600)
