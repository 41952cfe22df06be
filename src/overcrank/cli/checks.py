"""What the doctor looks at. Each check says what it saw and how to mend it; none buys anything."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from socket import gethostname
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from ..clock import SECOND
from ..errors import ConfigError, OvercrankError, StoreUnavailable
from ..keys import BEAT
from ..money import dollars
from ..prices import PriceBook
from ..providers import base as answers
from ..runtime import Runtime
from ..server import OUTAGE, check, connect
from ..settings import Settings
from ..storage.base import StorageUnavailable
from ..telemetry import redact
from .attach import settings as attached
from .run import ROLES
from .standing import STALE

OLD_PRICES = 180
"""Days after which a price book should be looked at again."""

LITTLE_ROOM = 5 * 10**9
"""Bytes of free disk under which to warn."""

MOST_DRIFT = 1.0
"""Seconds by which this machine's clock and the server's may differ."""


@dataclass(frozen=True, slots=True)
class Check:
    """A finding."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    text: str
    mend: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


NAMES = (
    "settings", "redis", "durability", "eviction", "clock", "broker", "workers", "beat", "lane", "provider", "storage",
    "disk", "video", "prices", "here",
)  # fmt: skip
"""What is looked at, by the name it is found under; the last only if it is asked for."""


ALWAYS = frozenset(NAMES) - {"here"}


def every(only: AbstractSet[str] = frozenset()) -> Iterator[Check]:
    """Look at everything, in the order in which things depend on each other; or *only* at some of it."""
    try:
        found = attached()
    except ConfigError as error:
        yield Check("settings", "fail", str(error), "correct it where it is set: the environment, or overcrank.toml")
        return
    runtime = Runtime(found)
    looks: list[tuple[set[str], Callable[[], Iterator[Check]]]] = [
        ({"settings"}, lambda: spending(found)),
        ({"redis", "durability", "eviction", "clock"}, lambda: redis(found)),
        ({"broker"}, lambda: broker(found)),
        ({"workers", "beat", "lane"}, lambda: working(runtime)),
        ({"provider"}, lambda: provider(found)),
        ({"storage", "disk"}, lambda: storage(found)),
        ({"video"}, lambda: video(found)),
        ({"prices"}, lambda: prices(found)),
        ({"here"}, lambda: here(runtime)),
    ]
    for names, look in looks:
        if not names & (only or ALWAYS):
            continue
        try:
            yield from (check for check in look() if not only or check.name in only or check.verdict == "fail")
        except OUTAGE as error:
            yield Check("redis", "fail", redact(f"it does not answer: {error}"), "see why the server stopped")
        except StoreUnavailable as error:
            yield Check("redis", "fail", redact(str(error)), "run `overcrank up`, or set OVERCRANK_REDIS_URL")
        except OvercrankError as error:  # a key that can not be used, say: the rest is looked at all the same
            yield Check(
                next(name for name in NAMES if name in names), "fail", redact(str(error)), "correct it where it is set"
            )


def spending(found: Settings) -> Iterator[Check]:
    """Say whether real money would be spent."""
    budget = f"{dollars(found.budget.cap)} every {found.budget.window.total_seconds():g} s"
    if found.provider.live:
        yield Check("settings", "warn", f"LIVE: real money is spent, at most {budget}", "meant so? Then all is well")
    else:
        yield Check("settings", "ok", f"sandbox; the budget is {budget}")


def redis(found: Settings) -> Iterator[Check]:
    """Look at the server: is it there, does it keep what it is told, does its clock agree?"""
    server = connect(found.redis_url)
    version = check(server)
    yield Check("redis", "ok", f"{version} at {redact(found.redis_url)}")
    info = server.info()
    if info.get("aof_enabled"):
        yield Check("durability", "ok", "it writes every change to disk (appendonly yes)")
    else:
        yield Check("durability", "warn", "it keeps nothing over a crash (appendonly no)",
                    "CONFIG SET appendonly yes, and the same in its configuration")  # fmt: skip
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield Check("eviction", "warn", f"maxmemory-policy is {policy}", "CONFIG SET maxmemory-policy noeviction")
    before = time.time()
    seconds, rest = server.time()
    drift = (before + time.time()) / 2 - (int(seconds) + int(rest) / SECOND)
    fine = abs(drift) <= MOST_DRIFT
    yield Check("clock", "ok" if fine else "warn", f"this machine is {drift:+.3f} s from the server",
                "let both take the time from NTP; windows go by the server's clock")  # fmt: skip


def broker(found: Settings) -> Iterator[Check]:
    """Look at the Celery broker, where it is another server."""
    if found.broker == found.redis_url:
        return
    from kombu import Connection

    from ..transport import declare
    from ..wire import broker_url

    shown = redact(found.broker)
    try:
        with Connection(broker_url(found.broker), connect_timeout=5) as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
            if found.broker_pushes:
                declare(found, connection, missing=False)
                shown += f", RabbitMQ {connection.connection.server_properties.get('version')}"
                shown += f", with {found.broker_queues} queues"
        yield Check("broker", "ok", f"it answers at {shown}")
    except ConfigError as error:
        yield Check("broker", "fail", redact(str(error)), "correct it where it is set")
    except Exception as error:  # noqa: BLE001  (each kind of broker has its own)
        yield Check(
            "broker", "fail", redact(f"{shown} does not answer: {error}"), "start it, or correct OVERCRANK_BROKER_URL"
        )


