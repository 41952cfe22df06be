"""The wheel, alone in an environment outside the checkout: what is in it, and that it does everything."""

import json
import os
import re
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release is, without the network."""
    to = tmp_path_factory.mktemp("wheel")
    program = "import hatchling.build, sys; hatchling.build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(to)], cwd=ROOT, check=True, capture_output=True)
    return next(to.glob("*.whl"))


@pytest.fixture(scope="session")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel; its dependencies are lent by this one."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    site = next((place / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    lent = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    # a .pth of ours instead of the whole folder's: that would bring the editable checkout along
    (site / "lent.pth").write_text(f"import sys; sys.path.append({str(lent)!r})\n")
    program = place / "bin" / "overcrank"
    program.write_text(f"#!{place}/bin/python\nfrom overcrank.cli import main\nmain()\n")
    program.chmod(0o755)
    return place / "bin"


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """An environment for processes that knows nothing of the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("OVERCRANK", "PYTHON"))}


def test_the_wheel_owns_one_name(wheel: Path):
    """It installs `overcrank` and nothing else: other packages own tasks, workers and celeryconfig."""
    with zipfile.ZipFile(wheel) as archive:
        top = {name.split("/")[0] for name in archive.namelist()}
    assert {"overcrank"} == {name for name in top if not name.endswith(".dist-info")}


def test_the_wheel_has_all_that_runs(wheel: Path):
    """Celery's half, the scripts, the prices and the marker for types are in it; no leftovers are."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = {f"overcrank/lua/{path.name}" for path in (ROOT / "src/overcrank/lua").glob("*.lua")}
    wanted |= {f"overcrank/deployment/{path.relative_to(ROOT)}" for folder in ("tasks", "workers")
               for path in (ROOT / folder).glob("*.py")}  # fmt: skip
    wanted |= {
        "overcrank/deployment/celeryconfig.py", "overcrank/prices.toml", "overcrank/py.typed",
        "overcrank/cli/no-settings.toml", "overcrank/cli/tether.py",
    }  # fmt: skip
    assert set() == wanted - inside
    assert [] == [name for name in inside if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_declares_its_command(wheel: Path):
    """`overcrank` is the command line, and a Python that is too old is refused."""
    with zipfile.ZipFile(wheel) as archive:
        points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        about = next(name for name in archive.namelist() if name.endswith("METADATA"))
        assert "overcrank = overcrank.cli:main" in archive.read(points).decode()
        assert "Requires-Python: >=3.11" in archive.read(about).decode()


def test_the_wheel_runs_from_its_own_files(bin_folder: Path, outside: dict[str, str], tmp_path: Path):
    """The installed package finds its deployment folder inside itself, not in any checkout."""
    look = "import overcrank; from overcrank.cli.deployment import folder; print(overcrank.__file__, folder())"
    done = subprocess.run(
        [bin_folder / "python", "-c", look], cwd=tmp_path, env=outside, capture_output=True, text=True, check=True
    )
    where = done.stdout.split()
    assert [True, True] == [path.startswith(str(bin_folder.parent)) for path in where]
    assert where[1].endswith("overcrank/deployment")


@pytest.mark.system
def test_up_and_submit_from_the_wheel(bin_folder: Path, outside: dict[str, str], tmp_path: Path):
    """`overcrank up` in any folder, `overcrank submit --wait` beside it, and one Ctrl-C ends everything."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(bin_folder / "overcrank"), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=outside, capture_output=True, text=True, timeout=60, check=False
        )

    up = subprocess.Popen(
        [bin_folder / "overcrank", "up", "--json", "--workers", "1", "--slots", "4"], cwd=tmp_path, env=outside,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert up.stdout is not None
        said: list[str] = []
        for line in up.stdout:
            said.append(line)
            if line.startswith("{"):
                break
        told: dict[str, Any] = json.loads(said[-1]) if said and said[-1].startswith("{") else {}
        assert told.get("ready"), "".join(said)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", told["flower"])
        done = run("submit", "a ball bounces", "--duration", "1", "--fps", "30", "--wait", "--timeout", "40", "--json")
        assert 0 == done.returncode, done.stderr
        job = json.loads(done.stdout)
        assert ("succeeded", 30) == (job["state"], job["file"]["film"]["frames"])
        assert Path(job["file"]["url"].removeprefix("file://")).is_relative_to(tmp_path)
        group = [each for each in _all() if _root(each, up.pid)]
        up.send_signal(signal.SIGINT)
        assert 0 == up.wait(40)
        assert [] == [pid for pid in group if pid != up.pid and _parent(pid) is not None]
    finally:
        if up.poll() is None:
            up.kill()
        up.communicate()


def _all() -> list[int]:
    return [int(place.name) for place in Path("/proc").glob("[0-9]*")]


def _parent(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[1])


def _root(pid: int, ancestor: int) -> bool:
    """Tell whether a process descends from another."""
    at: int | None = pid
    while at and at != ancestor:
        at = _parent(at)
    return at == ancestor
