"""A sandbox as a thread, and as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from overcrank.sandbox import Sandbox, SandboxAdmin, SandboxConfig, SandboxProcess

from .talk import Talker

COMMAND = [sys.executable, "-m", "overcrank.sandbox"]


def test_a_thread_ends_with_its_block() -> None:
    """After the block nobody listens any more, and stopping again does nothing."""
    with Sandbox() as sandbox:
        assert sandbox.healthy()
    sandbox.stop()
    assert not SandboxAdmin(sandbox.url).healthy()


def test_fields_go_over_a_configuration() -> None:
    """A sandbox takes a configuration, fields, or both."""
    with Sandbox(SandboxConfig(rate=3, burst=4), burst=5) as sandbox:
        assert (sandbox.config.rate, sandbox.config.burst) == (3, 5)


def test_a_taken_port_is_an_error_here() -> None:
    """A port in use is reported where the sandbox is started."""
    with Sandbox() as sandbox, pytest.raises(OSError, match="in use"):
        Sandbox(port=sandbox.port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_where_it_listens_and_stops_within_a_second(number: int, tmp_path: Path) -> None:
    """One line tells the URL; a signal ends it cleanly, also with a call that hangs."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"rate": 2, "burst": 9}))
    command = [*COMMAND, "--port", "0", "--config", f"@{file}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip().removeprefix("sandbox listening on ")
    admin = SandboxAdmin(url)
    admin.force("submit", "hang")
    caller = threading.Thread(target=_hang, args=(url,), daemon=True)
    caller.start()
    while not admin.meter(summary=True)["accepted"]:
        time.sleep(0.01)
    before = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")
    assert time.monotonic() - before < 1
    caller.join(5)


@pytest.mark.parametrize("config", ['{"rats": 1}', "{", "@/no/such/file"])
def test_a_wrong_configuration_ends_a_process_with_one_line(config: str) -> None:
    """A mistake in the configuration is one line on standard error and exit code 2."""
    done = subprocess.run([*COMMAND, "--config", config], capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_process_of_its_own_is_used_like_a_thread() -> None:
    """`SandboxProcess` passes its configuration on and ends with its block."""
    with SandboxProcess(burst=3, rate=1, faults={"status": {"drop": 0.5}}) as sandbox:
        config = requests.get(sandbox.url + "/sandbox/config", timeout=5).json()
        assert (
            config["burst"],
            {stage: shares for stage, shares in config["faults"].items() if stage == "status"},
        ) == (3, {"status": {"drop": 0.5}})
    assert sandbox.process.poll() == 0


def _hang(url: str) -> None:
    with Sandbox() as other:
        talker = Talker(other)
        talker.sandbox = SandboxAdmin(url)  # type: ignore[assignment]
        with pytest.raises(requests.ConnectionError):
            talker.create(timeout=5)
