"""Logs never hold a secret."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.telemetry import Redacting, redact

SECRET = "s3cr3tV4lue.with-dots_x"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"{{'authorization': 'Bearer {SECRET}', 'x': 1}}",
        f'"Authorization": "{SECRET}"',
        f"sent bearer {SECRET} to the vendor",
        f"https://cdn.example/clip.mp4?X-Amz-Signature={SECRET}&a=b",
        f"https://cdn.example/clip.mp4?a=b&sig={SECRET}",
        f"https://cdn.example/clip.mp4?token={SECRET}",
        f"https://cdn.example/clip.mp4?api_key={SECRET}",
        f"https://cdn.example/clip.mp4?X-Amz-Credential={SECRET}",
        f"redis://:{SECRET}@localhost:6379/0 is away",
        f"redis://user:{SECRET}@localhost:6379/0",
        f"rediss://user:p@{SECRET}@localhost:6379/0",
        f"redis+socket://user:{SECRET}@/run/x",
        f"unix://user:{SECRET}@/run/redis.sock",
        f"amqp://user:{SECRET}@broker//",
        f"http://user:{SECRET}@proxy:3128/",
        "key hs-0123456789abcdef",
        "key sk-0123456789abcdef",
        "hook whsec_0123456789abcdef",
    ],
)
def test_what_looks_like_a_secret_is_not_written(text: str) -> None:
    """Headers, signed addresses, passwords in addresses, and keys by their first letters."""
    cleaned = redact(text)
    assert SECRET not in cleaned
    assert "0123456789abcdef" not in cleaned
    assert "***" in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "job 0192f0c1-2b3c-7d4e-8f50-0123456789ab succeeded: $3.8925",
        "redis://127.0.0.1:6379/0 is away",
        "https://cdn.example/clip.mp4?size=5",
        "the key is wrong: set OVERCRANK_PROVIDER__API_KEY",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A log that says nothing helps nobody."""
    assert text == redact(text)


@given(st.text(min_size=4, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_known_secret_is_removed_wherever_it_stands(secret: str, before: str, after: str) -> None:
    """Whatever surrounds it."""
    if secret not in "***":
        assert secret not in redact(f"{before} {secret} {after}", secret) or secret in "***"


def test_a_log_line_is_cleaned_with_its_traceback() -> None:
    """The formatter sees the finished line, arguments, exception and all."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Redacting("plain-secret"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        int(f"redis://:{SECRET}@localhost refused plain-secret")
    except ValueError:
        logger.exception("asked with Bearer %s", SECRET)
    assert SECRET not in out.getvalue()
    assert "plain-secret" not in out.getvalue()
    assert "Traceback" in out.getvalue()
