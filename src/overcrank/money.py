"""Money is integer micro-dollars: 1 USD = 1_000_000. No float ever holds an amount."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator

MICROS = 1_000_000
LARGEST = 9_000_000_000 * MICROS  # stays exact in a Lua number (2**53)


def micros(dollars: str | float | Decimal) -> int:
    """Return *dollars* as integer micro-dollars, rounded half up.

    A float is read by its shortest decimal form, as JSON printed it: `3.8925` is 3_892_500.

    Raises:
        ValueError: it is not a number, not finite, negative, or above nine billion dollars.
    """
    if isinstance(dollars, bool):
        raise ValueError(f"an amount of dollars was expected, got {dollars!r}")
    text = dollars.strip().lstrip("$") if isinstance(dollars, str) else repr(dollars)
    try:
        amount = dollars if isinstance(dollars, Decimal) else Decimal(text)
    except InvalidOperation:
        raise ValueError(f"an amount of dollars was expected, got {dollars!r}") from None
    if not amount.is_finite():
        raise ValueError(f"an amount of dollars must be finite, got {dollars!r}")
    if amount < 0:
        raise ValueError(f"an amount of dollars can not be negative, got {dollars!r}")
    if amount > LARGEST // MICROS:
        raise ValueError(f"an amount of dollars above nine billion is surely a mistake: {dollars!r}")
    return int(amount.quantize(Decimal(1) / MICROS, rounding=ROUND_HALF_UP) * MICROS)


def plain(amount: int) -> str:
    """Return micro-dollars as a decimal number of dollars without loss: `3892500` is `3.8925`, `0` is `0.00`."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    whole, rest = divmod(amount, MICROS)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{digits}"


def dollars(amount: int) -> str:
    """Return micro-dollars as people read them: `3892500` is `$3.8925`."""
    text = plain(amount)
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"


def _in_dollars(value: Any) -> int:
    return micros(value)


Money = Annotated[int, BeforeValidator(_in_dollars)]
"""A settings field that people write in dollars and the program holds in micro-dollars."""
