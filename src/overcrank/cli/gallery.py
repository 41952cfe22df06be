"""`overcrank gallery`: one page of a batch that opens from the disk."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from .exits import Exit
from .root import Command


@click.command(cls=Command)
@click.argument("job_ids", nargs=-1, metavar="[JOB]...")
@click.option("--batch", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RESULTS",
              help="The jobs of a batch, by its results file.")  # fmt: skip
@click.option("--project", help="Only jobs of this project.")
@click.option("--latest", type=click.IntRange(1, 10_000), default=100, show_default=True, help="So many at the most.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), default=Path("gallery.html"), show_default=True)
@click.option("--title", default="Overcrank", show_default=True)
@click.option("--copy", is_flag=True, help="Copy what is kept in a bucket into a folder beside the page.")
def gallery(
    job_ids: tuple[str, ...], batch: Path | None, project: str | None, latest: int, to: Path, title: str, copy: bool
) -> int:
    """Write a page of the named jobs, of a batch's, or of the latest: posters, previews, cost, time and links."""
    from ..client import Client
    from ..errors import UnknownJob
    from ..gallery import write
    from .attach import settings

    found = settings()
    client = Client(found)
    if job_ids or batch is None:
        jobs = [client.get(job_id) for job_id in job_ids] or _latest(client, latest, project)
    else:
        jobs = []
        for job_id in _ids(batch):
            try:
                jobs.append(client.get(job_id))
            except UnknownJob:  # it ended long ago, and its record has gone
                click.echo(f"{job_id} is not on the page: its record is no longer kept", err=True)
    chosen = [job for job in jobs if project in (None, job.project)]
    with TemporaryDirectory() as staging:
        shown = write(chosen, to, title, _bring(found.storage_url, Path(staging)) if copy else None)
    click.echo(f"{shown} job{'' if shown == 1 else 's'} on {to.absolute().as_uri()}")
    return Exit.OK


def _latest(client: Any, most: int, project: str | None) -> list[Any]:
    """Return the latest jobs, so many of the project where one is named."""
    asked = most
    while True:
        found = client.latest(most=asked)
        wanted = [job for job in found if project in (None, job.project)]
        if len(wanted) >= most or len(found) < asked:
            return wanted[:most]
        asked *= 4


def _ids(results: Path) -> list[str]:
    """Return the jobs of a batch, each once, in the order of its lines."""
    found: dict[str, int] = {}
    with results.open(encoding="utf-8") as file:
        for text in file:
            try:
                entry = json.loads(text)
                if "line" in entry:
                    found.setdefault(str(entry["id"]), int(entry["line"]))
            except (ValueError, KeyError, TypeError):
                raise click.UsageError(f"{results} is not the results file of a batch") from None
    return sorted(found, key=lambda job_id: found[job_id])


def _bring(url: str, staging: Path) -> Callable[[str], Path | None]:
    from ..storage import StorageUnavailable, open_storage

    storage = open_storage(url, staging)

    def bring(name: str) -> Path | None:
        try:
            return storage.local(name)
        except StorageUnavailable as error:
            click.echo(f"{name} is not beside the page: {error}", err=True)
            return None

    return bring
