"""`overcrank sandbox`: its options are the configuration's, and it ends when asked."""

import json
import signal
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from overcrank.cli.exits import Exit
from overcrank.cli.root import cli


def test_it_serves_what_it_was_told(start: Any, folder: Any):
    """Each option is the field of the configuration that it says; SIGTERM ends it with 0."""
    (folder / "faults.json").write_text('{"submit": {"drop_after": 0.5}, "max_per_key": 1}')
    process = start(
        "sandbox", "--port", "0", "--json", "--rate", "3", "--burst", "4", "--concurrency", "5", "--seed", "6",
        "--latency-scale", "0.5", "--faults", "@faults.json", "--set", 'clips="tiny"', "--balance", "9",
        OVERCRANK_PROVIDER__API_KEY="the-key",
    )  # fmt: skip
    told = json.loads(process.stdout.readline())
    config = requests.get(f"{told['url']}/sandbox/config", timeout=10).json()
    wanted = {
        "rate": 3, "burst": 4, "concurrency": 5, "seed": 6, "latency_scale": 0.5, "clips": "tiny", "balance_usd": 9,
        "api_key": "the-key",
    }  # fmt: skip
    assert wanted == {name: config[name] for name in wanted}
    assert ({"drop_after": 0.5}, 1) == (config["faults"]["submit"], config["faults"]["max_per_key"])
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(10)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--faults", "{"], "is not JSON"),
        (["--faults", "@nowhere.json"], "nowhere.json can not be read"),
        (["--faults", '{"submit": {"drop_aftre": 1}}'], "did you mean 'drop_after'"),
        (["--set", "colour=1"], "unknown configuration field 'colour'"),
        (["--set", "clips=tiny"], "is not JSON"),
    ],
)
def test_a_wrong_configuration_ends_with_2(arguments: list[str], said: str):
    """What is wrong is named in one line, and nothing listens."""
    result = CliRunner().invoke(cli, ["sandbox", "--port", "0", *arguments])
    assert (Exit.USAGE, True) == (result.exit_code, said in result.stderr)
    assert 1 == result.stderr.count("\n")


def test_a_port_that_is_taken_is_said():
    """Where something else listens, that is one line and a way out."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = CliRunner().invoke(cli, ["sandbox", "--port", str(taken.getsockname()[1])])
    assert (Exit.USAGE, True) == (result.exit_code, "try --port 0" in result.stderr)
