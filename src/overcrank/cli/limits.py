"""`overcrank limits`: what the provider allows, and what an operator says instead."""

import json

import click

from .root import JSON, Group
from .standing import parts, show_limits


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def limits(context: click.Context) -> None:
    """Show what the provider allows, as every worker obeys it now, or change it."""
    if context.invoked_subcommand is None:
        show_limits(context)


@limits.command()
@click.pass_context
def show(context: click.Context) -> None:
    """Show what the provider allows, as every worker obeys it now."""
    show_limits(context)


@limits.command("set")
@click.option("--rate", type=click.FloatRange(0, 100_000), help="Calls a second; 0: no limit.")
@click.option("--burst", type=click.IntRange(1, 1_000_000), help="Calls at once after a pause.")
@click.option("--concurrency", type=click.IntRange(0, 10_000_000), help="Generations at once; 0: no limit.")
@click.option("--default", "back", is_flag=True, help="Go back to the settings.")
@click.pass_context
def set_(context: click.Context, rate: float | None, burst: int | None, concurrency: int | None, back: bool) -> None:
    """Have other limits count from now on, for all workers, until --default."""
    if not back and rate is None and burst is None and concurrency is None:
        raise click.UsageError("say which: --rate, --burst, --concurrency, or --default")
    _, runtime = parts()
    changed = runtime.lane.set_back() if back else False
    if rate is not None or burst is not None or concurrency is not None:
        changed = runtime.lane.set(rate, burst, concurrency) or changed
    lane = runtime.lane.state()
    document = {"changed": changed, "rate": lane.rate, "burst": lane.burst, "concurrency": lane.concurrency}
    said = (
        f"{lane.rate:g} calls a second, burst {lane.burst}, {lane.concurrency or 'any number of'} generations at once"
    )
    click.echo(json.dumps(document) if context.meta.get(JSON) else said)
