"""`overcrank demo`: two dozen clips through everything, on one machine, in a minute, and a bill that adds up."""

import contextlib
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import click

from .exits import Exit
from .root import JSON, Command

LONGEST = 85.0
"""Seconds after which the demo gives up."""


@click.command(cls=Command)
@click.option("--clips", type=click.IntRange(1, 200), default=24, show_default=True, help="How many.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), default=Path("overcrank-demo"),
              show_default=True, help="Where the clips go.")  # fmt: skip
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed is the same play.")
@click.pass_context
def demo(context: click.Context, clips: int, keep: Path, seed: int) -> int:
    """Watch clips go through queues, workers, a rate-limited vendor with faults, and a budget that rolls over.

    Everything runs on this machine and ends with the demo; nothing is spent. No setting of yours is read.
    """
    from rich.live import Live

    from ..console.stage import Stage
    from ..console.style import console
    from ..money import dollars
    from .demo_plan import WINDOW, Play

    quiet = bool(context.meta.get(JSON))
    out = console()
    out.quiet = quiet
    play = Play.write(clips, seed)
    stage = Stage(out, clips)
    for name in [name for name in os.environ if name.upper().startswith("OVERCRANK_")]:
        del os.environ[name]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="overcrank-")))
        scene = stack.enter_context(Scene(play, folder, keep.absolute(), stage.happened))
        stage.happened(f"{clips} clips for {dollars(play.total)}; every window of {WINDOW} s holds {dollars(play.cap)}")
        if out.is_terminal:
            stack.enter_context(Live(stage, console=out, refresh_per_second=8, transient=True))
        scene.play(stage.stand)
        found = scene.outcome()
    if quiet:
        click.echo(json.dumps(found))
    else:
        _show(out, found, keep)
    return Exit.OK if found["ok"] else Exit.FAILED


def _show(out: Any, found: dict[str, Any], keep: Path) -> None:
    from ..console.report import jobs_table, verdicts, windows_table

    out.print(jobs_table(found["jobs"], out.width))
    out.print()
    out.print(windows_table(found["windows"]))
    out.print()
    out.print(verdicts(found["facts"]))
    out.print(f"  the clips are in {keep}, the logs in {keep / 'logs'}; it took {found['seconds']:.0f} s", style="dim")
    out.print(f"  all of them on one page: {keep / 'gallery.html'}", style="dim")


class Scene:
    """Everything that takes part, from the server to the workers; it ends with the block."""

    def __init__(self, play: Any, folder: Path, keep: Path, happened: Any) -> None:
        from .logs import Logs
        from .supervisor import Supervisor

        self.play_, self.folder, self.keep, self.happened = play, folder, keep, happened
        self.began = time.monotonic()
        self.logs = Logs(keep / "logs", self._heard)
        self.supervisor = Supervisor(lambda line: happened(line, "yellow"), self.logs.follow)
        self.killed: int | None = None
        self.dice = random.Random(play.seed)  # noqa: S311  (a play, not a secret)

    def __enter__(self) -> Self:
        from ..client import Client
        from ..embedded import Embedded
        from ..sandbox import SandboxProcess
        from ..settings import load
        from . import deployment
        from .supervisor import Spec

        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.supervisor.signals())
            stack.callback(self.supervisor.stop)
            server = Embedded(self.folder)
            self.supervisor.add(Spec("valkey", server.command, rank=2))
            self.vendor = stack.enter_context(SandboxProcess(**self.play_.sandbox))
            server.ready()
            os.environ.update(
                self.play_.environment(),
                OVERCRANK_CONFIG=str(deployment.NOTHING),
                OVERCRANK_REDIS_URL=server.url,
                OVERCRANK_DATA_DIR=str(self.folder),
                OVERCRANK_STORAGE__URL=self.keep.as_uri(),
                OVERCRANK_PROVIDER__BASE_URL=self.vendor.url,
            )
            self.settings = load()
            self.workers = [
                self.supervisor.add(deployment.worker(self.settings, "all", 8, name=f"worker-{n}", grace=8))
                for n in (1, 2)
            ]
            self.supervisor.add(deployment.beat(self.settings))
            self.client = Client(self.settings)
            self.happened("a server, a vendor with faults, two workers and beat are started")
            self._until(lambda: self.client.stats()["workers"] >= 2, 30)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _heard(self, _: str, line: str) -> None:
        if "budget window opened" in line:
            self.happened("a new budget window opens; what was held goes on", "green")

    def _until(self, done: Any, seconds: float, each: Any = lambda: None) -> bool:
        """Keep things running until *done*; tell whether it came to that in time."""
        until = time.monotonic() + seconds
        while not done():
            if self.supervisor.asked:
                raise click.Abort
            if self.supervisor.failed:
                name = self.supervisor.failed.spec.name
                raise click.ClickException(f"{name} does not run; its log ends so:\n{self.logs.tail(name)}")
            if time.monotonic() > until:
                return False
            self.supervisor.step(0.1)
            each()
        return True

    def play(self, show: Any) -> None:
        """Submit the clips, let the faults loose, kill a worker, and wait for the end."""
        ends_in = self.client.stats()["next_reset_in"]
        if ends_in < 3:  # so that no job is admitted in one window and accepted in the next
            self._until(lambda: False, ends_in)
        self.jobs = [job.id for job in self.client.submit_many(self.play_.clips)]
        self.happened(f"{len(self.jobs)} clips are submitted, on three priorities")
        faults = list(self.play_.faults)

        def each() -> None:
            meter, stats = self.vendor.meter(summary=True), self.client.stats()
            if faults and meter["creates"] >= faults[0][0]:
                _, stage, fault = faults.pop(0)
                self.vendor.force(stage, fault)
                self.happened(f"the vendor will go wrong: {stage} {fault}", "yellow")
            if self.killed is None and meter["accepted"] >= len(self.jobs) * 0.3:
                self._kill(self.workers[self.dice.randrange(2)])
            show(stats)

        left = LONGEST - (time.monotonic() - self.began)
        self._until(self._ended, left, each)

    def _kill(self, child: Any) -> None:
        """Kill a worker outright, in the middle of what it does."""
        if child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)
            self.killed = child.pid
            self.happened(f"{child.spec.name} is killed outright (SIGKILL)", "bold red")

    def _ended(self) -> bool:
        stats = self.client.stats()
        return sum(int(stats[end]) for end in ("succeeded", "failed", "refused", "cancelled", "discarded")) >= len(
            self.jobs
        )

    def outcome(self) -> dict[str, Any]:
        """Return what it came to, checked against the vendor's own meter."""
        from .demo_verdict import outcome

        return outcome(self)
