"""How long a Retry-After header asks to wait."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.providers.http import LONGEST_RETRY_AFTER, parse_retry_after

NOW = 1_800_000_000.0


def at(seconds: float) -> str:
    """Return an HTTP date so many seconds from now."""
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2.0), ("0", 0.0), (" 7 ", 7.0), ("0.2", 0.2), (".5", 0.5), ("3.", 3.0), ("+4", 4.0), ("-1", 0.0),
        ("-0.5", 0.0),
        ("3600", 3600.0), ("86400", 3600.0), ("9" * 90, 3600.0), (at(30), 30.0), (at(-30), 0.0), (at(90_000), 3600.0),
        ("Fri, 15 Jan 2027 08:00:05 -0000", 5.0),
        (None, None), ("", None), ("  ", None), ("soon", None), ("nan", None), ("inf", None), ("-inf", None),
        ("Infinity", None),
        ("1e3", None), ("1_000", None), ("١٢", None), ("1, 2", None), ("0x10", None), ("9" * 400, None),
        ("Fri, 99 Foo 2027 08:00:05 GMT", None),
    ],
)  # fmt: skip
def test_a_wait_is_read_in_all_its_forms(text: str | None, expected: float | None) -> None:
    """Seconds, broken seconds and dates are read; what is past is no wait; what is unclear is None."""
    assert expected == parse_retry_after(text, NOW)


@given(st.text(max_size=120) | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [A-Z+-]\w*"))
def test_no_text_raises_or_waits_for_ever(text: str) -> None:
    """Whatever comes, the wait is None or within an hour."""
    wait = parse_retry_after(text, NOW)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER
