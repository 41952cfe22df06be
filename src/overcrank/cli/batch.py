"""`overcrank batch`: any number of clips from a file or a pipe."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from .exits import Exit
from .root import JSON, Command, Group


@click.group(cls=Group)
def batch() -> None:
    """Run any number of clips from a file or a pipe."""


@batch.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--results", type=click.Path(path_type=Path), help="Where results go; FILE.results.jsonl by itself.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where wrong lines go; FILE.rejects.jsonl by itself.")
@click.option("--resume", is_flag=True, help="Go on where a run with the same results file stopped.")
@click.option("--strict", is_flag=True, help="Start nothing if any line is wrong.")
@click.option("--dry-run", is_flag=True, help="Print the bill, and start nothing.")
@click.option(
    "--csv", "form", flag_value="csv", help="The lines are a table with commas; by the file's name otherwise."
)
@click.option("--tsv", "form", flag_value="tsv", help="The lines are a table with tabs.")
@click.option("--jsonl", "form", flag_value="jsonl", help="The lines are JSON.")
@click.option("--window", type=click.IntRange(1, 100_000), default=1000, show_default=True,
              help="Clips under way at once.")  # fmt: skip
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Dollars that all of it may cost.")
@click.option("--within", type=click.FloatRange(0, min_open=True), help="Seconds in which all of it has to be done.")
@click.pass_context
def run(
    context: click.Context, /, file: Path, results: Path | None, rejects: Path | None, resume: bool, strict: bool,
    dry_run: bool, form: str | None, window: int, budget: float | None, within: float | None,
) -> int:  # fmt: skip
    """Make the clips that FILE (or -, standard input) describes, one a line as JSON or CSV.

    Ctrl-C stops it; what was sent goes on, and --resume picks it up. The exit code is 0 where every clip came home, 1
    where one did not, 2 where it was not started.
    """
    from ..batch.backgrounds import Backgrounds
    from ..batch.bill import Till, add_up, seconds_needed, trouble
    from ..batch.journal import Journal, finished
    from ..batch.lines import divider, read_lines
    from ..batch.run import Batch
    from ..client import Client
    from ..money import dollars, micros
    from ..planning.wishes import wanted
    from .attach import settings

    name = "batch" if str(file) == "-" else str(file)
    divided_by = divider(Path(f"lines.{form}") if form else file)
    path = results or Path(f"{name}.results.jsonl")
    found = settings()
    client = Client(found)

    def choose(fields: dict[str, Any]) -> Any:
        return client.plan(wanted(fields)).clip

    with _reopened(file) as again:
        till = Till(client.pricing(), client.asks, client.served, backgrounds=Backgrounds(client.knows))
        if resume:
            till.done = finished(path)
        with again() as source:
            till.backgrounds.collect(read_lines(source, divided_by=divided_by, choose=choose))
        with again() as source:
            bill = add_up(read_lines(source, divided_by=divided_by, choose=choose), till)
        needed = seconds_needed(bill, client.stats(), found.budget.window.total_seconds())
        click.echo(_bill(bill, needed, machine=bool(context.meta.get(JSON))), err=not dry_run)
        for line in bill.wrong if dry_run or strict else ():
            click.echo(f"line {line.number}: {line.why}", err=True)
        if strict and bill.rejected:
            raise click.UsageError(f"{bill.rejected} lines are wrong and --strict is given; nothing was started")
        limit = None if budget is None else micros(str(budget))
        if why := trouble(bill, needed, budget=limit, within=within):
            raise click.UsageError(f"the batch can not be done as wanted: {why}; nothing was started")
        if dry_run:
            return Exit.OK
        journal = Journal(path, resume=resume)
        wrong = rejects or Path(f"{name}.rejects.jsonl")
        with journal, wrong.open("w", encoding="utf-8") as rejected, again() as source, _shown(bill.clips) as tell:
            work = Batch(client, journal, rejected, window, till.backgrounds)
            try:
                ended = work.run(read_lines(source, divided_by=divided_by, choose=choose), tell)
            except KeyboardInterrupt:
                under_way = work.progress.in_flight
                click.echo(f"stopped: {under_way} clips under way go on; --resume picks them up", err=True)
                return Exit.INTERRUPTED
    if not ended.rejected:
        wrong.unlink(missing_ok=True)
    saved = f", {dollars(ended.saved)} saved" if ended.saved else ""
    counted = f"{ended.done} done, {ended.failed} failed, {ended.rejected} rejected{saved}"
    click.echo(f"{counted}; results in {journal.path}", err=True)
    return Exit.FAILED if ended.failed or ended.rejected else Exit.OK


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
def _reopened(file: Path) -> Iterator[Callable[[], TextIO]]:
    """Give a way to read the file from its beginning; a pipe is kept on disk, not in memory, to be read twice."""

    def opened(path: Path) -> TextIO:
        return path.open(encoding="utf-8", errors="replace", newline="")

    if str(file) != "-":
        if not file.is_file():
            raise click.UsageError(f"there is no file {file}")
        yield lambda: opened(file)
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".lines") as kept:
        for line in sys.stdin:
            kept.write(line)
        kept.flush()
        yield lambda: opened(Path(kept.name))


@contextmanager
def _shown(total: int) -> Iterator[Callable[[Any], None]]:
    """Show how far it is on a terminal: done, under way, cost so far and projected, and when it will be done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ..console.style import console
    from ..money import dollars

    out = console(error=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=total)
        last = 0.0

        def tell(now: Any) -> None:
            nonlocal last
            if time.monotonic() - last < 0.2:
                return
            last = time.monotonic()
            said = f"{now.in_flight} under way, {now.failed} failed, {dollars(now.spent)} of {dollars(now.projected)}"
            bar.update(task, completed=now.done, description=said)

        yield tell
