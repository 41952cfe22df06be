"""`overcrank up`: everything on this machine with one command, and one Ctrl-C to stop it."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .root import JSON, Command


@click.command(cls=Command)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option("--slots", type=click.IntRange(1, 1000), default=16, show_default=True, help="Slots of each.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="The folder for everything it keeps.")
@click.option("--flower-port", type=click.IntRange(1, 65535), help="5555 by itself, or a free one.")
@click.option("--no-flower", is_flag=True, help="Without Flower.")
@click.option("--sandbox-port", type=click.IntRange(1, 65535), help="8787 by itself, or a free one.")
@click.pass_context
def up(context: click.Context, /, data: Path | None, **wanted: Any) -> int:
    """Start Redis, the sandbox, workers, beat and Flower on this machine, and keep them running.

    Redis is embedded unless OVERCRANK_REDIS_URL is set; the sandbox is left out when spending is live. What it keeps is
    in the data folder and is there again the next time. In another terminal, in the same folder, `overcrank submit`
    finds it by itself.
    """
    from ..runtime import Runtime
    from ..settings import load
    from .attach import forget, lock

    if data is not None:
        os.environ["OVERCRANK_DATA_DIR"] = str(data.absolute())
    found = load()
    Runtime(found).check()
    place = found.data_dir.absolute()
    held = lock(place)
    try:
        return House(found, place, machine=bool(context.meta.get(JSON)), **wanted).live()
    finally:
        forget(place)
        held.close()


class House:
    """Everything that `up` runs."""

    def __init__(
        self, found: Any, data: Path, *, machine: bool, workers: int, slots: int, flower_port: int | None,
        no_flower: bool, sandbox_port: int | None,
    ) -> None:  # fmt: skip
        from .logs import Logs
        from .supervisor import Supervisor

        self.settings, self.data, self.machine = found, data, machine
        self.workers, self.slots, self.no_flower = workers, slots, no_flower
        self.flower_port, self.sandbox_port = flower_port, sandbox_port
        self.logs = Logs(data / "logs", self._heard)
        self.supervisor = Supervisor(self._say, self.logs.follow)
        self._ready = self._stopping = False
        self._talking = threading.Lock()

    def live(self) -> int:
        """Start everything, keep it running until a signal, stop it; return the exit code."""
        with self.supervisor.signals():
            try:
                self._start()
                code = self.supervisor.run(self._look)
            finally:
                self._stopping = True
                self.supervisor.stop()
        if self.supervisor.failed:
            name = self.supervisor.failed.spec.name
            raise click.ClickException(f"{name} does not run; {self.logs.place(name)} ends so:\n{self.logs.tail(name)}")
        self._say("everything is stopped; what is queued waits for the next time")
        return code

    def _start(self) -> None:
        from ..embedded import free_port
        from ..settings import load
        from . import deployment
        from .attach import write

        redis = self._redis()
        vendor = self._vendor()
        self.settings = load()
        for number in range(1, self.workers + 1):
            self.supervisor.add(
                deployment.worker(self.settings, "all", self.slots, name=f"worker-{number}", grace=20.0)
            )
        self.supervisor.add(deployment.beat(self.settings))
        flower = login = None
        if not self.no_flower:
            port = self.flower_port or free_port(5555)
            flower = f"http://127.0.0.1:{port}"
            spec = deployment.flower(self.settings, port, basic_auth=os.environ.get(deployment.LOGIN))
            login = deployment.login_made(spec, os.environ.get(deployment.LOGIN))
            self.supervisor.add(spec)
        self.state = {
            "pid": os.getpid(),
            "live": self.settings.provider.live,
            "redis": redis,
            "provider": vendor,
            "flower": flower,
            "flower_login": login,
            "data": str(self.data),
            "clips": self.settings.storage_url,
            "environment": self._told(),
        }
        write(self.data, self.state)

    def _redis(self) -> str:
        """Return which server is used, once it answers: the one that is set, or our own."""
        from ..embedded import Embedded
        from ..server import check, connect
        from ..transport import claim
        from .attach import explicit
        from .supervisor import Spec

        if explicit(self.settings, "redis_url"):
            check(connect(self.settings.redis_url))
            claim(self.settings)
            return str(self.settings.redis_url)
        server = Embedded(self.data)
        self.supervisor.add(Spec("valkey", server.command, rank=2, grace=30.0))
        os.environ["OVERCRANK_REDIS_URL"] = server.url
        server.ready()
        return server.url

    def _vendor(self) -> str:
        """Return the provider's address; the sandbox's, started here, unless another is set or spending is live."""
        from ..embedded import free_port
        from ..sandbox import SandboxAdmin
        from .supervisor import Spec

        provider, allowed = self.settings.provider, self.settings.limits
        if provider.live or provider.base_url:
            return str(self.settings.provider_url)
        port = self.sandbox_port or free_port(8787)
        command = [
            sys.executable, "-m", "overcrank", "sandbox", "--port", str(port), "--rate", f"{allowed.rate:g}",
            "--burst", str(allowed.burst), "--concurrency", str(allowed.concurrency),
        ]  # fmt: skip
        self.supervisor.add(Spec("sandbox", command, rank=1, grace=10.0))
        url = f"http://127.0.0.1:{port}"
        os.environ["OVERCRANK_PROVIDER__BASE_URL"] = url
        self._until(SandboxAdmin(url).healthy, "the sandbox does not answer")
        return url

    def _until(self, done: Callable[[], bool], otherwise: str, seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while not done():
            if self.supervisor.asked:
                raise click.Abort
            if self.supervisor.failed or time.monotonic() > until:
                raise click.ClickException(f"{otherwise}; see the logs in {self.logs.folder}")
            self.supervisor.step(0.05)

    def _told(self) -> dict[str, str]:
        """Return the settings by which other commands find what runs here."""
        told = {
            "OVERCRANK_REDIS_URL": self.settings.redis_url,
            "OVERCRANK_NAMESPACE": self.settings.namespace,
            "OVERCRANK_STORAGE__URL": self.settings.storage_url,
            "OVERCRANK_DATA_DIR": str(self.data),
        }
        if self.settings.broker_url:
            told["OVERCRANK_BROKER_URL"] = self.settings.broker_url
        if not self.settings.provider.live:
            told["OVERCRANK_PROVIDER__BASE_URL"] = self.settings.provider_url
        return told

    def _look(self) -> None:
        """Say once that the workers take jobs."""
        if self._ready:
            return
        from ..client import Client
        from ..errors import StoreUnavailable

        try:
            alive = Client(self.settings).stats()["workers"]
        except StoreUnavailable:
            return
        if alive < self.workers:
            return
        from ..telemetry import redact

        self._ready = True
        if self.machine:
            shown = {name: value for name, value in self.state.items() if name != "environment"}
            click.echo(json.dumps({**shown, "redis": redact(self.state["redis"]), "ready": True}))
            return
        from ..console.house import house_view
        from ..console.style import console

        with self._talking:
            console().print(house_view(self.state, self.settings, workers=self.workers, slots=self.slots))

    def _heard(self, name: str, line: str) -> None:
        if not self._stopping and "ready: " not in line:
            self._say(f"{name}: {line}")

    def _say(self, line: str) -> None:
        from .supervisor import stamp

        with self._talking:
            stamp(line)
