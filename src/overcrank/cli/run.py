"""`overcrank worker`, `beat` and `flower`: a process of Celery each, kept running by a small supervisor."""

import secrets
from typing import Any

import click

from .root import Running
from .supervisor import Spec, become

ROLES = ("all", "submit", "urgent", "wait", "fetch", "render")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

loglevel = click.option(
    "--loglevel", type=click.Choice(LEVELS, case_sensitive=False), default="INFO", show_default=True
)


@click.command(cls=Running)
@click.option("--role", type=click.Choice(ROLES), default="all", show_default=True, help="Which queues it consumes.")
@click.option("--slots", type=click.IntRange(1, 1000), default=16, show_default=True,
              help="Jobs on their way to the provider at once.")  # fmt: skip
@click.option("--pool", type=click.Choice(["threads", "prefork"]), default="threads", show_default=True)
@click.option("--name", help="The node's name before the @; one of its own by itself.")
@loglevel
@click.option("--no-events", is_flag=True, help="Send no events: Flower sees nothing of this worker.")
def worker(role: str, slots: int, pool: str, name: str | None, loglevel: str, no_events: bool) -> None:
    """Start a worker and keep it running; start as many as you like.

    SIGTERM or Ctrl-C stops it when what it is sending is sent; twice, at once. Jobs lose nothing either way.
    """
    from ..storage import open_storage
    from . import deployment

    settings = checked("worker")
    if deployment.roles().ROLES[role].stores:
        open_storage(settings.storage_url).require()
    spec = deployment.worker(
        settings, role, slots, name=name or f"{role}-{secrets.token_hex(3)}", pool=pool, loglevel=loglevel.upper(),
        events=not no_events,
    )  # fmt: skip
    turn_into(spec)


@click.command(cls=Running)
@loglevel
def beat(loglevel: str) -> None:
    """Start beat, which opens each budget window; two of them do no harm."""
    from . import deployment

    turn_into(deployment.beat(checked("beat"), loglevel=loglevel.upper()))


@click.command(cls=Running)
@click.option("--port", type=click.IntRange(1, 65535), default=5555, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Any but this machine's needs --basic-auth.")
@click.option("--basic-auth", metavar="USER:PASSWORD", envvar="FLOWER_BASIC_AUTH",
              help="Ask visitors for this; a password of its own by itself, which is printed.")  # fmt: skip
def flower(port: int, address: str, basic_auth: str | None) -> None:
    """Start Flower, which shows every job, worker and queue."""
    from . import deployment

    spec = deployment.flower(checked("flower"), port, address, basic_auth)
    if login := deployment.login_made(spec, basic_auth):
        click.echo(f"Flower at http://{address}:{port} asks for {login}", err=True)
    turn_into(spec)


def checked(what: str) -> Any:
    """Return the settings, once Redis has answered and is of the right kind; a worker's can all be used, too."""
    from ..money import dollars
    from ..runtime import Runtime
    from ..server import check, connect
    from ..telemetry import redact
    from ..transport import claim
    from .attach import settings

    found = settings()
    if what == "worker":
        Runtime(found).check()
    version = check(connect(found.redis_url))
    claim(found)
    provider = click.style("LIVE", fg="red", bold=True) if found.provider.live else "sandbox"
    click.echo(
        f"overcrank {what}: {provider} {found.provider_url}, redis {version} at {redact(found.redis_url)}, "
        f"budget {dollars(found.budget.cap)} every {found.budget.window.total_seconds():g} s",
        err=True,
    )
    return found


def turn_into(spec: Spec) -> None:
    """Become the supervisor of a process; nothing after this runs."""
    become(spec)
