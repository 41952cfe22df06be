"""Kinds of values: how each is read from a text, a number or TOML, and which are refused."""

import base64
import json
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from ..money import Money

SHORTEST_KEY, SHORTEST_TEXT = 24, 16
"""Bytes of a webhook secret after whsec_, as Standard Webhooks asks for; characters of one that is plain text."""


def _seconds(value: Any) -> Any:
    """Read a number, or text that is one, as seconds; pydantic's own forms such as `PT30S` work too."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    try:
        return timedelta(seconds=value)
    except OverflowError:
        raise ValueError("it has to be shorter than a few million years") from None


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("it has to be longer than nothing")
    return value


def _whole(value: timedelta) -> timedelta:
    if value % timedelta(seconds=1):
        raise ValueError("it has to be whole seconds")
    return value


def _http(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it has to begin with http:// or https://")
    if parts.username or parts.password:
        raise ValueError("it must not hold a user or a password")
    return value


def _url(value: str) -> str:
    return _http(value).rstrip("/").removesuffix("/v1")


def _listed(value: Any) -> Any:
    """Read `a, b` as a list, besides the JSON form `["a", "b"]` and what TOML gives."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("it has to be a list such as a, b") from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _named(value: Any) -> Any:
    """Read `{"film": 20}` as a mapping; TOML gives one as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError('it has to be a mapping such as {"film": 20}') from None


def _signing(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for secret in value:
        text = secret.get_secret_value()
        if text.startswith("whsec_"):
            try:
                key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
            except ValueError:
                raise ValueError("after whsec_ it has to be base64") from None
            if len(key) < SHORTEST_KEY:
                raise ValueError(
                    f"after whsec_ it has to be at least {SHORTEST_KEY} bytes in base64: it could be guessed"
                )
        elif len(text) < SHORTEST_TEXT:
            raise ValueError(f"it has to be at least {SHORTEST_TEXT} characters long, or it could be guessed")
    return value


Seconds = Annotated[timedelta, BeforeValidator(_seconds), AfterValidator(_positive)]
WholeSeconds = Annotated[Seconds, AfterValidator(_whole)]
Url = Annotated[str, AfterValidator(_url)]
Http = Annotated[str, AfterValidator(_http)]
Numbers = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_listed)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Amounts = Annotated[dict[str, Money], NoDecode, BeforeValidator(_named)]
Signing = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_signing)]
