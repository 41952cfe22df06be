"""How far a batch is: a bar on a terminal, and elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..batch.run import Progress
    from ..client import Client

Tell = Callable[["Progress"], None]

BAR_EVERY, LINE_EVERY = 0.5, 10.0
"""Seconds between two words of it, on a terminal and elsewhere."""


@contextmanager
def shown(client: "Client", total: int | None) -> Iterator[Tell]:
    """Give what tells how far it is: done, under way and held, what it cost and will have cost, and its end."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ..console.style import console

    out = console(error=True)
    if not out.is_terminal:
        of = "" if total is None else f" of {total}"
        yield every(
            LINE_EVERY, lambda now: click.echo(f"{now.done}{of} done, {line(now, held(client, now))}", err=True)
        )
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield every(
            BAR_EVERY, lambda now: bar.update(task, completed=now.done, description=line(now, held(client, now)))
        )


def every(seconds: float, tell: Tell) -> Tell:
    """Return what tells no more often than that."""
    last = time.monotonic()

    def seldom(now: "Progress") -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            tell(now)

    return seldom


def line(now: "Progress", waiting: int) -> str:
    """Return how it stands, but for what is done."""
    from ..money import dollars

    said = f"{now.in_flight} under way, {waiting} of them held, {now.failed} failed"
    said += f", {now.rejected} rejected" if now.rejected else ""
    return f"{said}, {dollars(now.spent)} of {dollars(now.projected)}"


def held(client: "Client", now: "Progress") -> int:
    """Return how many under way have not been let to the provider; all that wait are counted, whoever sent them."""
    from ..errors import StoreUnavailable

    try:
        stats = client.stats()
    except StoreUnavailable:  # the run itself has the patience
        return 0
    return int(min(now.in_flight, stats["parked"] + sum(stats["queued"].values())))
