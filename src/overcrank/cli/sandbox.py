"""`overcrank sandbox`: the simulated vendor as a process."""

from pathlib import Path
from typing import Any

import click

from .root import Command


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 picks a free one.")
@click.option("--rate", type=click.FloatRange(0), default=10, show_default=True, help="Creates a second; 0: no limit.")
@click.option("--burst", type=click.IntRange(1), default=15, show_default=True, help="Creates at once after a pause.")
@click.option("--concurrency", type=click.IntRange(0), default=15, show_default=True,
              help="Generations at once; 0: no limit.")  # fmt: skip
@click.option("--faults", metavar="JSON|@FILE", help='What goes wrong, as {"submit": {"drop_after": 0.05}}.')
@click.option("--seed", type=int, help="Of every draw.")
@click.option("--latency-scale", type=click.FloatRange(0), help="Multiplies the generation times.")
@click.option("--generation-seconds", type=click.FloatRange(0), help="One generation time for all.")
@click.option("--api-key", envvar="OVERCRANK_PROVIDER__API_KEY", help="The key it asks for.")
@click.option("--balance", "balance_usd", type=click.FloatRange(0), help="The prepaid balance, in dollars.")
@click.option("--url-ttl", type=click.FloatRange(0, min_open=True), help="Seconds a clip's address is valid.")
@click.option("--set", "others", metavar="FIELD=JSON", multiple=True, help="Any other field of its configuration.")
def sandbox(faults: str | None, others: tuple[str, ...], **fields: Any) -> None:
    """Start the sandbox: a simulated vendor that speaks the real dialect, goes wrong as told, and bills.

    Point OVERCRANK_PROVIDER__BASE_URL at it. What it billed is at /sandbox/meter.
    """
    import json

    from ..sandbox import SandboxConfig, serve
    from ..sandbox.process import LINE

    given = {name: value for name, value in fields.items() if value is not None}
    for entry in others:
        name, _, value = entry.partition("=")
        given[name] = _json(name, value)
    if faults is not None:
        try:
            text = Path(faults[1:]).read_text("utf-8") if faults.startswith("@") else faults
        except OSError as error:
            raise click.BadParameter(f"{faults[1:]} can not be read: {error.strerror}") from None
        given["faults"] = _json("faults", text)
    try:
        config = SandboxConfig.read(given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    def ready(port: int) -> None:
        url = f"http://{config.host}:{port}"
        machine = click.get_current_context(silent=True)
        if machine is not None and machine.meta.get("overcrank.json"):
            click.echo(json.dumps({"url": url, "port": port, "api_key": config.api_key}))
        else:
            click.echo(f"{LINE}{url}")

    try:
        serve(config, ready)
    except OSError as error:
        raise click.UsageError(
            f"nothing can listen on {config.host}:{config.port}: {error.strerror or error}; try --port 0"
        ) from None


def _json(name: str, text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{name}: {text[:60]!r} is not JSON: {error}") from None
