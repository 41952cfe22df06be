"""`overcrank batch`: any number of clips from a file or a pipe."""

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from .batch_progress import shown
from .exits import Exit
from .root import JSON, Command, Group

if TYPE_CHECKING:
    from ..batch.lines import Line
    from ..batch.run import Progress


@click.group(cls=Group)
def batch() -> None:
    """Run any number of clips from a file or a pipe."""


@batch.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--results", type=click.Path(path_type=Path), help="Where results go; FILE.results.jsonl by itself.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where wrong lines go; FILE.rejects.jsonl by itself.")
@click.option("--resume", is_flag=True, help="Go on where a run with the same results file stopped.")
@click.option("--retry-failed", is_flag=True, help="With --resume: try lines again that failed.")
@click.option("--strict", is_flag=True, help="Start nothing if any line is wrong.")
@click.option("--dry-run", is_flag=True, help="Print the bill, and start nothing.")
@click.option(
    "--csv", "form", flag_value="csv", help="The lines are a table with commas; by the file's name otherwise."
)
@click.option("--tsv", "form", flag_value="tsv", help="The lines are a table with tabs.")
@click.option("--jsonl", "form", flag_value="jsonl", help="The lines are JSON.")
@click.option("--window", type=click.IntRange(1, 100_000), default=1000, show_default=True,
              help="Clips under way at once.")  # fmt: skip
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Dollars that what is left of it may cost.")
@click.option("--within", type=click.FloatRange(0, min_open=True), help="Seconds in which that has to be done.")
@click.pass_context
def run(
    context: click.Context, /, file: Path, results: Path | None, rejects: Path | None, resume: bool,
    retry_failed: bool, strict: bool, dry_run: bool, form: str | None, window: int, budget: float | None,
    within: float | None,
) -> int:  # fmt: skip
    """Make the clips that FILE (or -, standard input) describes, one a line as JSON or CSV.

    A pipe is read as it comes, and its bill is added up meanwhile; a line that is the background of others then comes
    before them. With --strict, --dry-run, --budget or --within it is read to its end first. Ctrl-C stops it; what was
    sent goes on, and --resume picks it up: a line that was submitted has to be what it was. The exit code is 0 where
    every clip came home, also those of earlier runs, 1 where one did not or could not be made what it was asked to be
    delivered as, 2 where nothing was started.
    """
    from ..batch.backgrounds import Backgrounds
    from ..batch.bill import Till, add_up, seconds_needed, trouble, warnings
    from ..batch.journal import Journal
    from ..batch.lines import divider, read_lines
    from ..batch.rejects import Rejects
    from ..batch.run import Batch
    from ..client import Client
    from ..money import micros
    from .attach import settings

    if retry_failed and not resume:
        raise click.UsageError("--retry-failed goes with --resume")
    name = "batch" if str(file) == "-" else str(file)
    divided_by = divider(Path(f"lines.{form}") if form else file)
    machine = bool(context.meta.get(JSON))
    found = settings()
    client = Client(found)
    kept = found.retention.jobs.total_seconds()

    def read(source: TextIO) -> "Iterator[Line]":
        return read_lines(source, divided_by=divided_by, choose=lambda fields: client.plan(fields).clip)

    def journalled() -> Journal:
        path = results or Path(f"{name}.results.jsonl")
        return Journal(path, resume=resume, retry_failed=retry_failed, keeps=kept)

    first = strict or dry_run or budget is not None or within is not None
    with _reopened(file, kept=first) as again:
        journal = journalled() if resume or not dry_run else None
        till = Till(client.pricing(), client.asks, client.served, backgrounds=Backgrounds(client.knows))
        till.done = journal.has if journal else till.done
        bill = None
        if first or str(file) != "-":
            with again() as source:
                till.backgrounds.collect(read(source))
            with again() as source:
                bill = add_up(read(source), till)
            needed = seconds_needed(bill, client.stats(), found.budget.window.total_seconds())
            if bill.first:
                ahead = client.estimate(bill.first)
                needed = max(needed + ahead.all_done_in - ahead.all_started_in, ahead.all_done_in)
                for said in warnings(ahead):
                    click.echo(f"warning: {said}", err=True)
            click.echo(_bill(bill, needed, machine=machine), err=not dry_run)
            for line in bill.wrong if dry_run or strict else ():
                click.echo(f"line {line.number}: {line.why}", err=True)
            if strict and bill.rejected:
                raise click.UsageError(f"{bill.rejected} lines are wrong and --strict is given; nothing was started")
            limit = None if budget is None else micros(str(budget))
            if why := trouble(bill, needed, budget=limit, within=within):
                raise click.UsageError(f"the batch can not be done as wanted: {why}; nothing was started")
        if journal is None or dry_run:
            return Exit.OK
        total = None if bill is None else bill.clips + bill.done
        rejected = Rejects(rejects or Path(f"{name}.rejects.jsonl"), resume=resume)
        with journal, rejected, again() as source, shown(client, total) as tell:
            work = Batch(client, journal, rejected, window, None if bill is None else bill.total, till.backgrounds)
            try:
                done = work.run(read(source), tell)
            except KeyboardInterrupt:
                under_way = work.progress.in_flight
                click.echo(f"stopped: {under_way} clips under way go on; --resume picks them up", err=True)
                return Exit.INTERRUPTED
    click.echo(_end(done, journal.path, machine=machine), err=not machine)
    return Exit.FAILED if done.failed or done.rejected else Exit.OK


def _end(done: "Progress", path: Path, *, machine: bool) -> str:
    from ..money import dollars, plain

    if machine:
        return json.dumps({
            "done": done.done, "failed": done.failed, "rejected": done.rejected, "spent_usd": plain(done.spent),
            "saved_usd": plain(done.saved),            "results": str(path),
        })  # fmt: skip
    counts = f"{done.done} done, {done.failed} failed, {done.rejected} rejected"
    saved = f", {dollars(done.saved)} saved" if done.saved else ""
    return f"{counts} for {dollars(done.spent)}{saved}; results in {path}"


def _bill(bill: Any, needed: float, *, machine: bool) -> str:
    from ..money import dollars, plain

    if machine:
        return json.dumps({
            "clips": bill.clips, "rejected": bill.rejected, "total_usd": plain(bill.total),
            "dearest_usd": plain(bill.dearest), "naive_usd": plain(bill.naive), "saved_usd": plain(bill.saved),
            "served": bill.served, "backgrounds": bill.backgrounds, "done": bill.done,
            "seconds_at_least": round(needed, 1),
        })  # fmt: skip
    return f"{bill.line}, the dearest {dollars(bill.dearest)}; {needed:.0f} s at the least by rate and budget"


@contextmanager
def _reopened(file: Path, *, kept: bool) -> Iterator[Callable[[], TextIO]]:
    """Give a way to read the file from its beginning; a pipe once, unless it is *kept* on disk to be read twice."""

    def opened(path: Path) -> TextIO:
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")

    if str(file) == "-" and kept:
        with tempfile.NamedTemporaryFile(suffix=".lines") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
            yield lambda: opened(Path(copy.name))
    elif str(file) == "-":
        yield lambda: io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig", "surrogateescape", newline="")
    elif not file.is_file():
        raise click.UsageError(f"there is no file {file}")
    else:
        yield lambda: opened(file)
