"""`overcrank stats` and `resume`: how things stand; and what `budget` and `limits` show."""

import json
import time
from typing import Any

import click

from .root import JSON, Command

STALE = 30.0
"""Seconds without a tick after which nobody seems to keep the budget's calendar."""


def parts() -> tuple[Any, Any]:
    """Return the settings, and the parts over them."""
    from ..runtime import Runtime
    from .attach import settings

    found = settings()
    return found, Runtime(found)


@click.command(cls=Command)
@click.option("--watch", is_flag=True, help="Again and again, until Ctrl-C.")
@click.option("--every", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds between two looks.")
@click.pass_context
def stats(context: click.Context, watch: bool, every: float) -> None:
    """Show how the queue, the lane and the budget stand."""
    from ..client import Client
    from .attach import settings

    found = settings()
    client = Client(found)
    if context.meta.get(JSON):
        while True:
            click.echo(json.dumps(client.stats()))
            if not watch:
                return
            time.sleep(every)
    from rich.live import Live

    from ..console.standing import stats_view
    from ..console.style import console

    out = console()
    if not watch:
        out.print(stats_view(client.stats(), live=found.provider.live))
        return
    with Live(console=out, auto_refresh=False) as live:
        while True:
            live.update(stats_view(client.stats(), live=found.provider.live), refresh=True)
            time.sleep(every)


def books(found: Any, runtime: Any) -> dict[str, Any]:
    """Return the budget as plain data."""
    from ..clock import SECOND, iso
    from ..money import plain

    now = runtime.jobs.now()
    window, last = runtime.ledger.window(), runtime.ledger.last_window()
    ticked = runtime.ledger.books().get("ticked")
    age = None if ticked is None else (now - ticked) / SECOND
    set_here = {
        "cap_usd": plain(found.budget.cap),
        "window_seconds": found.budget.window.total_seconds(),
        "warn_at_percent": list(found.budget.warn_at),
    }
    return {
        "live": found.provider.live,
        "configured": bool(window.cap),
        "window": {**window.as_dict(), "used_percent": round(window.used, 1)},
        "last_window": last.as_dict(),
        "next_reset": iso(window.end),
        "next_reset_in": round(max(0, window.end - now) / SECOND, 1),
        "last_tick": iso(ticked) if ticked else None,
        "last_tick_age": None if age is None else round(age, 1),
        "ticking": age is not None and age < STALE,
        "settings": set_here,
    }


def show_limits(context: click.Context) -> None:
    """Show what the provider allows, as every worker obeys it now."""
    found, runtime = parts()
    lane = runtime.lane.state()
    document = {
        "live": found.provider.live,
        "provider": found.provider_url,
        "rate": lane.rate,
        "burst": lane.burst,
        "concurrency": lane.concurrency,
        "permits_left": lane.permits,
        "at_provider": lane.in_flight,
        "slowed_to": lane.slowed_to,
        "cooling": lane.cool_until is not None,
        "broken": lane.broken_until is not None,
        "at_most": lane.at_most,
        "stopped": lane.stopped,
        "settings": {
            "rate": found.limits.rate,
            "burst": found.limits.burst,
            "concurrency": found.limits.concurrency,
        },
    }
    if context.meta.get(JSON):
        click.echo(json.dumps(document))
        return
    from ..console.standing import limits_view
    from ..console.style import console

    console().print(limits_view(document))


@click.command(cls=Command)
@click.pass_context
def resume(context: click.Context) -> None:
    """Open the lane again after it was stopped: the key is right now, or the balance is filled up."""
    _, runtime = parts()
    opened = runtime.lane.resume()
    said = "the lane is open again" if opened else "the lane was not stopped"
    click.echo(json.dumps({"resumed": opened}) if context.meta.get(JSON) else said)
