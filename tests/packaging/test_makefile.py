"""`make`: short targets that say what they do."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Makefile").read_text()
RULES = re.findall(r"^([^\s#.:=][^:=\n]*):(?!=)([^\n]*)\n((?:\t[^\n]*\n)*)", TEXT, re.MULTILINE)

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def test_every_target_is_two_lines_at_most():
    """A recipe that needs more belongs somewhere else."""
    assert [] == [name for name, _, recipe in RULES if len(recipe.splitlines()) > 2]


def test_make_alone_prints_every_target():
    """`make` without a target changes nothing and names all there are."""
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = next(rest for name, rest, _ in RULES if name == "help") and re.search(r"^\.PHONY: (.*)", TEXT, re.MULTILINE)
    assert phony
    assert phony[1].split() == [line.split()[1] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("target", ["demo", "up", "test", "lint", "build"])
def test_each_target_sets_itself_up(target: str, tmp_path: Path):
    """In a place without an environment each target would make one first."""
    done = subprocess.run(
        ["make", "--dry-run", target, f"VENV={tmp_path}/venv"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"-m venv {tmp_path}/venv" in done.stdout
    assert "--editable" in done.stdout


def test_ci_calls_make_test():
    """What CI runs is what a person runs."""
    script = ROOT / ".ci" / "run"
    assert "make --no-print-directory test" in script.read_text()
    assert script.stat().st_mode & 0o111
    assert 0 == subprocess.run(["bash", "-n", str(script)], check=False).returncode
