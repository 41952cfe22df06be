"""`overcrank spend`: what ended jobs cost, from the archive."""

import json

import click

from .root import JSON, Command


@click.command(cls=Command)
@click.option("--by", default="project", show_default=True, help="Names with commas: project, day, model, mode, ...")
@click.option("--since", default="", help="A day or a moment, as 2027-01-31 or 2027-01-31T12:00:00Z.")
@click.pass_context
def spend(context: click.Context, by: str, since: str) -> None:
    """Sum what ended jobs cost, by project, day, model and so on."""
    from ..client import Client
    from ..money import dollars, plain
    from .attach import settings

    groups = [name.strip() for name in by.split(",") if name.strip()]
    found = Client(settings()).spend(groups, since)
    if context.meta.get(JSON):
        for entry in found:
            money = {f"{name}_usd": plain(entry.pop(name)) for name in ("cost", "quote", "saved", "share", "shared")}
            click.echo(json.dumps({**entry, **money}))
        return
    from rich.table import Table

    from ..console.style import console

    table = Table(*groups, "jobs", "succeeded", "cost", "saved", "with backgrounds", box=None)
    for entry in found:
        said = [str(entry[name]) for name in (*groups, "jobs", "succeeded")]
        whole = entry["cost"] + entry["share"] - entry["shared"]
        table.add_row(*said, *(dollars(int(value)) for value in (entry["cost"], entry["saved"], whole)))
    console().print(table)
