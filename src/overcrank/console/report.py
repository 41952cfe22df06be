"""What the demo came to."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from .style import priority, short, size, span, state, table

NARROW = 100
"""Columns under which less is said of the files."""


def jobs_table(rows: Sequence[dict[str, Any]], width: int) -> Table:
    """Return a table of jobs and of what their files turned out to be, for a terminal so wide."""
    wide = width >= NARROW
    told = (">frames", ">fps", ">length", ">size") if wide else (">frames", ">fps")
    made = table("job", "priority", "asked for", "state", ">cost", ">waited", ">in all", *told)
    for row in rows:
        film = row["film"]
        held = ["–"] * 4
        if film:
            held = [str(film["frames"]), f"{film['fps']:g}", f"{film['duration']:g} s", size(row["bytes"])]
        made.add_row(
            short(row["id"]), priority(row["priority"]), row["clip"], state(row["state"]), f"${row['cost_usd']}",
            span(row["waited"]), span(row["total"]), *held[: len(told)],
        )  # fmt: skip
    return made


def windows_table(windows: Sequence[dict[str, Any]]) -> Table:
    """Return the budget windows that money went into."""
    made = table("window", ">accepted", ">the provider's bill", ">our ledger", ">cap")
    for row in windows:
        over = row["billed"] > row["cap"]
        made.add_row(
            row["start"], str(row["accepted"]), Text(f"${row['billed_usd']}", style="red" if over else "green"),
            f"${row['ledger_usd']}", f"${row['cap_usd']}",
        )  # fmt: skip
    return made


def verdicts(facts: Sequence[dict[str, Any]]) -> Table:
    """Return facts, each with a tick or a cross."""
    made = Table.grid(padding=(0, 1))
    for fact in facts:
        good = fact["ok"]
        made.add_row(Text("✓" if good else "✗", style="bold green" if good else "bold red"), fact["text"])
    return made
