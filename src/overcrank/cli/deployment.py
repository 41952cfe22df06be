"""Where Celery runs: the folder with `celeryconfig.py`, `workers/` and `tasks/`, and what its processes are told."""

import os
import secrets
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..settings import CONFIG, PREFIX, Settings
from .supervisor import Spec

NOTHING = Path(__file__).with_name("no-settings.toml")


@cache
def folder() -> Path:
    """Return the deployment folder: inside the installed package, or the root of a checkout."""
    package = Path(__file__).parents[1]
    for place in (package / "deployment", package.parents[1]):
        if all((place / name).exists() for name in ("celeryconfig.py", "workers", "tasks")):
            return place
    raise ConfigError(f"the deployment folder is missing from {package}: install the package again")


@cache
def roles() -> Any:
    """Return the module `workers/roles.py`, without putting the deployment folder on our own path."""
    spec = spec_from_file_location("overcrank_roles", folder() / "workers" / "roles.py")
    if spec is None or spec.loader is None:
        raise ConfigError(f"{folder()} holds no workers/roles.py: install the package again")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def environment(settings: Settings) -> dict[str, str]:
    """Return what a child in the deployment folder is told, so that relative paths keep their meaning there."""
    paths = [str(folder()), *filter(None, [os.environ.get("PYTHONPATH")])]
    named = os.environ.get(CONFIG) or ("overcrank.toml" if Path("overcrank.toml").is_file() else None)
    told = {
        "PYTHONPATH": os.pathsep.join(paths),
        CONFIG: str(Path(named).absolute() if named else NOTHING),
        f"{PREFIX}DATA_DIR": str(settings.data_dir.absolute()),
    }
    if settings.prices.file is not None:
        told[f"{PREFIX}PRICES__FILE"] = str(settings.prices.file.absolute())
    return told


def celery(*arguments: str) -> list[str]:
    """Return the command that runs Celery with our application."""
    return [sys.executable, "-m", "celery", "-A", "workers.app", *arguments]


def worker(
    settings: Settings, role: str, slots: int, *, name: str, pool: str = "threads", loglevel: str = "INFO",
    events: bool = True, grace: float = 30.0,
) -> Spec:  # fmt: skip
    """Return the process of a worker."""
    known = roles()
    kind = known.ROLES[role]
    threads = known.concurrency(kind, slots, pushed=settings.broker_pushes)
    command = [
        sys.executable, "-m", "workers", "--pool", pool, "--concurrency", str(threads),
        "--queues", ",".join(kind.queues), "--hostname", f"{name}@%h", "--loglevel", loglevel,
        *([] if events else ["--no-events"]),
    ]  # fmt: skip
    env = {**environment(settings), known.ROLE: role, known.SLOTS: str(slots)}
    env["MALLOC_ARENA_MAX"] = os.environ.get("MALLOC_ARENA_MAX", "2")  # else one for each thread
    return Spec(name, command, str(folder()), env, grace=grace)


def beat(settings: Settings, *, loglevel: str = "INFO") -> Spec:
    """Return the process of beat; what it remembers is kept in the data folder."""
    data = settings.data_dir.absolute()
    data.mkdir(parents=True, exist_ok=True)
    command = celery("beat", "-s", str(data / "beat-schedule"), "--pidfile=", "-l", loglevel)
    return Spec("beat", command, str(folder()), environment(settings), grace=10.0)


COLUMNS = "uuid,kwargs,state,received,started,runtime,worker,name"


LOGIN = "FLOWER_BASIC_AUTH"
OPEN = "FLOWER_UNAUTHENTICATED_API"
"""Flower's own variables: what it asks visitors for, and that its API answers without."""


def flower(settings: Settings, port: int, address: str = "127.0.0.1", basic_auth: str | None = None) -> Spec:
    """Return the process of Flower. Where no password is given it gets one: any page could call its API otherwise.

    Raises:
        ConfigError: it would be open to others, or while real money is spent.
    """
    from ..settings import LOOPBACK

    if basic_auth is None and address not in LOOPBACK:
        raise ConfigError(f"Flower at {address} can be reached from elsewhere: give --basic-auth USER:PASSWORD")
    if basic_auth is not None and not all(basic_auth.partition(":")):
        raise ConfigError("Flower's --basic-auth (FLOWER_BASIC_AUTH) has to be USER:PASSWORD")
    opened = os.environ.get(OPEN, "").lower() in {"1", "true", "yes"}
    if opened and settings.provider.live:
        raise ConfigError(f"{OPEN} is set and spending is live: any web page could send jobs; take it away")
    data = settings.data_dir.absolute()
    data.mkdir(parents=True, exist_ok=True)
    command = celery(
        "flower", f"--address={address}", f"--port={port}", f"--tasks_columns={COLUMNS}", "--max_tasks=10000",
        "--persistent=True", f"--db={data / 'flower'}", "--save_state_interval=60000", "--purge_offline_workers=300",
    )  # fmt: skip
    told = {} if opened and basic_auth is None else {LOGIN: basic_auth or f"overcrank:{secrets.token_urlsafe(12)}"}
    return Spec("flower", command, str(folder()), {**environment(settings), **told}, grace=10.0, essential=False)


def login_made(spec: Spec, given: str | None) -> str | None:
    """Return what Flower asks its visitors for, if nobody gave it."""
    return None if given else spec.env.get(LOGIN)
