"""What the doctor found."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

LOOKS = {"ok": ("✓", "green"), "warn": ("!", "bold yellow"), "fail": ("✗", "bold red")}


def check_line(verdict: str, name: str, text: str, mend: str | None) -> RenderableType:
    """Return a finding, and under it how to mend it."""
    sign, style = LOOKS[verdict]
    made = Table.grid(padding=(0, 1))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True, min_width=10)
    made.add_column(overflow="fold")
    made.add_row(Text(sign, style=style), Text(name, style="bold"), text)
    if mend and verdict != "ok":
        made.add_row("", "", Text(f"→ {mend}", style=style.removeprefix("bold ")))
    return made
