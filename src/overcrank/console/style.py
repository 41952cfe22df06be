"""Colours and words that every view shares."""

import os
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

STATES = {
    "queued": "cyan", "parked": "cyan", "following": "cyan", "admitted": "blue", "submitting": "blue",
    "in_doubt": "bold yellow", "generating": "magenta", "undelivered": "yellow", "fetched": "green",
    "succeeded": "bold green", "failed": "bold red", "refused": "red", "cancelled": "dim", "discarded": "red",
}  # fmt: skip
"""How each state looks; one look everywhere."""

WIDE = 160
"""Columns where nobody says how many there are."""

PRIORITIES = {"urgent": "bold red", "normal": "default", "bulk": "dim"}


def console(*, error: bool = False) -> Console:
    """Return a console that writes for people; in a file or a pipe, lines are not folded at 80 columns."""
    made = Console(stderr=error, highlight=False)
    return made if made.is_terminal or "COLUMNS" in os.environ else Console(stderr=error, highlight=False, width=WIDE)


def live_badge(live: bool) -> Text:
    """Return LIVE in red where real money is spent, else the word sandbox."""
    return Text(" LIVE ", style="bold white on red") if live else Text("sandbox", style="green")


def state(name: str) -> Text:
    """Return a state in its colour."""
    return Text(name, style=STATES.get(name, "default"))


def priority(name: str) -> Text:
    """Return a priority in its colour."""
    return Text(name, style=PRIORITIES.get(name, "default"))


def short(job_id: str) -> str:
    """Return the end of an id: the part in which jobs of the same moment differ."""
    return job_id[-8:]


def span(seconds: float | None) -> str:
    """Return a time span as people say it: 0.8 s, 14 s, 3:20, 2:05:00; a whole number of hours is 1 h."""
    if seconds is None:
        return "–"
    if seconds and seconds % 3600 == 0:
        return f"{seconds / 3600:.0f} h"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = str(timedelta(seconds=round(seconds)))
    return whole.removeprefix("0:").removeprefix("0") if seconds < 3600 else whole


def size(count: int) -> str:
    """Return a number of bytes as people say it."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def table(*columns: str, flexible: str | None = None) -> Table:
    """Return an empty table in the house style.

    A column that begins with > is set to the right. The *flexible* one takes the room that the others leave, and is
    cut where that is too little.
    """
    made = Table(
        box=None,
        pad_edge=False,
        header_style="dim",
        collapse_padding=True,
        expand=flexible is not None,
    )
    for column in columns:
        name = column.removeprefix(">")
        made.add_column(
            name,
            justify="right" if column != name else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if name == flexible else None,
        )
    return made


def bar(spent: float, reserved: float, cap: float, width: int = 40) -> Text:
    """Return a bar of a budget: spent, then reserved, then room."""
    if cap <= 0:
        return Text("─" * width, style="dim")
    first = min(width, round(width * spent / cap))
    second = min(width - first, round(width * reserved / cap))
    return Text.assemble(("█" * first, "green"), ("▓" * second, "yellow"), ("░" * (width - first - second), "dim"))
