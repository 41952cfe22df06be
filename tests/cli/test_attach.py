"""How commands find an `overcrank up` that runs in the same place."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from overcrank.cli.attach import forget, lock, running, settings, write
from overcrank.errors import ConfigError

TOLD = {
    "OVERCRANK_REDIS_URL": "redis://:secret@127.0.0.1:7001/0",
    "OVERCRANK_PROVIDER__BASE_URL": "http://127.0.0.1:7002",
}
STATE = {"pid": 1, "environment": TOLD}


@pytest.fixture
def data(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The data folder of an instance that runs, as it seems; the environment is as before afterwards."""
    for name in TOLD:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    place = folder / "overcrank-data"
    held = lock(place)
    write(place, STATE)
    yield place
    held.close()
    for name in TOLD:
        os.environ.pop(name, None)


def test_a_running_instance_is_found(data: Path):
    """In the same folder, what runs is used without setting anything."""
    found = settings()
    assert (TOLD["OVERCRANK_REDIS_URL"], "http://127.0.0.1:7002") == (found.redis_url, found.provider_url)


def test_an_explicit_server_wins(data: Path, monkeypatch: pytest.MonkeyPatch):
    """Who names another server means it, and gets nothing of the instance here."""
    monkeypatch.setenv("OVERCRANK_REDIS_URL", "redis://127.0.0.1:9/0")
    found = settings()
    assert ("redis://127.0.0.1:9/0", None) == (found.redis_url, found.provider.base_url)


def test_an_explicit_part_wins(data: Path, monkeypatch: pytest.MonkeyPatch):
    """What is set stays set; the rest is as it runs."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__BASE_URL", "http://127.0.0.1:9")
    found = settings()
    assert (TOLD["OVERCRANK_REDIS_URL"], "http://127.0.0.1:9") == (found.redis_url, found.provider_url)


def test_a_setting_in_the_file_wins(data: Path, folder: Path):
    """The TOML file is explicit too."""
    (folder / "overcrank.toml").write_text('redis_url = "redis://127.0.0.1:9/0"\n')
    assert "redis://127.0.0.1:9/0" == settings().redis_url


def test_an_instance_that_has_gone_is_not_found(folder: Path):
    """What a dead instance wrote down counts for nothing: the lock says whether it lives."""
    place = folder / "overcrank-data"
    lock(place).close()
    write(place, STATE)
    assert (None, "redis://127.0.0.1:6379/0") == (running(place), settings().redis_url)


def test_two_in_one_folder_refuse(data: Path):
    """A second instance in a data folder is refused, with the first one's process id."""
    with pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        lock(data)


def test_what_is_written_is_for_the_user_alone(data: Path):
    """Both files hold a password, so nobody else may read them; and they go when the instance ends."""
    modes = {name: oct(stat.S_IMODE((data / name).stat().st_mode)) for name in ("up.json", "overcrank.env")}
    assert {"up.json": "0o600", "overcrank.env": "0o600"} == modes
    assert f"export OVERCRANK_REDIS_URL={TOLD['OVERCRANK_REDIS_URL']}\n" in (data / "overcrank.env").read_text()
    forget(data)
    assert ["up.lock"] == [each.name for each in data.iterdir()]


def test_a_shell_reads_whatever_is_written(tmp_path: Path):
    """A folder with an apostrophe and a space in its name is one word to a shell too."""
    odd = "/home/ada/it's here/$HOME"
    write(tmp_path, {"environment": {"OVERCRANK_DATA_DIR": odd}})
    told = subprocess.run(
        ["sh", "-c", '. ./overcrank.env; printf %s "$OVERCRANK_DATA_DIR"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert odd == told.stdout