def working(runtime: Runtime) -> Iterator[Check]:
    """Look at who works: workers, ticks, and whether the lane is open."""
    now = runtime.jobs.now()
    alive = runtime.redis.zcount(runtime.keys.workers, now, "+inf")
    yield (
        Check("workers", "ok", f"{alive} are alive") if alive
        else Check("workers", "warn", "none is alive: jobs wait", "start `overcrank worker`, or `overcrank up`")
    )  # fmt: skip
    ticked = runtime.ledger.books().get("ticked")
    age = None if ticked is None else (now - ticked) / SECOND
    if age is None or age > STALE:
        said = "the budget's calendar was never kept" if age is None else f"the last budget tick was {age:.0f} s ago"
        yield Check("beat", "warn", said, "start `overcrank beat`, or a worker of role all or wait")
    else:
        yield Check("beat", "ok", f"the last budget tick was {age:.1f} s ago")
    stopped = runtime.redis.hget(runtime.keys.lane, "stopped")
    if stopped:
        yield Check("lane", "fail", f"it is stopped: {stopped}", "mend the key or the balance, then `overcrank resume`")
    else:
        yield Check("lane", "ok", "it is open")


def here(runtime: Runtime) -> Iterator[Check]:
    """Look whether a worker or beat lives on this very machine, or in this very container: each says so itself."""
    machine = gethostname()
    alive = [what for what in (*ROLES, BEAT) if runtime.redis.exists(runtime.keys.alive(machine, what))]
    if alive:
        yield Check("here", "ok", f"alive on {machine}: {', '.join(alive)}")
    else:
        yield Check("here", "fail", f"no worker and no beat lives on {machine}", "see its log; it is started again")


def provider(found: Settings) -> Iterator[Check]:
    """Ask the provider for a generation that can not exist: that is free, and shows whether our key is right."""
    from ..providers.holysheep import HolySheep

    at = found.provider_url
    vendor = HolySheep(found)
    try:
        answer = vendor.status("overcrank-doctor-asks-for-none", None)
    finally:
        vendor.close()
    match answer:
        case answers.Stopped(_, message):
            yield Check(
                "provider", "fail", redact(f"{at} refuses us: {message}"), "correct OVERCRANK_PROVIDER__API_KEY"
            )
        case answers.Unavailable(message):
            mend = (
                "see the provider's status page"
                if found.provider.live
                else "start `overcrank sandbox`, or `overcrank up`"
            )
            yield Check("provider", "fail", redact(f"{at} does not answer: {message}"), mend)
        case _:
            yield Check("provider", "ok", f"{at} answers and takes our key")


def storage(found: Settings) -> Iterator[Check]:
    """Look at where clips go: may we write there, and is there room?"""
    from ..storage import open_storage

    try:
        place = open_storage(found.storage_url, found.data_dir / "staging")
        place.require()
    except ConfigError as error:
        yield Check("storage", "fail", str(error), "correct OVERCRANK_STORAGE__URL, or install what is missing")
        return
    local = urlsplit(found.storage_url).scheme == "file"
    root = Path(unquote(urlsplit(found.storage_url).path)) if local else (found.data_dir / "staging").absolute()
    folder = _folder(root, f"clips go to {root if local else place!r}")  # a bucket's clips are staged here at first
    try:
        if folder.verdict == "ok" and (root.exists() or not local):
            place.try_out()
        yield folder
    except StorageUnavailable as error:
        yield Check("storage", "fail", redact(str(error)), "make room, or correct the address or the credentials")
    near = next(each for each in (root, *root.parents) if each.is_dir())
    free = shutil.disk_usage(near).free
    fine = free > LITTLE_ROOM
    yield Check("disk", "ok" if fine else "warn", f"{free / 10**9:.1f} GB are free", "make room, or move the clips")


def _folder(root: Path, fine: str) -> Check:
    near = next(place for place in (root, *root.parents) if place.exists())
    if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
        return Check("storage", "ok", redact(fine))
    return Check(
        "storage", "fail", f"{near} can not be written by this user", "change its owner or mode, or choose another"
    )


def video(found: Settings) -> Iterator[Check]:
    """Look whether films can be decoded here: to check every clip, and to make something of it."""
    from ..media.render import available

    if not available():
        yield Check("video", "warn", "clips can not be decoded here: only their index is checked",
                    "pip install 'overcrank[video]', at least where workers render")  # fmt: skip
    elif found.media.check:
        yield Check("video", "ok", "every clip is decoded to its end before it counts as delivered")
    else:
        yield Check("video", "ok", "only clips of which something is made are decoded (OVERCRANK_MEDIA__CHECK is off)")


def prices(found: Settings) -> Iterator[Check]:
    """Look at the price book: does it know the model, and how old is it?"""
    try:
        book = PriceBook.load(found.prices.file)
    except ConfigError as error:
        yield Check("prices", "fail", str(error), "correct the file, or leave OVERCRANK_PRICES__FILE out")
        return
    model = found.provider.model
    if model not in book.models:
        yield Check("prices", "fail", f"{book.name} has no price for {model}: every clip would be refused",
                    f"choose one of {', '.join(book.models)}, or add it to a book of your own")  # fmt: skip
        return
    when = book.date.date() if isinstance(book.date, datetime) else book.date
    age = (datetime.now(UTC).date() - when).days if isinstance(when, date) else 0
    yield Check("prices", "ok" if age < OLD_PRICES else "warn", f"{model} as of {book.date} ({book.name})",
                f"the prices are {age} days old: compare them with the provider's")  # fmt: skip
