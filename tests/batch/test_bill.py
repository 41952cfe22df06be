"""What a batch will cost, and when it can be done by."""

from overcrank.batch.backgrounds import Backgrounds
from overcrank.batch.bill import Till, add_up, seconds_needed, trouble
from overcrank.batch.lines import Line
from overcrank.clip import Clip
from overcrank.errors import OverBudget
from overcrank.planning.reuse import sharing

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
    bill = add_up([*lines(3), Line(9, None, "broken"), Line(10, Clip(prompt="dear"))], Till(price))
    assert (3, 2, 3_000_000, 1_000_000) == (bill.clips, bill.rejected, bill.total, bill.dearest)
    assert [(9, "broken"), (10, "too dear")] == [(line.number, line.why) for line in bill.wrong]


def test_time_is_bounded_by_rate_and_by_budget() -> None:
    """Five clips fit now; sixteen need two more windows of ten dollars."""
    assert 0.5 == seconds_needed(add_up(lines(5), Till(price)), STATS, 3600)
    assert 60 + 3600 == seconds_needed(add_up(lines(16), Till(price)), STATS, 3600)


def test_what_can_not_fit_is_said() -> None:
    """A batch above its budget, or past its time, is told before it starts."""
    bill = add_up(lines(3), Till(price))
    assert "it costs $3.00" in (trouble(bill, 1, budget=2_000_000, within=None) or "")
    assert "has 1 s" in (trouble(bill, 9, budget=None, within=1) or "")
    assert trouble(bill, 1, budget=3_000_000, within=1) is None


def test_lines_that_are_done_are_in_no_sum() -> None:
    """A run that goes on has to fit its budget and its time with what is left."""
    bill = add_up(lines(5), Till(price, done=lambda line: line.number in {1, 3}))
    assert (3, 2, 3_000_000) == (bill.clips, bill.done, bill.total)
    assert "2 lines have their result" in bill.line


def test_a_window_that_is_overspent_has_no_room() -> None:
    """The vendor may charge above its quote; a batch then waits for the next window."""
    assert 60 == seconds_needed(add_up(lines(5), Till(price)), {**STATS, "room_usd": "-0.50"}, 3600)


def asks(clip: Clip):
    """Return which film a clip asks for."""
    return sharing(clip, "m")


def test_what_is_paid_for_once_is_counted_once() -> None:
    """Duplicates in the batch, and films that are there; what each would cost by itself is said beside it."""
    clips = [Clip(prompt="x", seed=seed) for seed in (1, 1, 2, 3)] + [Clip(prompt="x"), Clip(prompt="x", reuse="any")]
    there = sharing(clips[2], "m").film
    till = Till(price, asks, lambda asking: [one.key == there for one in asking])
    bill = add_up([Line(n, clip) for n, clip in enumerate(clips, 1)], till)
    assert (6, 3, 3_000_000, 6_000_000) == (bill.clips, bill.served, bill.total, bill.naive)
    assert "6 clips for $3.00, $6.00 each by itself, so $3.00 is saved: 3 have the film of another" == bill.line


def test_a_background_is_paid_for_once_whoever_has_it() -> None:
    """Said in place it is a clip more; with a label it is a line of its own; one that is there costs nothing."""
    beach = Clip(prompt="a beach")
    batch = [
        Line(1, Clip(prompt="x"), behind=beach), Line(2, Clip(prompt="y"), behind=beach),
        Line(3, Clip(prompt="z", background="sky"), behind="sky"), Line(4, Clip(prompt="a sky"), label="sky"),
        Line(5, Clip(prompt="w", background="old"), behind="old"),
    ]  # fmt: skip
    till = Till(price, backgrounds=Backgrounds(lambda project, name: name == "old"))
    till.backgrounds.collect(batch)
    bill = add_up(batch, till)
    assert (5, 2, 6_000_000, 7_000_000) == (bill.clips, bill.backgrounds, bill.total, bill.naive)


def test_a_background_that_can_not_be_made_makes_its_line_wrong() -> None:
    """It is told with the line, and the rest of the bill is made."""
    behind = Clip(prompt="dear")
    bill = add_up([Line(1, Clip(prompt="x"), behind=behind), Line(2, Clip(prompt="y"))], Till(price))
    assert (1, ["background: too dear"]) == (bill.clips, [line.why for line in bill.wrong])
