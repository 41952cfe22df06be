"""The README is true: its Python runs, its commands parse, its tests, targets, variables and links exist."""

import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from overcrank.cli.root import cli
from overcrank.settings import names

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_of_the_readme_runs(build):
    """The two Python examples do what they say, against a running installation."""
    plant = build(generation_seconds=0.2)
    plant.worker()
    ours, anybodys = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", ours], env=plant.env, capture_output=True, text=True, timeout=60, check=False
    )
    space = {"app": plant.broker.caller("anybody")}
    exec(anybodys.replace("result.get()", "got = result.get(timeout=30)"), space)

    assert (0, "succeeded") == (done.returncode, done.stdout.split(" ")[0]), done.stderr
    assert space["got"]["cost_usd"] == "3.945"


def test_the_commands_of_the_readme_parse():
    """Every `overcrank` command line of the README is one the program knows, options and all."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    said = [re.sub(r'"[^"]*"', "TEXT", line).split()[1:] for line in lines if line.startswith("overcrank ")]
    said += [text.split()[1:] for text in re.findall(r"`(overcrank [a-z][a-z -]*)`", README)]
    wrong = [words for words in said if CliRunner().invoke(cli, [*words, "--help"]).exit_code != 0]

    assert said
    assert [] == wrong


def test_the_tests_of_the_readme_exist():
    """Every promise names a test that is there."""
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", README)
    missing = [name for file, name in named if f"def {name}(" not in (ROOT / "tests/system" / file).read_text()]

    assert named
    assert [] == missing


def test_the_variables_targets_and_links_of_the_readme_exist():
    """Every variable is a setting, every make target is in the Makefile, every link leads somewhere."""
    known = names()
    full = {name for name in re.findall(r"OVERCRANK_[A-Z_]+", README) if not name.endswith("_")}
    targets = set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]

    assert [] == [name for name in full if name not in known]
    assert {"demo", "test"} == {target for target in targets if re.search(rf"^{target}:", makefile, flags=re.MULTILINE)}
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_the_readme_is_short():
    """Whoever wants to know what this is has read it in five minutes."""
    assert len(README.splitlines()) <= 150
