"""`worker`, `beat` and `flower`: what is started, and how it lives and dies."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from overcrank.cli import deployment
from overcrank.cli import run as module
from overcrank.cli.exits import Exit
from overcrank.cli.supervisor import Spec
from overcrank.storage import s3

from .conftest import Shell, alive, family, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Spec]:
    """What would have been started."""
    found: list[Spec] = []
    monkeypatch.setattr(module, "turn_into", found.append)
    return found


def test_the_roles_of_the_command_line_are_those_of_the_workers():
    """`--role` offers what `workers/roles.py` knows."""
    assert set(module.ROLES) == set(deployment.roles().ROLES)


@pytest.mark.parametrize("role", module.ROLES)
def test_worker_starts_celery_with_the_queues_of_its_role(shell: Shell, started: list[Spec], role: str):
    """The queues come in the role's order, and the threads are those that the role needs."""
    assert Exit.OK == shell("worker", "--role", role, "--slots", "8").exit_code
    roles = deployment.roles()
    command = list(started[0].command)
    told = {
        flag: command[command.index(flag) + 1] for flag in ("-m", "--pool", "--concurrency", "--queues", "--loglevel")
    }
    assert {
        "-m": "workers", "--pool": "threads", "--concurrency": str(roles.threads(roles.ROLES[role], 8)),
        "--queues": ",".join(roles.ROLES[role].queues), "--loglevel": "INFO",
    } == told  # fmt: skip
    assert {"OVERCRANKED_ROLE": role, "OVERCRANKED_SLOTS": "8"}.items() <= started[0].env.items()
    assert "--no-events" not in command


def test_worker_runs_in_the_deployment_folder_and_keeps_paths(shell: Shell, started: list[Spec], folder: Path):
    """Celery runs where celeryconfig.py is, and relative settings still mean the user's folder."""
    (folder / "overcrank.toml").write_text('data_dir = "here"\n')
    shell("worker")
    told = started[0]
    assert str(ROOT) == told.cwd == told.env["PYTHONPATH"].split(os.pathsep)[0]
    assert (str(folder / "overcrank.toml"), str(folder / "here")) == (
        told.env["OVERCRANK_CONFIG"],
        told.env["OVERCRANK_DATA_DIR"],
    )


def test_worker_reads_no_settings_from_the_deployment_folder(shell: Shell, started: list[Spec]):
    """Without a file of the user's, the child is pointed at an empty one."""
    shell("worker")
    assert str(deployment.NOTHING) == started[0].env["OVERCRANK_CONFIG"]


def test_two_workers_have_names_of_their_own(shell: Shell, started: list[Spec]):
    """Several workers on one machine do not share a node name, unless told to."""
    shell("worker")
    shell("worker")
    shell("worker", "--name", "mine")
    names = [list(spec.command)[list(spec.command).index("--hostname") + 1] for spec in started]
    assert 3 == len(set(names))
    assert "mine@%h" == names[2]


def test_no_secret_is_an_argument(shell: Shell, started: list[Spec]):
    """Other users of the machine can read command lines, so passwords are not in them."""
    shell("flower", "--basic-auth", "me:hunter2")
    assert "hunter2" not in " ".join(started[0].command)
    assert "me:hunter2" == started[0].env["FLOWER_BASIC_AUTH"]


def test_flower_without_a_password_stays_on_this_machine(shell: Shell, started: list[Spec]):
    """Another address needs a password that somebody gave."""
    result = shell("flower", "--address", "0.0.0.0")
    assert (Exit.CONFIG, []) == (result.exit_code, started)
    shell("flower", "--address", "0.0.0.0", "--basic-auth", "me:secret")
    assert "me:secret" == started[0].env["FLOWER_BASIC_AUTH"]


def test_flower_asks_for_a_password_of_its_own(shell: Shell, started: list[Spec]):
    """Where none is given it gets another each time, which is printed: its API would answer any page otherwise."""
    said = [shell("flower").stderr for _ in range(2)]
    logins = [spec.env["FLOWER_BASIC_AUTH"] for spec in started]
    assert [True, True] == [f"asks for {login}" in text for text, login in zip(said, logins, strict=True)]
    assert 2 == len(set(logins))
    assert [None, None] == [spec.env.get("FLOWER_UNAUTHENTICATED_API") for spec in started]


def test_flower_is_open_only_where_nothing_is_spent(shell: Shell, started: list[Spec], monkeypatch: pytest.MonkeyPatch):
    """Flower's own variable opens its API in the sandbox; with live spending that is refused."""
    monkeypatch.setenv("FLOWER_UNAUTHENTICATED_API", "true")
    shell("flower")
    assert "FLOWER_BASIC_AUTH" not in started[0].env
    monkeypatch.setenv("OVERCRANK_PROVIDER__LIVE", "true")
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "a-real-key")
    result = shell("flower")
    assert (Exit.CONFIG, 1) == (result.exit_code, len(started))
    assert "FLOWER_UNAUTHENTICATED_API" in result.stderr


@pytest.mark.parametrize("login", ["me", ":secret", "me:"])
def test_half_a_login_is_refused(shell: Shell, started: list[Spec], login: str):
    """A user without a password is a wrong setting, not a Flower that nobody can enter."""
    assert (Exit.CONFIG, []) == (shell("flower", "--basic-auth", login).exit_code, started)


@pytest.mark.parametrize("command", [["worker"], ["beat"], ["flower"], ["hooks"]])
def test_what_runs_until_it_is_stopped_prints_no_documents(shell: Shell, started: list[Spec], command: list[str]):
    """`--json` is refused where the output is a log, with a document that says so."""
    result = shell(*command, "--json")
    assert (Exit.USAGE, [], "") == (result.exit_code, started, result.stdout)
    assert "omit --json" in json.loads(result.stderr)["error"]["message"]


