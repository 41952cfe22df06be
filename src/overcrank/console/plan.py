"""A plan for people: the choice, why, what else there was, and the chart."""

from rich.console import Group, RenderableType
from rich.text import Text

from ..money import dollars
from ..planning import chart
from ..planning.planner import Plan
from .style import table


def plan(found: Plan) -> RenderableType:
    """Return the view of a plan."""
    rows = table("offer", ">cost", ">quality", ">ready, 95 of 100", "")
    for one in found.options:
        chosen, best = one == found.chosen, one in found.best
        mark = "chosen" if chosen else "no other beats it" if best else ""
        style = "bold green" if chosen else "default" if best else "dim"
        cells = (one.name, dollars(one.cost), str(one.quality), f"{one.patience / 1000:g} s", mark)
        rows.add_row(*cells, style=style)
    head = Text.assemble((found.chosen.name, "bold"), f" for {dollars(found.chosen.cost)}: {found.compared}")
    why = [Text(f"  {line}", style="dim") for line in found.why]
    return Group(head, *why, "", rows, "", Text(chart.text(found)))
