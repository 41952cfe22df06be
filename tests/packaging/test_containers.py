"""The container files: no engine is needed to see that what they say is what the program understands."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from overcrank import wire
from overcrank.cli import deployment
from overcrank.cli.checks import NAMES
from overcrank.cli.root import cli
from overcrank.errors import ConfigError
from overcrank.settings import load, names

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "redis"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def parse(arguments: list[str]) -> click.Context:
    """Parse a command line without running it."""
    group: click.Command = cli
    context = group.make_context("overcrank", list(arguments))
    while isinstance(group, click.Group):
        name, found, rest = group.resolve_command(context, context._protected_args + context.args)
        assert found is not None
        group, context = found, found.make_context(name, list(rest), parent=context)
    return context


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str):
    """Each service's command parses with the command line as it is."""
    assert OURS[name]["command"][0] == parse(OURS[name]["command"]).info_name


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_known(name: str):
    """Each OVERCRANK_ name in the environment is a setting."""
    told = {each for each in OURS[name]["environment"] if each.startswith("OVERCRANK_")}
    assert told <= set(names())


def test_the_example_environment_is_that_of_the_services():
    """Each name in .env.example is used, and each that may be given is in it."""
    given = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+)[:?}]", (ROOT / "docker-compose.yml").read_text()))
    assert asked == given


def test_every_queue_is_consumed():
    """The workers of all services together consume every queue."""
    roles = deployment.roles().ROLES
    consumed: set[str] = set()
    for service in OURS.values():
        command = service["command"]
        if command[0] == "worker":
            consumed |= set(roles[command[command.index("--role") + 1]].queues)
    assert set(wire.ALL_QUEUES) == consumed


def test_the_server_keeps_what_it_is_told():
    """Redis writes every change to disk, throws nothing away, and asks for a password, which has to be set."""
    command = shlex.split(SERVICES["redis"]["command"])
    options = {flag: command[command.index(flag) + 1] for flag in command if flag.startswith("--")}
    assert {
        "--appendonly": "yes", "--appendfsync": "always", "--maxmemory-policy": "noeviction",
        "--requirepass": "${REDIS_PASSWORD:?missing}",
    }.items() <= options.items()  # fmt: skip
    assert {True} == {
        "${REDIS_PASSWORD:?" in service["environment"]["OVERCRANK_REDIS_URL"] for service in OURS.values()
    }
    assert ["redis:/data"] == SERVICES["redis"]["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_looked_after(name: str):
    """Each service is restarted, has time to stop, and says whether it is healthy."""
    service = SERVICES[name]
    assert "unless-stopped" == service["restart"]
    assert service["stop_grace_period"]
    assert "CMD" == service["healthcheck"]["test"][0]


@pytest.mark.parametrize("name", OURS)
def test_health_checks_ask_for_what_the_doctor_knows(name: str):
    """A health check by the doctor names only what it looks at."""
    test = OURS[name]["healthcheck"]["test"]
    if "doctor" in test:
        parse(test[2:])
        assert {test[i + 1] for i, part in enumerate(test) if part == "--only"} <= set(NAMES)


@pytest.mark.parametrize("name", OURS)
def test_supervisors_have_time_to_stop_their_workers(name: str):
    """A container is given longer than the supervisor gives its child."""
    from overcrank.cli.supervisor import Spec

    assert int(OURS[name]["stop_grace_period"].removesuffix("s")) > 30 >= Spec("x", []).grace
    assert OURS[name]["init"]


def test_a_service_says_of_itself_whether_it_is_healthy():
    """Workers and beat ask for their own machine, not whether there is one somewhere, or whether the lane is open."""
    asked = {name: service["healthcheck"]["test"] for name, service in OURS.items()}
    by_doctor = {name: {test[i + 1] for i, part in enumerate(test) if part == "--only"} for name, test in asked.items()}
    expected = {name: {"redis", "here"} for name in OURS if name.startswith("worker") or name == "beat"}
    assert expected == {name: only for name, only in by_doctor.items() if only}


def test_any_service_may_be_started_again_by_itself():
    """None lives in another's network, so a restart of Redis cuts nobody off."""
    assert [] == [name for name, service in SERVICES.items() if "network_mode" in service]


def compose_environment(monkeypatch: pytest.MonkeyPatch, **given: str) -> dict[str, str]:
    """Return what a service is told, where the file's variables are given so, or by their defaults."""
    told = {}
    for name, text in OURS["worker-submit"]["environment"].items():
        told[name] = re.sub(
            r"\$\{(\w+):(-|\?)([^}]*)\}", lambda found: given.get(found[1]) or {"-": found[3], "?": "x"}[found[2]], text
        )
        monkeypatch.setenv(name, told[name])
    return told


def test_by_itself_nothing_is_spent(monkeypatch: pytest.MonkeyPatch):
    """With no more than the passwords set, the services speak to the sandbox with its own key."""
    compose_environment(monkeypatch)
    found = load()
    assert (False, "http://sandbox:8787", "sandbox-key") == (
        found.provider.live,
        found.provider_url,
        found.provider_key.get_secret_value(),
    )


def test_live_without_a_key_does_not_start(monkeypatch: pytest.MonkeyPatch):
    """The live switch alone never calls a vendor with the sandbox's key."""
    vendor = {"OVERCRANK_PROVIDER__NAME": "holysheep", "OVERCRANK_PROVIDER__BASE_URL": "https://api.holysheep.ai"}
    compose_environment(monkeypatch, OVERCRANK_PROVIDER__LIVE="true", **vendor)
    with pytest.raises(ConfigError, match="OVERCRANK_PROVIDER__API_KEY"):
        load()


def test_nothing_is_published_beyond_this_machine():
    """The only published port is Flower's, on the loopback, and Flower asks for a password."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ["127.0.0.1:5555:5555"] == published
    assert ":?" in OURS["flower"]["environment"]["FLOWER_BASIC_AUTH"]


def test_the_sandbox_comes_only_when_asked_for():
    """The sandbox is behind a profile, under the name by which the others call it."""
    assert ["sandbox"] == OURS["sandbox"]["profiles"]


def test_the_image_installs_the_wheel_and_is_nobody_special():
    """Two stages: one builds the wheel, the other has nothing but it, and runs without privileges."""
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    last = DOCKERFILE[DOCKERFILE.rindex("FROM ") :]
    assert 2 == len(stages)
    assert "COPY --from=build /wheels /wheels" in last
    assert "COPY src" not in last
    assert ["overcrank"] == re.findall(r"^USER (\w+)", last, re.MULTILINE)
    assert 'ENTRYPOINT ["overcrank"]' in last
    assert "HEALTHCHECK" in last


def test_the_image_is_built_from_all_that_the_wheel_needs():
    """What the build stage copies is what the ignore file lets through, and is there."""
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE[: DOCKERFILE.rindex("FROM ")], re.MULTILINE))
    sources = {name for line in copied for name in line.split()}
    allowed = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert sources == allowed
    assert [] == [name for name in sources if not (ROOT / name).exists()]


def test_settings_of_the_image_are_known():
    """The image sets only names that are settings."""
    assert {"OVERCRANK_DATA_DIR"} == set(re.findall(r"OVERCRANK_\w+", DOCKERFILE)) <= set(names())
