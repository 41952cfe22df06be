"""`overcrank plan`: what to ask for, what else there is, and what that saves."""

import json
from pathlib import Path
from typing import Any

import click

from .exits import Exit
from .root import JSON, Command

PURPOSES = ("preview", "standard", "premium")
SCENES = ("fluid", "rigid", "organic")


def options(command: Any) -> Any:
    """Add what a plan can be told to a command."""
    for option in (
        click.option("--scene", type=click.Choice(SCENES), help="What the scene is of; else the prompt's words tell."),
        click.option("--ready-in", metavar="SECONDS", help="At most; or a moment, as 2027-01-31T12:00:00Z."),
        click.option("--budget", metavar="DOLLARS", help="At most, for this clip."),
        click.option("--quality", type=click.FloatRange(0, 10), help="Of 10, at least."),
        click.option("--purpose", type=click.Choice(PURPOSES), help="What it is for; standard where nothing is said."),
    ):
        command = option(command)
    return command


def planned(client: Any, clip: dict[str, Any], told: dict[str, Any]) -> Any:
    """Return the plan for a clip's fields and what the options of `options` said."""
    return client.plan(clip, **told)


@click.command(cls=Command)
@click.argument("prompt")
@click.option("--duration", type=float, help="Seconds, 1 to 60.")
@click.option("--fps", type=int, help="Keep to this frame rate.")
@click.option("--resolution", help="Keep to this size.")
@click.option("--physics", "physics_strength", type=float, help="Keep to this strength.")
@click.option("--mode", help="slow_motion, time_lapse, hyperlapse or plain.")
@click.option("--deliver-fps", type=int, help="Frames a second of what is delivered.")
@click.option("--speed", type=int, help="How many times as fast a time lapse or hyperlapse is delivered.")
@options
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the chart to this file, too.")
@click.pass_context
def plan(
    context: click.Context, /, purpose: str | None, quality: float | None, budget: str | None, ready_in: str | None,
    scene: str | None, svg: Path | None, **given: Any,
) -> int:  # fmt: skip
    """Choose frame rate, size and strength for PROMPT: the cheapest that is good enough. Nothing is enqueued."""
    from ..client import Client
    from ..console.plan import plan as view
    from ..console.style import console
    from ..planning import chart
    from .attach import settings

    told = {"purpose": purpose, "quality": quality, "budget": budget, "ready_in": ready_in, "scene": scene}
    clip = {name: value for name, value in given.items() if value is not None}
    found = planned(Client(settings()), clip, told)
    if svg is not None:
        svg.write_text(chart.svg(found), "utf-8")
    if context.meta.get(JSON):
        click.echo(json.dumps(found.as_dict()))
    else:
        console().print(view(found))
    return Exit.OK
