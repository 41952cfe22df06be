"""The archive: a row for each job that ended, kept when Redis has long let go of it.

A SQLite file by default (rollback journal: write-ahead logging has a corruption bug in the SQLite that comes with
Python 3.11 to 3.13); PostgreSQL by URL, for workers on several machines. Rows are written again without harm.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..clock import iso
from ..errors import ConfigError, StoreUnavailable
from ..job import Job

GROUPS = {
    "project": "project",
    "model": "model",
    "priority": "priority",
    "state": "state",
    "mode": "mode",
    "fps": "fps",
    "resolution": "resolution",
    "day": "substr(ended, 1, 10)",
    "hour": "substr(ended, 1, 13)",
    "month": "substr(ended, 1, 7)",
}
"""What spending can be summed by, as SQL over a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """A summary of a job that ended. Money is µ$, *created* and *ended* are ISO 8601 in UTC.

    *saved* is what it would have cost, had not the job *served_by* made its film. *share* is its part of what the job
    *background* cost, whose clip is behind its own: that is said beside the cost and not in it.
    """

    id: str
    project: str
    model: str
    priority: str
    state: str
    mode: str
    fps: int
    duration: float
    resolution: str
    prompt: str
    quote: int
    cost: int
    attempts: int
    created: str
    ended: str
    error: str
    url: str
    sha256: str
    saved: int = 0
    served_by: str = ""
    share: int = 0
    background: str = ""


COLUMNS = tuple(field.name for field in fields(Row))
_VALUES = attrgetter(*COLUMNS)
_TYPES = {int: "bigint", float: "double precision", str: "text"}


def row(job: Job, model: str) -> Row:
    """Return the summary of a job that has ended."""
    clip, file = job.clip, job.file or {}
    return Row(
        id=job.id,
        project=job.project,
        model=model,
        priority=str(job.priority),
        state=str(job.state),
        mode=str(clip.mode),
        fps=clip.fps,
        duration=clip.duration,
        resolution=clip.resolution,
        prompt=clip.prompt[:200],
        quote=job.quote,
        cost=job.cost or 0,
        attempts=job.attempt_no,
        created=iso(job.moments["created"]),
        ended=iso(job.moments.get("ended", job.moments["created"])),
        error=f"{job.error[0]}: {job.error[1]}" if job.error else "",
        url=str(file.get("url", "")),
        sha256=str(file.get("sha256", "")),
        saved=job.saved or 0,
        served_by=job.served_by or "",
        share=job.share or 0,
        background=job.background,
    )


def _storable(value: Any) -> Any:
    """Return a value as every database takes it: text without the one character that PostgreSQL has no place for."""
    return value.replace("\0", "") if isinstance(value, str) else value


