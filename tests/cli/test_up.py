"""`overcrank up` as a user has it: everything from one command, found by others, gone with one Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from .conftest import alive, children, family, until

pytestmark = pytest.mark.system


def overcrank(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in another process, as in another terminal."""
    return subprocess.run(
        [sys.executable, "-m", "overcrank", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def up(start: Any, folder: Path) -> Any:
    """An instance that is up, without Flower."""
    process = start("up", "--json", "--no-flower", "--slots", "4", OVERCRANK_LIMITS__CONCURRENCY="4")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("{"):
            process.told = json.loads(line)
            break
    else:
        pytest.fail("it did not come up:\n" + "".join(lines))
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(40)


def test_a_clip_comes_home_and_one_ctrl_c_stops_all(up: Any, folder: Path):
    """Another terminal in the same folder finds the instance by itself; Ctrl-C leaves no process behind."""
    done = overcrank("submit", "a ball", "--duration", "1", "--fps", "30", "--wait", "--timeout", "40", "--json")
    assert 0 == done.returncode, done.stderr
    job = json.loads(done.stdout)
    clip = Path(job["file"]["url"].removeprefix("file://"))
    assert ("succeeded", True) == (job["state"], clip.is_relative_to(folder / "overcrank-data" / "clips"))
    assert job["file"]["bytes"] == clip.stat().st_size
    assert 0 == overcrank("doctor").returncode
    pids = family(up.pid)
    up.send_signal(signal.SIGINT)
    assert 0 == up.wait(40)
    assert [] == [pid for pid in pids if alive(pid)]
    assert not (folder / "overcrank-data" / "up.json").exists()


def test_a_second_one_in_the_same_folder_is_refused(up: Any):
    """Two instances never share a data folder."""
    done = overcrank("up")
    assert 4 == done.returncode
    assert done.stderr.startswith(f"error: another overcrank (process {up.pid}) runs in")


def test_no_password_is_printed(up: Any, folder: Path):
    """The server's password is in a file of the user's, and in no output."""
    password = (folder / "overcrank-data" / "valkey" / "password").read_text()
    assert password not in json.dumps(up.told)
    assert [] == [log.name for log in (folder / "overcrank-data" / "logs").iterdir() if password in log.read_text()]


def test_a_server_that_is_killed_comes_back_with_everything(up: Any, folder: Path):
    """The embedded server is kept running too, and forgets nothing."""
    first = json.loads(overcrank("submit", "a ball", "--duration", "1", "--fps", "30", "--wait", "--json").stdout)
    [server] = [pid for pid in children(up.pid) if "valkey" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(server, signal.SIGKILL)
    until(lambda: overcrank("jobs", "show", first["id"]).returncode == 0, 30)
    second = overcrank("submit", "a ball", "--duration", "1", "--fps", "30", "--wait", "--timeout", "60", "--json")
    assert (0, "succeeded") == (second.returncode, json.loads(second.stdout)["state"])


def test_killing_it_outright_leaves_nothing(up: Any):
    """When `up` itself is killed, the kernel ends all that it started."""
    pids = family(up.pid)
    assert pids
    up.kill()
    up.wait(10)
    until(lambda: not any(map(alive, pids)), what="something outlived it")


def test_with_flower_for_people(start: Any, folder: Path, server: Redis, server_url: str):
    """With a server that is set, and Flower: the panel names everything, and Flower's API asks for what it shows."""
    import requests

    server.flushall()  # its queues may be those of another test's namespace
    process = start("up", "--workers", "1", "--slots", "2", OVERCRANK_REDIS_URL=server_url, OVERCRANK_NAMESPACE="house")
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("╰"):
            break
    found = re.search(r"Flower\s+(http://127\.0\.0\.1:\d+)\s+\((\w+):([\w-]+)\)", said)
    assert found, said
    until(lambda: 200 == _answer(requests, f"{found[1]}/api/workers", auth=(found[2], found[3])), 30)
    assert 401 == _answer(requests, f"{found[1]}/api/workers")
    assert "overcrank is up" in said
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(40)
    __import__("redis").Redis.from_url(server_url).flushall()


def _answer(requests: Any, url: str, **more: Any) -> int:
    try:
        return int(requests.get(url, timeout=5, **more).status_code)
    except requests.RequestException:
        return 0
