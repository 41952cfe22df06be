"""The demo as it runs: where the jobs are, what is spent, and what has just happened."""

import time
from collections import deque
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .standing import ENDS
from .style import bar, span, state


class Stage:
    """Shows how things stand, again and again; on a terminal in place, elsewhere a line now and then."""

    def __init__(self, console: Console, total: int, *, events: int = 6) -> None:
        self.console, self._total = console, total
        self._events: deque[tuple[float, str, str]] = deque(maxlen=events)
        self._began = time.monotonic()
        self._stats: dict[str, Any] | None = None

    def happened(self, text: str, style: str = "default") -> None:
        """Note an event."""
        self._events.append((time.monotonic() - self._began, text, style))
        if not self.console.is_terminal:
            self.console.print(f"{time.monotonic() - self._began:5.1f} s  {text}")

    def stand(self, stats: dict[str, Any]) -> None:
        """Note how things stand."""
        self._stats = stats

    def __rich__(self) -> RenderableType:
        """Return the view."""
        parts: list[RenderableType] = [self._heading()]
        if self._stats is not None:
            parts += [Text(), self._jobs(self._stats), Text(), self._money(self._stats), self._lane(self._stats)]
        parts += [Text(), *self._happened()]
        return Panel(Group(*parts), title="overcrank demo", title_align="left", border_style="dim", padding=(0, 1))

    def _heading(self) -> Text:
        done = self._stats["succeeded"] if self._stats else 0
        return Text.assemble(
            (f"{done}/{self._total}", "bold green"), " clips home after ", span(time.monotonic() - self._began)
        )

    @staticmethod
    def _jobs(stats: dict[str, Any]) -> Table:
        counts = {f"queued {name}": n for name, n in stats["queued"].items()} | {
            name: n for name, n in stats["in_flight"].items() if n
        }
        ends = {name: stats[name] for name in ENDS if stats[name]}
        grid = Table.grid(padding=(0, 1))
        for name, count in (counts | ends).items():
            kind = name.split()[0]
            colour = state(kind).style
            grid.add_row(
                Text(name, style=colour), Text(str(count), style="bold"), Text("■" * min(count, 40), style=colour)
            )
        return grid

    @staticmethod
    def _money(stats: dict[str, Any]) -> Text:
        spent, reserved, cap = (float(stats[f"{name}_usd"]) for name in ("spent", "reserved", "cap"))
        said = f"  ${stats['spent_usd']} + ${stats['reserved_usd']} reserved of ${stats['cap_usd']}"
        return Text.assemble("budget  ", bar(spent, reserved, cap, 24), said)

    @staticmethod
    def _lane(stats: dict[str, Any]) -> Text:
        lane = stats["lane"]
        slowed = f" (slowed to {lane['slowed_to']:.0%})" if lane["slowed_to"] < 1 else ""
        return Text(
            f"        the next window opens in {span(stats['next_reset_in'])}\n"
            f"lane    {stats['permits_left']} permits left{slowed}, {stats['at_provider']} of "
            f"{lane['concurrency'] or '∞'} at the provider, {stats['holding']} hold, {stats['workers']} workers"
        )

    def _happened(self) -> list[Text]:
        return [Text.assemble((f"{at:5.1f} s  ", "dim"), (text, style)) for at, text, style in self._events]
