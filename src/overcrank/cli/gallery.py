"""`overcrank gallery`: one page of a batch that opens from the disk."""

from pathlib import Path

import click

from .exits import Exit
from .root import Command


@click.command(cls=Command)
@click.argument("job_ids", nargs=-1, metavar="[JOB]...")
@click.option("--project", help="Only jobs of this project.")
@click.option("--latest", type=click.IntRange(1, 10_000), default=100, show_default=True, help="So many at the most.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), default=Path("gallery.html"), show_default=True)
@click.option("--title", default="Overcrank", show_default=True)
def gallery(job_ids: tuple[str, ...], project: str | None, latest: int, to: Path, title: str) -> int:
    """Write a page of the named jobs, or of the latest ones: posters, previews, cost, time and links."""
    from ..client import Client
    from ..gallery import write
    from .attach import settings

    client = Client(settings())
    jobs = [client.get(job_id) for job_id in job_ids] if job_ids else client.latest(most=latest)
    shown = write((job for job in jobs if project in (None, job.project)), to, title)
    click.echo(f"{shown} job{'' if shown == 1 else 's'} on {to.absolute().as_uri()}")
    return Exit.OK
