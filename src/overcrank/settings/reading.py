"""The settings are read, and what is wrong with them is said in terms of what somebody wrote."""

import os
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError
from .sense import check
from .whole import CONFIG, PREFIX, Settings


def names() -> list[str]:
    """Return every environment variable that is read, in the order of the fields."""
    found = [CONFIG]
    for name, field in Settings.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            found += [f"{PREFIX}{name}__{inner}".upper() for inner in part.model_fields]
        else:
            found.append(f"{PREFIX}{name}".upper())
    return found


def load(**given: Any) -> Settings:
    """Return the settings of this process: *given* first, then the environment, then the TOML file.

    Raises:
        ConfigError: a value is wrong, a name is misspelt, or live spending is asked for without a key.
    """
    known = names()
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; the names are {', '.join(known)}"
            raise ConfigError(f"{name} is no setting{hint}")
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    except ValueError as error:  # a TOML file that is not TOML
        raise ConfigError(f"the settings can not be read: {error}") from None
    check(settings)
    return settings


def _explain(error: ValidationError) -> str:
    said = []
    for flaw in error.errors(include_url=False, include_context=False, include_input=False):
        path = [str(part) for part in flaw["loc"]]
        name = PREFIX + "__".join(path).upper()
        if flaw["type"] == "extra_forbidden":
            near = get_close_matches(name, names(), n=1, cutoff=0.5)
            said.append(f"{'.'.join(path)} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
        else:
            said.append(f"{name}: {flaw['msg'].removeprefix('Value error, ')}{_meaning(path)}")
    return "; ".join(said)


def _meaning(path: list[str]) -> str:
    model: Any = Settings
    text = ""
    for part in path:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            break
        model, text = field.annotation, field.description or text
    return f" ({text})" if text else ""
