"""Settings: whatever stands in the environment, they are read or refused, by name and without a secret."""

import os
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from overcrank.errors import ConfigError
from overcrank.settings import CONFIG, PREFIX, load, names

NAMES = [name for name in names() if name != CONFIG]
SECRETS = [name for name in NAMES if name.endswith(("_KEY", "SECRET"))]
NUMBERS = st.sampled_from(["0", "-1", "1e400", "nan", "inf", "-inf", "1e-9", "9" * 40, "0x10", "1_000", "٣", " 5 "])
URLS = st.sampled_from(
    ["redis://", "redis://h:notaport", "redis://[::1", "http://h:99999", "file://host/x", "s3://", "//", "http://u:p@h"]
)
LISTS = st.sampled_from(["[", "[1, {}]", "a,,b", '{"film": -1}', '{"a": "b"', "null", "true", "PT30S", "P1Y"])
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(NUMBERS, URLS, LISTS, ANY), max_size=4))
def test_any_environment_is_read_or_refused(told: dict[str, str]) -> None:
    """Nothing but settings or a `ConfigError` comes of any values, and an error says which name it means."""
    with patch.dict(os.environ, told):
        try:
            load()
            said = PREFIX
        except ConfigError as error:
            said = str(error)
        assert PREFIX in said


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SECRETS), st.text(st.characters(categories=["L", "N", "P"]), min_size=12, max_size=40), ANY)
def test_no_secret_is_in_an_error_or_a_repr(name: str, secret: str, other: str) -> None:
    """A secret is in no message, whether it is wrong itself or something else is."""
    with patch.dict(os.environ, {name: secret, f"{PREFIX}LIMITS__RATE": other}):
        try:
            said = repr(load())
        except ConfigError as error:
            said = str(error)
        assert secret not in said