class Archive:
    """A database of ended jobs, by URL: `sqlite:///absolute/path` or `postgresql://...`.

    Raises:
        ConfigError: the URL is of another kind, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._scheme = url.partition(":")[0]
        if self._scheme not in {"sqlite", "postgresql", "postgres"}:
            raise ConfigError("OVERCRANK_ARCHIVE__URL has to begin with sqlite:/// or postgresql://")
        self._mark = "?" if self._scheme == "sqlite" else "%s"
        self._made = False

    def keep(self, rows: Iterable[Row]) -> int:
        """Write rows, replacing those that are there; return how many."""
        values = [tuple(_storable(value) for value in _VALUES(one)) for one in rows]
        if values:
            marks = ", ".join([self._mark] * len(COLUMNS))
            new = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "id")
            with self._connected() as connection, closing(connection.cursor()) as cursor:
                cursor.executemany(
                    f"insert into jobs ({', '.join(COLUMNS)}) values ({marks}) "  # noqa: S608  (our own names)
                    f"on conflict (id) do update set {new}",
                    values,
                )
        return len(values)

    def get(self, job_id: str) -> Row | None:
        """Return a job's summary, or None."""
        found = self._ask(f"select {', '.join(COLUMNS)} from jobs where id = {self._mark}", [job_id])  # noqa: S608
        return Row(*found[0]) if found else None

    def known(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of the ids that have a row."""
        found: set[str] = set()
        for start in range(0, len(job_ids), 500):  # a statement takes so many values, and not many more
            some = job_ids[start : start + 500]
            marks = ", ".join([self._mark] * len(some))
            found |= {values[0] for values in self._ask(f"select id from jobs where id in ({marks})", some)}  # noqa: S608
        return found

    def latest(self, most: int = 100) -> list[Row]:
        """Return the jobs that ended last, the latest first."""
        asked = f"select {', '.join(COLUMNS)} from jobs order by ended desc, id desc limit {self._mark}"  # noqa: S608
        return [Row(*values) for values in self._ask(asked, [most])]

    def spend(self, by: Sequence[str], since: str = "") -> list[dict[str, Any]]:
        """Sum what jobs cost by *by* (names in `GROUPS`), those that ended at or after *since* (ISO 8601).

        Each entry has the groups, `jobs`, `succeeded`, and in µ$ `cost`, `quote`, `saved`, `share` and `shared`: what a
        group's films cost with their backgrounds is its cost and share without what it shared.

        Raises:
            ConfigError: it can not be summed by that.
        """
        for name in by:
            if name not in GROUPS:
                raise ConfigError(f"spending can not be summed by {name!r}; it can be by {', '.join(GROUPS)}")
        keys = [GROUPS[name] for name in by]
        named = "".join(f"{key} as by_{name}, " for key, name in zip(keys, by, strict=True))
        grouped = f" group by {', '.join(keys)} order by {', '.join(keys)}" if keys else ""
        money = {name: f"sum({name})" for name in ("cost", "quote", "saved", "share")}
        parts = "select sum(other.share) from jobs other where other.background = jobs.id"
        money["shared"] = f"sum(coalesce(({parts}), 0))"
        sums = "count(*), sum(case when state = 'succeeded' then 1 else 0 end), " + ", ".join(money.values())
        found = self._ask(
            f"select {named}{sums} from jobs where ended >= {self._mark}{grouped}",  # noqa: S608  (names of ours)
            [since],
        )
        names = [*by, "jobs", "succeeded", *money]
        return [dict(zip(names, (0 if value is None else value for value in values), strict=True)) for values in found]

    def _ask(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._connected() as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql, values)
            return [tuple(found) for found in cursor.fetchall()]

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Hold a connection for one transaction; a connection of its own each time is safe in threads and forks."""
        driver = self._driver()
        try:
            connection = self._connect(driver)
        except (OSError, ValueError, driver.Error) as error:
            raise StoreUnavailable(
                f"the archive can not be opened ({self._said(error)}): check OVERCRANK_ARCHIVE__URL"
            ) from None
        with closing(connection):
            try:
                if not self._made:
                    self._make(connection)
                yield connection
                connection.commit()
            except driver.Error as error:
                raise StoreUnavailable(f"the archive can not be used ({self._said(error)})") from None

    def _said(self, error: Exception) -> str:
        """Return what went wrong; a server's driver may say the whole URL with its password, so it is not quoted."""
        return str(error) if self._scheme == "sqlite" else type(error).__name__

    def _driver(self) -> Any:
        if self._scheme == "sqlite":
            return sqlite3
        try:
            return import_module("psycopg")
        except ImportError:
            raise ConfigError('PostgreSQL needs its driver: pip install "overcrank[postgres]"') from None

    def _connect(self, driver: Any) -> Any:
        if self._scheme != "sqlite":
            return driver.connect(self._url, connect_timeout=10)
        path = Path(urlsplit(self._url).path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return driver.connect(path, timeout=30)

    def _make(self, connection: Any) -> None:
        named = {field.name: _TYPES[field.type] for field in fields(Row) if isinstance(field.type, type)}
        columns = ", ".join(f"{name} {kind}{' primary key' if name == 'id' else ''}" for name, kind in named.items())
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"create table if not exists jobs ({columns})")
            cursor.execute("select * from jobs where 1 = 0")
            there = {column[0] for column in cursor.description}
            for name, kind in named.items():
                if name not in there:  # it was made by a version that did not know of it
                    blank = "''" if kind == "text" else "0"
                    cursor.execute(f"alter table jobs add column {name} {kind} default {blank}")
            cursor.execute("create index if not exists jobs_ended on jobs (ended)")
            cursor.execute("create index if not exists jobs_background on jobs (background)")
        connection.commit()
        self._made = True
