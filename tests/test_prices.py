"""The price book: data with a source; what it does not know is refused, never free."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.clip import Clip, read_clip
from overcrank.errors import ConfigError, UnknownPrice
from overcrank.prices import PriceBook

MODEL = "pixverse-v6-physics"
BOOK = PriceBook.load()
HEAD = '[book]\nsource = "x"\ndate = 2026-11-01\n'
TABLE = '[models.m]\nrule = "table"\n[models.m.resolutions]\n1920x1080 = "1"\n[models.m.table]\n30 = "0.12"\n'
FORMULA = '[models.m]\nrule = "formula"\n[models.m.resolutions]\n1920x1080 = "1"\n[models.m.formula]\n'


def clip(**fields: Any) -> Clip:
    """Return a clip."""
    return read_clip({"prompt": "x", **fields})


def tabled() -> PriceBook:
    """Return the package's book with the other rule."""
    path = Path(__file__).parent.parent / "src" / "overcrank" / "prices.toml"
    return PriceBook(path.read_text("utf-8").replace('rule = "formula"', 'rule = "table"'), "table")


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (3_892_500, {"duration": 5, "fps": 120, "physics_strength": 0.85}),
        (3_966_000, {"duration": 5, "fps": 120, "physics_strength": 0.92}),
        (3_000_000, {"duration": 5, "fps": 120, "physics_strength": 0}),
        (194_625, {"duration": 1, "fps": 30}),
        (1_946_250, {"resolution": "720p"}),
        (7_785_000, {"resolution": "4K"}),
        (3_892_500, {"mode": "time_lapse"}),
    ],
)
def test_the_formula_gives_the_tutorials_numbers(expected: int, fields: dict[str, Any]) -> None:
    """Duration, speed, physics and size, to the micro-dollar."""
    assert expected == BOOK.quote(clip(**fields), MODEL)


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (1_900_000, {"duration": 5, "fps": 120}),
        (600_000, {"duration": 5, "fps": 30}),
        (1_050_000, {"duration": 5, "fps": 31}),
        (1_050_000, {"duration": 5, "fps": 60}),
        (3_350_000, {"duration": 5, "fps": 240}),
        (2_250_000, {"duration": 5, "mode": "time_lapse"}),
        (3_800_000, {"duration": 5, "fps": 120, "resolution": "4K"}),
    ],
)
def test_the_table_gives_the_tutorials_numbers(expected: int, fields: dict[str, Any]) -> None:
    """The first step that is fast enough counts; time-lapse has a row of its own."""
    assert expected == tabled().quote(clip(**fields), MODEL)


@given(st.floats(1, 60), st.integers(24, 240), st.floats(0, 1), st.sampled_from(["720p", "1080p", "4K"]))
def test_every_quote_is_a_positive_whole_number(duration: float, fps: int, strength: float, size: str) -> None:
    """Whatever is asked for, by either rule."""
    asked = clip(
        duration=duration, fps=min(fps, 120) if size == "4K" else fps, physics_strength=strength, resolution=size
    )
    for book in (BOOK, tabled()):
        quote = book.quote(asked, MODEL)
        assert isinstance(quote, int)
        assert quote > 0


@given(st.integers(1, 59), st.integers(24, 239))
def test_more_never_costs_less(duration: int, fps: int) -> None:
    """Longer, faster and larger are dearer or the same."""
    for book in (BOOK, tabled()):
        base = book.quote(clip(duration=duration, fps=fps), MODEL)
        assert base <= book.quote(clip(duration=duration + 1, fps=fps), MODEL)
        assert base <= book.quote(clip(duration=duration, fps=fps + 1), MODEL)
        if fps <= 120:
            assert base <= book.quote(clip(duration=duration, fps=fps, resolution="4K"), MODEL)


@pytest.mark.parametrize("fps", [121, 240])
def test_a_size_has_its_fastest(fps) -> None:
    """More frames a second than the book has a price for at 4K are refused, with what is possible; 120 are not."""
    for book in (BOOK, tabled()):
        with pytest.raises(UnknownPrice, match=f"no price for {fps} frames a second at 3840x2160: ask for 120 at the"):
            book.quote(clip(fps=fps, resolution="4K"), MODEL)
        assert 0 < book.quote(clip(fps=120, resolution="4K"), MODEL)


