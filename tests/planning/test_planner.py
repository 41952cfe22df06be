"""The plan keeps to what is wanted, and nothing on offer beats it."""

from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.clip import Clip
from overcrank.errors import InvalidClip, Refused, UnknownPrice
from overcrank.media.recipe import recipe
from overcrank.planning import chart
from overcrank.planning.claims import claims, markdown
from overcrank.planning.options import frontier, options
from overcrank.planning.planner import FLOORS, NoPlan, Purpose, Wanted, plan
from overcrank.prices import PriceBook

MODEL = "pixverse-v6-physics"
BOOK = PriceBook.load()
DOCS = Path(__file__).parents[2] / "docs" / "planning.md"

ROWS = st.dictionaries(
    st.sampled_from([24, 30, 48, 60, 100, 120, 240]),
    st.tuples(st.integers(1, 100), st.integers(10, 100), st.integers(100, 5000)),
    min_size=1,
    max_size=5,
)


def book_of(rows: dict[int, tuple[int, int, int]]) -> PriceBook:
    """Return a book with these rows: cents a second, tenths of quality, milliseconds, by frames a second."""
    last = 0
    text = '[book]\nsource = "a test"\ndate = 2026-11-01\n[models.m]\nrule = "table"\n'
    text += '[models.m.resolutions]\n1280x720 = "0.5"\n1920x1080 = "1"\n3840x2160 = "2"\n[models.m.table]\n'
    text += "".join(f'{fps} = "{cents / 100}"\n' for fps, (cents, _, _) in rows.items())
    text += "[models.m.quality]\n" + "".join(f'{fps} = "{tenths / 10}"\n' for fps, (_, tenths, _) in rows.items())
    text += "[models.m.latency]\n" + "".join(f"{fps} = [{last}, {wait}]\n" for fps, (_, _, wait) in rows.items())
    return PriceBook(text, "test")


@given(
    rows=ROWS,
    purpose=st.sampled_from(Purpose),
    quality=st.none() | st.decimals(1, 10, places=1),
    budget=st.none() | st.integers(10_000, 10_000_000),
    within=st.none() | st.integers(100, 5000),
    resolution=st.none() | st.sampled_from(["720p", "1080p", "4K"]),
    fps=st.none() | st.sampled_from([24, 30, 50, 60, 120]),
)
def test_a_plan_keeps_to_what_is_wanted(rows, purpose, quality, budget, within, resolution, fps) -> None:
    """Never above the budget, below the quality or too late; nothing beats it; and no plan means nothing fits."""
    fields = {"prompt": "x", "resolution": resolution, "fps": fps}
    clip = Clip(**{name: value for name, value in fields.items() if value is not None})
    wanted = Wanted(clip, purpose, quality, budget, within)
    book = book_of(rows)
    least = FLOORS[purpose].quality if quality is None else quality

    def fits(one) -> bool:
        large = one.resolution == clip.resolution if resolution else one.pixels >= smallest
        return (
            one.quality >= least and (budget is None or one.cost <= budget)
            and (within is None or one.patience <= within) and large and (fps is None or one.fps == fps)
        )  # fmt: skip

    smallest = 1280 * 720 if purpose is Purpose.PREVIEW else 1920 * 1080
    try:
        every = options(book, "m", clip, Decimal("0.85"))
    except UnknownPrice:
        return
    try:
        found = plan(wanted, book, "m")
    except UnknownPrice:  # the clip as it is has no price to compare with
        return
    except NoPlan:
        assert [] == [one for one in every if fits(one)]
        return
    assert fits(found.chosen)
    assert found.chosen in found.best
    assert [] == [one for one in found.options if fits(one) and one.beats(found.chosen)]
    assert min(one.cost for one in found.options if fits(one)) == found.chosen.cost
    assert book.quote(found.clip, "m") == found.chosen.cost


@given(ROWS)
def test_the_frontier_is_what_nothing_beats(rows) -> None:
    """Whatever is not on it is beaten by something on it."""
    every = options(book_of(rows), "m", Clip(prompt="x"), Decimal("0.85"))
    best = frontier(every)
    assert [] == [one for one in best if any(other.beats(one) for other in every)]
    assert [] == [one for one in every if one not in best and not any(other.beats(one) for other in best)]


@pytest.mark.parametrize(
    ("purpose", "name", "cost", "percent"),
    [
        (Purpose.PREVIEW, "30 fps, 1280x720", 486_563, 87),
        (Purpose.STANDARD, "60 fps, 1920x1080", 1_946_250, 50),
        (Purpose.PREMIUM, "120 fps, 1920x1080", 3_892_500, 0),
    ],
)
def test_each_purpose_by_the_packages_own_book(purpose, name, cost, percent) -> None:
    """What five seconds come to, and how much less that is than the clip as it comes."""
    found = plan(Wanted(Clip(prompt="a quiet room"), purpose), BOOK, MODEL)
    assert (name, cost, percent) == (found.chosen.name, found.chosen.cost, found.percent)


def test_what_the_clip_names_is_kept() -> None:
    """A frame rate, size and strength of its own are not planned over, and they count in the comparison."""
    clip = Clip(prompt="water", fps=100, resolution="4K", physics_strength=0.1, seed=7)
    found = plan(Wanted(clip, Purpose.PREVIEW), BOOK, MODEL)
    assert (clip, 0, "the same as without a plan, $5.175") == (found.clip, found.saving, found.compared)


def test_a_time_lapse_has_a_row_of_its_own() -> None:
    """Its quality does not depend on the frame rate, so the cheapest is as good."""
    found = plan(Wanted(Clip(prompt="clouds", mode="time_lapse"), Purpose.STANDARD), BOOK, MODEL)
    assert (30, Decimal("9.1"), 2891) == (found.chosen.fps, found.chosen.quality, found.chosen.patience)


