"""The settings of a command: those of the environment, or those of an `overcrank up` that runs in the same place.

What `up` starts it writes down in its data folder, and it holds a lock there for as long as it lives. A command that
finds the lock held uses what is written, where nothing else is set: an explicit setting always wins.
"""

import fcntl
import json
import os
import shlex
from pathlib import Path
from typing import IO, Any

from ..errors import ConfigError
from ..settings import PREFIX, Settings, load

LOCK, STATE, ENVIRONMENT = "up.lock", "up.json", "overcrank.env"


def lock(data: Path) -> IO[str]:
    """Hold a data folder for as long as the returned file stays open.

    Raises:
        ConfigError: another `overcrank up` or `demo` holds it.
    """
    data.mkdir(parents=True, exist_ok=True)
    held = (data / LOCK).open("a+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.seek(0)
        pid = held.read().strip() or "unknown"
        held.close()
        raise ConfigError(
            f"another overcrank (process {pid}) runs in {data}: stop it, or name another folder with --data"
        ) from None
    held.truncate(0)
    held.write(str(os.getpid()))
    held.flush()
    return held


def write(data: Path, state: dict[str, Any]) -> None:
    """Write down what runs here, for commands and for shells; for this user's eyes only, as it holds a password."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in state["environment"].items()]
    for name, text in ((STATE, json.dumps(state, indent=2)), (ENVIRONMENT, "\n".join(lines))):
        place = data / name
        place.unlink(missing_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")


def forget(data: Path) -> None:
    """Remove what was written down."""
    for name in (STATE, ENVIRONMENT):
        (data / name).unlink(missing_ok=True)


def running(data: Path) -> dict[str, Any] | None:
    """Return what an `overcrank up` in this data folder wrote down, if it is alive."""
    try:
        with (data / LOCK).open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                state: dict[str, Any] = json.loads((data / STATE).read_text())
                return state
    except (OSError, ValueError):
        pass
    return None


def settings() -> Settings:
    """Return the settings of this command; with an `overcrank up` here, what is not set is as it runs.

    Raises:
        ConfigError: a setting is wrong.
    """
    found = load()
    state = running(found.data_dir)
    told: dict[str, str] = state["environment"] if state else {}
    if explicit(found, "redis_url") and told.get(f"{PREFIX}REDIS_URL") != found.redis_url:
        return found
    for name, value in told.items():
        if not explicit(found, *name.removeprefix(PREFIX).lower().split("__")):
            os.environ[name] = value
    return load() if told else found


def explicit(found: Settings, *path: str) -> bool:
    """Tell whether a setting was given, rather than left as it is by itself."""
    part: Any = found
    for name in path:
        if name not in part.model_fields_set:
            return False
        part = getattr(part, name)
    return True