@given(st.integers(24, 240), st.floats(0, 1), st.sampled_from(["720p", "1080p"]))
def test_a_time_lapse_costs_its_row_or_the_formula_if_that_is_more(fps, strength, size) -> None:
    """It is never quoted below what its own row of the book says."""
    fields = {"fps": fps, "physics_strength": strength, "resolution": size, "duration": 5}
    lapse = BOOK.quote(clip(mode="time_lapse", **fields), MODEL)
    other = BOOK.quote(clip(mode="hyperlapse", **fields), MODEL)
    assert max(other, 2_250_000 // (2 if size == "720p" else 1)) == lapse


def test_an_unknown_model_size_or_speed_is_refused() -> None:
    """The message says what the book knows."""
    with pytest.raises(UnknownPrice, match="no model 'sora'; it knows pixverse-v6-physics"):
        BOOK.quote(clip(), "sora")
    book = PriceBook(HEAD + TABLE, "small")
    with pytest.raises(UnknownPrice, match="no price at 3840x2160; it has 1920x1080"):
        book.quote(clip(fps=30, resolution="4K"), "m")
    with pytest.raises(UnknownPrice, match="no price at 31 frames a second; its table ends at 30"):
        book.quote(clip(fps=31), "m")


def test_a_price_of_nothing_is_refused() -> None:
    """A zero in the book is surely a mistake, and never a free clip."""
    book = PriceBook(HEAD + TABLE.replace("0.12", "0"), "free")
    with pytest.raises(UnknownPrice, match="would cost nothing"):
        book.quote(clip(fps=30), "m")


def test_an_absurd_price_is_refused() -> None:
    """More than an account could hold is a mistake too."""
    book = PriceBook(HEAD + TABLE.replace("0.12", "1e12"), "dear")
    with pytest.raises(UnknownPrice):
        book.quote(clip(fps=30), "m")


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("not TOML", "= ="),
        ("book.source", ""),
        ("book.date", '[book]\nsource = "x"\n'),
        ("book.date", HEAD.replace("2026-11-01", '"soon"')),
        (r"models.NAME", HEAD),
        (r"models.NAME", HEAD + "[models]\n"),
        ("models.m.rule", HEAD + '[models.m]\nx = "1"\n'),
        ("models.m.rule", HEAD + TABLE.replace('rule = "table"', 'rule = "guess"')),
        ("models.m.resolutions", HEAD + '[models.m]\nrule = "table"\n'),
        ("models.m.resolutions", HEAD + '[models.m]\nrule = "table"\nresolutions = "1"\n[models.m.table]\n30 = "1"\n'),
        ("models.m.resolutions", HEAD + TABLE.replace('1920x1080 = "1"\n', "")),
        ("models.m.resolutions.1920x1080", HEAD + TABLE.replace('"1"', "1.0")),
        ("models.m.table", HEAD + TABLE.replace('30 = "0.12"\n', "")),
        ("models.m.table.30", HEAD + TABLE.replace('"0.12"', '"cheap"')),
        ("models.m.table.30", HEAD + TABLE.replace('"0.12"', '"-1"')),
        ("models.m.table.30", HEAD + TABLE.replace('"0.12"', '"NaN"')),
        ("models.m.table.30", HEAD + TABLE.replace('"0.12"', "true")),
        ("models.m.table.fast", HEAD + TABLE.replace("30 =", "fast =")),
        ("models.m.time_lapse.table", HEAD + TABLE + "[models.m.time_lapse]\nx = 1\n"),
        ("models.m.formula.base", HEAD + FORMULA + 'reference_fps = 30\nphysics = "0.35"\n'),
        ("models.m.formula.reference_fps", HEAD + FORMULA + 'base = "1"\nreference_fps = 0\nphysics = "0.35"\n'),
    ],
)
def test_a_broken_book_names_the_entry(named: str, text: str) -> None:
    """It is found when it is opened, and not by the first clip that needs it."""
    with pytest.raises(ConfigError, match=named) as caught:
        PriceBook(text, "mine.toml")
    assert "mine.toml" in str(caught.value)


def test_a_book_of_ones_own_is_read_from_a_file(tmp_path: Path) -> None:
    """And a file that can not be read is named."""
    path = tmp_path / "prices.toml"
    path.write_text(HEAD + TABLE)
    assert 600_000 == PriceBook.load(path).quote(clip(fps=30), "m")
    for broken in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=str(broken)):
            PriceBook.load(broken)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="can not be read"):
        PriceBook.load(path)


def test_a_book_says_where_its_prices_come_from() -> None:
    """Source and date, for whoever doubts a bill."""
    assert "HolySheep" in BOOK.source
    assert 2026 == BOOK.date.year