def test_no_plan_names_what_comes_nearest() -> None:
    """The error says what it would cost, and what the money would buy."""
    with pytest.raises(NoPlan) as caught:
        plan(Wanted(Clip(prompt="x"), quality=Decimal("9.8"), budget=2_000_000, within=3000), BOOK, MODEL)
    assert isinstance(caught.value, Refused)
    assert (
        "nothing in the size and frame rate asked for has quality 9.8 or better, for at most $2.00, within 3 s; the "
        "cheapest that good is 240 fps, 1920x1080: $7.785, quality 9.8, 4.102 s; the best for the money is "
        "60 fps, 1920x1080: $1.94625, quality 8.7, 1.567 s"
    ) == str(caught.value)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("mode", ["slow_motion", "time_lapse", "hyperlapse", "plain"])
@pytest.mark.parametrize("wish", [{}, {"deliver_fps": 30}, {"deliver_fps": 60}, {"speed": 4}, {"speed": 300}])
@pytest.mark.parametrize("duration", [1, 5, 60])
def test_what_is_planned_can_be_made(purpose, mode, wish, duration) -> None:
    """No offer is one that would be refused when it is submitted; where none is left, the error is that of the clip."""
    clip = Clip(prompt="x", mode=mode, duration=duration, **wish)
    try:
        found = plan(Wanted(clip, purpose, Decimal(8)), BOOK, MODEL, recipe)
    except InvalidClip:
        for fps in (30, 60, 120, 240):
            with pytest.raises(InvalidClip):
                recipe(Clip(prompt="x", mode=mode, duration=duration, fps=fps, **wish))
        return
    recipe(found.clip)
    assert all(recipe(Clip(prompt="x", mode=mode, duration=duration, fps=one.fps, **wish)) for one in found.options)


def test_slow_motion_for_a_preview_is_planned_with_frames_enough() -> None:
    """Thirty frames a second could not be slowed down to thirty."""
    found = plan(Wanted(Clip(prompt="x", deliver_fps=30), Purpose.PREVIEW), BOOK, MODEL, recipe)
    assert (60, [60, 60, 60, 120, 120, 120, 240, 240]) == (found.chosen.fps, sorted(one.fps for one in found.options))


def test_240_frames_at_4k_are_not_planned() -> None:
    """The book has no price for it; who names both is told what is possible."""
    found = plan(Wanted(Clip(prompt="x")), BOOK, MODEL)
    assert "240 fps, 3840x2160" not in {one.name for one in found.options}
    with pytest.raises(UnknownPrice, match="ask for 120 at the most, or for a smaller size"):
        plan(Wanted(Clip(prompt="x", fps=240, resolution="4K")), BOOK, MODEL)


def test_the_queue_and_the_way_home_count_in_what_is_ready_when() -> None:
    """Of five seconds, three that pass in the queue and on the way leave two for making it."""
    wanted = Wanted(Clip(prompt="x"), within=5000, delay=3000)
    assert "ready in 4.567 s, 3 s of it for the queue and the way home" in plan(wanted, BOOK, MODEL).why
    with pytest.raises(NoPlan, match=r"within 5 s \(4 s of it for the queue and the way home\)"):
        plan(Wanted(Clip(prompt="x"), within=5000, delay=4000), BOOK, MODEL)


def test_a_book_without_a_table_says_so() -> None:
    """Prices alone are not enough to plan by."""
    text = BOOK_TEXT.replace(".quality]", ".somewhere]")
    with pytest.raises(UnknownPrice, match="does not say how good and how fast"):
        plan(Wanted(Clip(prompt="x")), PriceBook(text, "bare"), MODEL)


BOOK_TEXT = (Path(__file__).parents[2] / "src" / "overcrank" / "prices.toml").read_text()


def test_the_tutorials_claims_are_what_its_prices_make_of_them() -> None:
    """Neither 18 percent more nor 25 percent less, by either of its own price lists."""
    assert ["100.0", "81.0", "216.7", "-6.7", "0.0"] == [f"{claim.percent:.1f}" for claim in claims(BOOK, MODEL)]


def test_the_docs_show_the_arithmetic() -> None:
    """The tables in the docs are those the price book makes."""
    assert markdown(BOOK, MODEL) in DOCS.read_text("utf-8")


def test_the_chart_in_the_docs_is_the_planners() -> None:
    """The picture is what the price book makes of a clip without words that count."""
    found = plan(Wanted(Clip(prompt="a quiet room")), BOOK, MODEL)
    assert DOCS.with_name("plan.svg").read_text("utf-8") == chart.svg(found)


def test_the_chart_marks_the_choice_and_the_frontier() -> None:
    """As text: one choice, three more that nothing beats, and every quality at its line."""
    found = plan(Wanted(Clip(prompt="a quiet room")), BOOK, MODEL)
    drawn = chart.text(found)
    picture = drawn.split("└")[0]
    assert (1, 3, 7) == (picture.count(chart.CHOSEN), picture.count(chart.BEST), picture.count(chart.OTHER))
    assert ["9.8", "9.4", "8.7", "8.2"] == [line.split("┤")[0].strip() for line in drawn.splitlines() if "┤" in line]


@given(ROWS)
def test_the_chart_can_be_drawn_of_any_book(rows) -> None:
    """As an image, every option is one dot; as text, one choice is marked."""
    try:
        found = plan(Wanted(Clip(prompt="x & <y>"), quality=Decimal(1)), book_of(rows), "m")
    except UnknownPrice:
        return
    dots = ET.fromstring(chart.svg(found)).findall(".//{*}circle[@r='5']")
    assert (len(found.options), 1) == (len(dots), chart.text(found).split("└")[0].count(chart.CHOSEN))
