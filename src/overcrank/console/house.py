"""What `overcrank up` runs, and where it is."""

from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..money import dollars
from ..settings import Settings
from ..telemetry import redact
from .style import live_badge, span


def house_view(state: dict[str, Any], settings: Settings, *, workers: int, slots: int) -> RenderableType:
    """Return the panel that says what runs and where."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    rate = f"{settings.limits.rate:g} calls a second" if settings.limits.rate else "any rate"
    made.add_row("provider", Text.assemble(live_badge(state["live"]), f" {state['provider']}, {rate}"))
    made.add_row("budget", f"{dollars(settings.budget.cap)} every {span(settings.budget.window.total_seconds())}")
    made.add_row("workers", f"{workers} of {slots} slots each, and beat")
    made.add_row("redis", redact(state["redis"]))
    if state["flower"]:
        login = f"  ({state['flower_login']})" if state["flower_login"] else ""
        made.add_row("Flower", Text.assemble((state["flower"], "bold"), login))
    made.add_row("clips", state["clips"])
    made.add_row("data, logs", state["data"])
    made.add_row("", Text())
    made.add_row("try", Text('overcrank submit "A steel ball drops into sand" --wait', style="bold"))
    made.add_row("stop", "Ctrl-C")
    style = "red" if state["live"] else "green"
    return Panel(made, title="overcrank is up", title_align="left", border_style=style, expand=False)