def test_up_refuses_what_its_workers_would(shell: Shell, monkeypatch: pytest.MonkeyPatch, folder: Path):
    """Before it starts anything."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "two words")
    assert (Exit.CONFIG, []) == (shell("up").exit_code, list(folder.iterdir()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVIDER__API_KEY", "a key"), ("PROVIDER__DOWNLOAD_HOSTS", "http://host/path"), ("PRICES__FILE", "none.toml"),
        ("STORAGE__URL", "file://elsewhere/clips"),
    ],
)  # fmt: skip
def test_worker_refuses_what_its_jobs_could_not_use(
    shell: Shell, started: list[Spec], monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    """A key, a host, a price book or a store that can not be used is found before a job is."""
    monkeypatch.setenv(f"OVERCRANK_{name}", value)
    result = shell("worker")
    assert (Exit.CONFIG, []) == (result.exit_code, started)
    assert 1 == result.stderr.count("\n")


@pytest.mark.parametrize(
    "arguments", [["--role", "boss"], ["--slots", "0"], ["--pool", "gevent"], ["--loglevel", "LOUD"]]
)
def test_wrong_options_end_with_2(shell: Shell, started: list[Spec], arguments: list[str]):
    """A role, pool or level that is not there is refused before anything starts."""
    assert (Exit.USAGE, []) == (shell("worker", *arguments).exit_code, started)


def test_worker_refuses_a_server_that_would_lose_money(shell: Shell, started: list[Spec], redis):
    """A server that may evict keys is the wrong kind of Redis."""
    redis.config_set("maxmemory", "100mb")
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        result = shell("worker")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "0")
    assert (Exit.STORE, []) == (result.exit_code, started)
    assert "noeviction" in result.stderr


@pytest.mark.parametrize(("role", "code"), [("all", Exit.CONFIG), ("render", Exit.CONFIG), ("submit", Exit.OK)])
def test_worker_without_the_storages_library_does_not_start(shell: Shell, started: list[Spec], monkeypatch, role, code):
    """It would take on clips that it can not keep; one that only sends needs no storage."""
    monkeypatch.setenv("OVERCRANK_STORAGE__URL", "s3://bucket/clips")
    monkeypatch.setattr(s3, "find_spec", lambda _: None)
    result = shell("worker", "--role", role)
    told = "pip install 'overcrank[s3]'" in result.stderr
    assert (code, code is Exit.CONFIG, int(code is Exit.OK)) == (result.exit_code, told, len(started))


def test_celery_started_by_hand_without_the_storages_library_ends(monkeypatch):
    """Whoever starts Celery without our command is told the same, and no message is taken."""
    from workers import lifecycle

    monkeypatch.setenv("OVERCRANK_STORAGE__URL", "s3://bucket/clips")
    monkeypatch.setattr(s3, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match=r"pip install 'overcrank\[s3\]'"):
        lifecycle._furnish()


@pytest.fixture
def worker(shell: Shell, start: Any) -> Any:
    """A worker process that takes jobs."""
    process = start("worker", "--role", "wait", "--slots", "2")
    until(lambda: shell.client.stats()["workers"], 30, "the worker did not come up")
    yield process
    process.kill()
    shell.client._runtime.redis.flushall()


@pytest.mark.system
def test_a_worker_comes_back_and_stops_when_asked(shell: Shell, worker: Any):
    """The Celery process that is killed is replaced; SIGTERM ends both with 0."""
    [first] = family(worker.pid)
    os.kill(first, signal.SIGKILL)
    second = until(lambda: [pid for pid in family(worker.pid) if pid != first])[0]
    until(lambda: shell.client.stats()["workers"], 30)
    worker.send_signal(signal.SIGTERM)
    assert (0, False, False) == (worker.wait(30), alive(first), alive(second))


@pytest.mark.system
def test_a_killed_supervisor_takes_its_worker_along(worker: Any):
    """When the supervisor is killed outright, its Celery process is gone too."""
    [child] = family(worker.pid)
    worker.kill()
    worker.wait(10)
    until(lambda: not alive(child))


@pytest.mark.system
def test_a_killed_supervisor_takes_a_prefork_pool_along(shell: Shell, start: Any):
    """With processes as slots, all of them are gone too."""
    process = start("worker", "--role", "wait", "--slots", "2", "--pool", "prefork")
    until(lambda: len(family(process.pid)) >= 3, 30)
    until(lambda: shell.client.stats()["workers"], 30)
    pool = family(process.pid)
    process.kill()
    process.wait(10)
    until(lambda: not any(map(alive, pool)), what="a process of the pool outlived its supervisor")
    shell.client._runtime.redis.flushall()


@pytest.mark.system
def test_a_worker_without_events_sends_none(shell: Shell, start: Any):
    """`--no-events` starts, and the worker says that it sends none."""
    process = start("worker", "--role", "wait", "--slots", "2", "--no-events")
    until(lambda: shell.client.stats()["workers"], 30)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert 0 == process.returncode
    assert "task events: OFF" in said
    shell.client._runtime.redis.flushall()


@pytest.mark.system
def test_beat_ticks_and_stops_when_asked(shell: Shell, start: Any, folder: Path):
    """Beat sends its tasks to their queue, keeps its memory in the data folder, and ends with 0."""
    redis = shell.client._runtime.redis
    process = start("beat")
    until(lambda: redis.llen("overcrank.beat"), 30, "beat sent nothing")
    process.send_signal(signal.SIGINT)
    assert 0 == process.wait(20)
    assert list((folder / "overcrank-data").glob("beat-schedule*"))
    assert Exit.OK == shell("doctor", "--only", "here").exit_code
    assert "beat" in shell("doctor", "--only", "here").stdout
    redis.flushall()
