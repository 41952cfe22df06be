"""`overcrank hooks`: receives the provider's webhooks, so that clips are fetched the moment they are there."""

from socket import socket

import click

from .root import Running


@click.command(cls=Running)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8788, show_default=True, help="0: any that is free.")
def hooks(host: str, port: int) -> None:
    """Receive the provider's webhooks; without them, nothing is lost and jobs are looked at on time.

    Set OVERCRANK_WEBHOOK__SECRET (several, separated by commas, while you change it), and for the workers
    OVERCRANK_WEBHOOK__PUBLIC_URL, where the provider reaches this.
    """
    from ..errors import ConfigError
    from ..runtime import Runtime
    from ..server import check
    from .attach import settings

    try:
        import uvicorn

        from ..webhooks.app import application
    except ImportError:
        raise ConfigError("`overcrank hooks` needs its extra: pip install 'overcrank[web]'") from None
    from ..webhooks.mark import Marker
    from ..webhooks.signature import key_of

    found = settings()
    if not found.webhook.secrets:
        raise ConfigError("OVERCRANK_WEBHOOK__SECRET is not set: anybody could call; set what the provider signs with")
    runtime = Runtime(found)
    check(runtime.redis)
    app = application(Marker(runtime), [key_of(secret) for secret in found.webhook.secrets])
    config = uvicorn.Config(
        app, host, port, log_level="warning", access_log=False, limit_concurrency=1000, timeout_keep_alive=5,
        server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    listening = config.bind_socket()
    name, number = listening.getsockname()[:2]

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                click.echo(f"hooks listening on http://{name}:{number}", err=True)

    Server(config).run(sockets=[listening])
