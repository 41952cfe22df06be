"""Commands run as a user's would, against the real server, in a folder of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from overcrank.cli.root import cli
from overcrank.client import Client
from overcrank.settings import Settings


@dataclass
class Shell:
    """Runs commands in this process."""

    client: Client

    def __call__(self, *arguments: str) -> Result:
        """Run `overcrank` with *arguments*."""
        return CliRunner().invoke(cli, list(arguments), prog_name="overcrank")

    def json(self, *arguments: str) -> Any:
        """Run a command with --json and return the one document it printed."""
        return self.lines(*arguments)[0]

    def lines(self, *arguments: str) -> list[Any]:
        """Run a command with --json and return the documents it printed."""
        return [json.loads(line) for line in self(*arguments, "--json").stdout.splitlines()]

    @property
    def settings(self) -> Settings:
        """The settings every command finds."""
        return self.client.settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder commands run in; it is short enough for a terminal, and nothing of ours is in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(server_url: str, redis: Redis, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose environment names the real server, with a budget set as the first worker sets it."""
    monkeypatch.setenv("OVERCRANK_REDIS_URL", server_url)
    monkeypatch.setenv("OVERCRANK_NAMESPACE", "cli")
    client = Client()
    client._runtime.configure()
    return Shell(client)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `python -m overcrank` as a process; whatever still runs at the end of the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "overcrank", *arguments],
            env={**os.environ, **environment}, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def until(done: Callable[[], Any], seconds: float = 60.0, what: str = "it did not come to that") -> Any:
    """Return the first true answer of *done*; fail when there is none in time."""
    limit = time.monotonic() + seconds
    while not (answer := done()):
        assert time.monotonic() < limit, what
        time.sleep(0.05)
    return answer


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and is not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def family(pid: int) -> list[int]:
    """Return all that descend from a process."""
    found = children(pid)
    return found + [each for child in found for each in family(child)]
