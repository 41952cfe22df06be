"""What a manifest's columns want: plans where something is said beside the clip, line by line."""

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest

from overcrank.batch.bill import Till, add_up
from overcrank.batch.lines import read_lines
from overcrank.errors import InvalidClip
from overcrank.planning.planner import Purpose, plan
from overcrank.planning.wishes import planned, wanted
from overcrank.prices import PriceBook

MODEL = "pixverse-v6-physics"
BOOK = PriceBook.load()
CSV = """prompt,purpose,mode,speed,extras,budget,quality
a quiet room,preview,,,,,
a quiet room,,,,,,
a harbour,standard,time_lapse,4,"poster,sheet",,
a quiet room,,,,,$0.01,9
a quiet room,grand,,,,,
"""


def choose(fields):
    """Plan by the package's own book."""
    return plan(wanted(fields), BOOK, MODEL).clip


def test_a_manifest_plans_where_a_purpose_is_said() -> None:
    """One for a look, one as it comes, one for use; two can not be had and say why; the bill is that of the plans."""
    lines = list(read_lines(StringIO(CSV), divided_by=",", choose=choose))
    clips = [(line.clip.fps, line.clip.resolution, len(line.clip.extras)) for line in lines if line.clip]
    assert [(30, "1280x720", 0), (120, "1920x1080", 0), (30, "1920x1080", 2)] == clips
    assert ["nothing in the size", "purpose: 'grand' is not right"] == [
        line.why[:19] if "nothing" in line.why else line.why[:29] for line in lines if not line.clip
    ]
    till = Till(lambda clip: BOOK.quote(clip, MODEL))
    bill = add_up(read_lines(StringIO(CSV), divided_by=",", choose=choose), till)
    assert (3, 2, 486_563 + 3_892_500 + 2_250_000) == (bill.clips, bill.rejected, bill.total)


def test_json_lines_are_planned_too() -> None:
    """Numbers are numbers there."""
    [line] = read_lines(
        StringIO('{"prompt": "x", "quality": 9.4, "budget": 4, "ready_in": 2.5}\n'), divided_by=None, choose=choose
    )
    assert (120, "1920x1080") == (line.clip.fps, line.clip.resolution)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"purpose": "grand"}, "allowed is preview, standard, premium"),
        ({"scene": "magic"}, "allowed is fluid, rigid, organic"),
        ({"quality": "high"}, "quality: 'high' is not right"),
        ({"quality": -1}, "quality"),
        ({"quality": float("nan")}, "quality"),
        ({"budget": "much"}, "budget: an amount of dollars was expected"),
        ({"budget": []}, "budget"),
        ({"budget": 0}, "budget: '0' is not right; allowed is an amount of dollars above 0"),
        ({"budget": True}, "budget"),
        ({"quality": 11}, "quality: 11 is not right"),
        ({"ready_in": "2020-01-31T12:00:00Z"}, "has passed"),
        ({"ready_in": "2027-01-31T12:00:00"}, "has no time zone"),
        ({"ready_in": "2027-01-31Tnoon"}, "ready_in: '2027-01-31Tnoon' is not right"),
        ({"ready_in": "soon"}, "ready_in: 'soon' is not right"),
        ({"purpose": "preview", "fsp": 3}, "did you mean fps"),
    ],
)
def test_a_wrong_wish_is_named_with_what_is_allowed(fields, words) -> None:
    """As a wrong field of a clip is."""
    with pytest.raises(InvalidClip, match=words):
        wanted({"prompt": "x", **fields})


def test_what_is_said_is_what_is_wanted() -> None:
    """Text and numbers alike; what is empty is not said."""
    said = wanted(
        {"prompt": "x", "purpose": "premium", "quality": "9.4", "budget": "$2", "ready_in": "3", "scene": "fluid"}
    )
    assert (Purpose.PREMIUM, Decimal("9.4"), 2_000_000, 3000, "fluid") == (
        said.purpose, said.quality, said.budget, said.within, said.scene
    )  # fmt: skip
    told = [
        wanted({"prompt": "x", "quality": 9.4, "budget": given, "ready_in": 2.5}) for given in (2.0, 2, "$2", "2.00")
    ]
    assert {(Decimal("9.4"), 2_000_000, 2500)} == {(one.quality, one.budget, one.within) for one in told}
    now = datetime(2027, 1, 31, 12, tzinfo=UTC)
    moments = ("2027-01-31T12:01:00Z", "2027-01-31T13:01:00+01:00", datetime(2027, 1, 31, 12, 1, tzinfo=UTC))
    assert {60_000} == {wanted({"prompt": "x", "ready_in": moment}, now).within for moment in moments}
    assert [False, False, True] == [planned(one) for one in ("x", {"purpose": "", "prompt": "x"}, {"quality": 0})]
