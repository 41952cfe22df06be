"""The price book: prices are data, with their source and date. It quotes ahead; the bill is what the provider says."""

import tomllib
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .clip import Clip, Mode
from .errors import ConfigError, UnknownPrice
from .money import micros

RULES = ("formula", "table")


def _by_formula(entry: dict[str, Any], mode: Mode, fps: int, physics: float) -> Decimal:
    """Return dollars for a second."""
    rule = entry["formula"]
    speed = Decimal(fps) / Decimal(rule["reference_fps"])
    rate = Decimal(rule["base"]) * speed * (1 + Decimal(rule["physics"]) * Decimal(repr(physics)))
    if mode is Mode.TIME_LAPSE and "time_lapse" in entry:
        return max(rate, Decimal(entry["time_lapse"]["table"]))
    return rate


def _by_table(entry: dict[str, Any], mode: Mode, fps: int, model: str) -> Decimal:
    """Return dollars for a second."""
    if mode is Mode.TIME_LAPSE and "time_lapse" in entry:
        return Decimal(entry["time_lapse"]["table"])
    for most, price in sorted(((int(most), price) for most, price in entry["table"].items())):
        if fps <= most:
            return Decimal(price)
    raise UnknownPrice(f"{model} has no price at {fps} frames a second; its table ends at {most}")


class PriceBook:
    """What clips cost, by model.

    Raises:
        ConfigError: the book is not as it should be; the message names the entry.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        try:
            self._data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"the price book {name} is not TOML: {error}") from None
        self.source = str(self._get("book", "source"))
        when = self._get("book", "date")
        if not isinstance(when, date):
            raise ConfigError(f"the price book {name}: book.date has to be a date such as 2026-11-01, not {when!r}")
        self.date = when
        for model in self.models:
            self._check(model)
        self._amount = lru_cache(1024)(self._amount_of)  # a batch asks for the same again and again

    @classmethod
    def load(cls, path: Path | None = None) -> "PriceBook":
        """Return the book at *path*, or the one that comes with the package."""
        if path is None:
            return cls(files("overcrank").joinpath("prices.toml").read_text("utf-8"), "prices.toml of the package")
        try:
            return cls(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the price book {path} can not be read: {error}") from None

    @cached_property
    def models(self) -> dict[str, Any]:
        """The models the book knows, by name."""
        models = self._data.get("models")
        if not isinstance(models, dict) or not models:
            raise ConfigError(f"the price book {self.name} has no [models.NAME]")
        return models

    def quote(self, clip: Clip, model: str) -> int:
        """Return what *clip* should cost on *model*, in micro-dollars, rounded half up; never zero.

        Raises:
            UnknownPrice: no entry covers the clip.
        """
        entry = self.models.get(model)
        if entry is None:
            raise UnknownPrice(f"the price book {self.name} has no model {model!r}; it knows {', '.join(self.models)}")
        size = entry["resolutions"].get(clip.resolution)
        if size is None:
            raise UnknownPrice(f"{model} has no price at {clip.resolution}; it has {', '.join(entry['resolutions'])}")
        fastest = entry.get("fastest", {}).get(clip.resolution, clip.fps)
        if clip.fps > fastest:
            raise UnknownPrice(
                f"{model} has no price for {clip.fps} frames a second at {clip.resolution}: ask for {fastest} at the "
                "most, or for a smaller size"
            )
        try:
            amount = self._amount(model, clip.mode, size, clip.duration, clip.fps, clip.physics_strength)
        except ValueError as error:
            raise UnknownPrice(f"{model} can not be priced for {clip.line}: {error}") from None
        if amount <= 0:
            raise UnknownPrice(f"{model} would cost nothing for {clip.line}; a price of zero is surely a mistake")
        return amount

    def _amount_of(self, model: str, mode: Mode, size: str, duration: float, fps: int, physics: float) -> int:
        """Return what such a clip costs, in µ$; *size* is what its resolution multiplies the price by."""
        entry = self.models[model]
        rate = (
            _by_formula(entry, mode, fps, physics) if entry["rule"] == "formula" else _by_table(entry, mode, fps, model)
        )
        return micros(Decimal(repr(duration)) * rate * Decimal(size))

    def _get(self, *path: str) -> Any:
        value: Any = self._data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise ConfigError(f"the price book {self.name} has no {'.'.join(path)}")
        return value

    def _rows(self, *path: str) -> dict[str, Any]:
        rows = self._get(*path)
        if not isinstance(rows, dict) or not rows:
            raise ConfigError(f"the price book {self.name}: {'.'.join(path)} has to be a table with entries")
        return rows

    def _check(self, model: str) -> None:
        """Read every number once, so that a mistyped one is found at the start and not at the first clip."""
        rule = self._get("models", model, "rule")
        if rule not in RULES:
            raise ConfigError(
                f"the price book {self.name}: models.{model}.rule is {rule!r}; it can be {' or '.join(RULES)}"
            )
        numbers = {("resolutions", size): text for size, text in self._rows("models", model, "resolutions").items()}
        if rule == "formula":
            numbers |= {
                ("formula", key): self._get("models", model, "formula", key)
                for key in ("base", "reference_fps", "physics")
            }
        else:
            numbers |= {("table", fps): text for fps, text in self._rows("models", model, "table").items()}
        if "time_lapse" in self.models[model]:
            numbers["time_lapse", "table"] = self._get("models", model, "time_lapse", "table")
        if "fastest" in self.models[model]:
            self._check_fastest(model)
        for path, text in numbers.items():
            try:
                fine = not isinstance(text, float | bool) and Decimal(text).is_finite() and Decimal(text) >= 0
                if path[-1] == "reference_fps":
                    fine = fine and Decimal(text) > 0
                if path[0] == "table":
                    int(path[1])
            except (InvalidOperation, TypeError, ValueError):
                fine = False
            if not fine:
                where = ".".join(("models", model, *path))
                raise ConfigError(
                    f'the price book {self.name}: {where} is {text!r}; an amount is a string such as "0.15"'
                )

    def _check_fastest(self, model: str) -> None:
        for size, fps in self._rows("models", model, "fastest").items():
            where = f"the price book {self.name}: models.{model}.fastest.{size}"
            if size not in self.models[model]["resolutions"]:
                raise ConfigError(
                    f"{where} is for a size that has no price; there is {', '.join(self.models[model]['resolutions'])}"
                )
            if type(fps) is not int or fps <= 0:
                raise ConfigError(f"{where} is {fps!r}; frames a second are a whole number such as 120")
