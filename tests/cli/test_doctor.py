"""`doctor`: each thing that can be wrong is found, and said with how to mend it."""

import errno
from pathlib import Path
from socket import gethostname

import pytest
from buckets import bucket

from overcrank.cli.exits import Exit
from overcrank.media import render
from overcrank.runtime import Runtime
from overcrank.sandbox import Sandbox
from overcrank.storage import s3

from .conftest import Shell


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch):
    """A sandbox that the settings point to."""
    with Sandbox(clips="tiny") as sandbox:
        monkeypatch.setenv("OVERCRANK_PROVIDER__BASE_URL", sandbox.url)
        yield sandbox


def verdicts(shell: Shell, *arguments: str) -> dict[str, str]:
    """Return what the doctor finds, by name."""
    return {found["name"]: found["verdict"] for found in shell.lines("doctor", *arguments)}


def test_a_healthy_house(shell: Shell, vendor: Sandbox):
    """Where all is well but nobody works yet, nothing is broken, and nothing was bought."""
    runtime = Runtime(shell.settings)
    runtime.ledger.tick()
    assert {
        "settings": "ok", "redis": "ok", "durability": "warn", "clock": "ok", "workers": "warn", "beat": "ok",
        "lane": "ok", "provider": "ok", "storage": "ok", "disk": "ok", "video": "ok", "prices": "ok",
    } == {**verdicts(shell), "disk": "ok"}  # fmt: skip
    assert (Exit.OK, 0) == (shell("doctor").exit_code, vendor.meter()["calls"]["create"])


def test_every_finding_says_how_to_mend_it(shell: Shell, vendor: Sandbox):
    """A doubtful or broken thing comes with what to do."""
    assert [] == [each for each in shell.lines("doctor") if each["verdict"] != "ok" and not each["mend"]]


def test_a_misspelt_setting(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """A misspelt name is found first, with the near one."""
    monkeypatch.setenv("OVERCRANK_LIMIT__RATE", "5")
    found = shell.lines("doctor")
    assert [("settings", "fail")] == [(each["name"], each["verdict"]) for each in found]
    assert "did you mean OVERCRANK_LIMITS__RATE?" in found[0]["text"]


def test_no_redis(shell: Shell, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """Without a server that is found, and the rest is looked at all the same."""
    monkeypatch.setenv("OVERCRANK_REDIS_URL", "redis://127.0.0.1:1/0")
    found = verdicts(shell)
    assert ("fail", "ok", "ok") == (found["redis"], found["provider"], found["prices"])
    assert Exit.FAILED == shell("doctor").exit_code


def test_no_broker(shell: Shell, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """A broker of its own that does not answer is found."""
    monkeypatch.setenv("OVERCRANK_BROKER_URL", "redis://127.0.0.1:1/0")
    assert "fail" == verdicts(shell)["broker"]


def test_no_provider(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """A provider that does not answer is found."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__BASE_URL", "http://127.0.0.1:1")
    assert "fail" == verdicts(shell)["provider"]


def test_a_wrong_key(shell: Shell, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """A key that the provider refuses is found, and never shown."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "hs-wrong-wrong-wrong")
    result = shell("doctor", "--only", "provider")
    assert (Exit.FAILED, False) == (result.exit_code, "hs-wrong" in result.output)
    assert "OVERCRANK_PROVIDER__API_KEY" in result.stdout


def test_a_stopped_lane(shell: Shell, vendor: Sandbox):
    """A lane that was stopped is broken until it is resumed."""
    Runtime(shell.settings).lane.stop("balance", "the balance is gone")
    assert {"lane": "fail"} == verdicts(shell, "--only", "lane")
    shell("resume")
    assert {"lane": "ok"} == verdicts(shell, "--only", "lane")


def test_a_model_without_a_price(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """A model that the price book does not know is found before a clip is refused for it."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__MODEL", "nobody")
    assert {"prices": "fail"} == verdicts(shell, "--only", "prices")


def test_a_place_for_clips_that_can_not_be(shell: Shell, monkeypatch: pytest.MonkeyPatch, folder):
    """A storage folder inside a file is found."""
    (folder / "file").write_text("")
    monkeypatch.setenv("OVERCRANK_STORAGE__URL", (folder / "file" / "clips").as_uri())
    assert "fail" == verdicts(shell, "--only", "storage")["storage"]


def test_a_bucket_is_tried_out(shell: Shell, monkeypatch: pytest.MonkeyPatch, folder):
    """A bucket that may be written is fine; one that is not there is found, and no folder is looked at in its stead."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with bucket(folder / "s3", "clips") as url:
        monkeypatch.setenv("OVERCRANK_STORAGE__URL", url)
        [fine] = [each for each in shell.lines("doctor", "--only", "storage") if each["name"] == "storage"]
        monkeypatch.setenv("OVERCRANK_STORAGE__URL", url.replace("s3://clips", "s3://nobodys"))
        [broken] = [each for each in shell.lines("doctor", "--only", "storage") if each["name"] == "storage"]
    assert ("ok", True, "fail", True) == (
        fine["verdict"], "s3://clips" in fine["text"], broken["verdict"], "can not be used now" in broken["text"]
    )  # fmt: skip
    assert [] == [path for path in (folder / "s3").rglob("*") if path.is_file()]


def test_a_full_disk_is_found(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """A folder that may be written, and on whose disk nothing more has room, is tried out."""
    (shell.settings.data_dir / "clips").mkdir(parents=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    [found] = [each for each in shell.lines("doctor", "--only", "storage") if each["name"] == "storage"]
    assert ("fail", True) == (found["verdict"], "the disk is full" in found["text"])


def test_missing_libraries_are_found(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """A bucket without its library is broken, films without theirs are a doubt; each says what to install."""
    monkeypatch.setenv("OVERCRANK_STORAGE__URL", "s3://clips/all")
    monkeypatch.setattr(s3, "find_spec", lambda _: None)
    monkeypatch.setattr(render, "NEEDED", ("no_such_module",))
    found = shell.lines("doctor", "--only", "storage", "--only", "video")
    assert [("storage", "fail", True), ("video", "warn", True)] == [
        (each["name"], each["verdict"], f"overcrank[{extra}]" in each["text"] + each["mend"])
        for each, extra in zip(found, ("s3", "video"), strict=True)
    ]


def test_live_is_said_loudly(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """Live spending is no fault, and is said."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__LIVE", "true")
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "hs-not-a-real-key")
    result = shell("doctor", "--only", "settings")
    assert (Exit.OK, True) == (result.exit_code, "LIVE" in result.stdout)


def test_strict_counts_doubts(shell: Shell, vendor: Sandbox):
    """`--strict` makes a health check of it: no worker is a failure."""
    assert (Exit.OK, Exit.FAILED) == (
        shell("doctor", "--only", "workers").exit_code,
        shell("doctor", "--only", "workers", "--strict").exit_code,
    )


def test_an_unknown_name_is_a_usage_error(shell: Shell):
    """`--only` with a name that means nothing is refused, with those that do."""
    result = shell("doctor", "--only", "weather")
    assert (Exit.USAGE, True) == (result.exit_code, "settings, redis" in result.stderr)


def test_a_wrong_setting_ends_with_4(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """As with every other command."""
    monkeypatch.setenv("OVERCRANK_LIMITS__RATE", "fast")
    assert Exit.CONFIG == shell("doctor").exit_code


def test_a_key_that_can_not_be_used_ends_nothing_early(shell: Shell, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """It is one finding; storage and prices are looked at all the same."""
    monkeypatch.setenv("OVERCRANK_PROVIDER__API_KEY", "two words")
    found = verdicts(shell)
    assert ("fail", "ok", "ok") == (found["provider"], found["storage"], found["prices"])


def test_a_health_check_asks_for_its_own_machine(shell: Shell, redis):
    """A worker elsewhere is no worker here, and a stopped lane makes nobody ill."""
    runtime = Runtime(shell.settings)
    redis.set(runtime.keys.alive("elsewhere", "all"), "x", ex=9)
    runtime.lane.stop("key", "for the test")
    ill = shell("doctor", "--only", "here", "--only", "redis", "--strict").exit_code
    redis.set(runtime.keys.alive(gethostname(), "fetch"), "x", ex=9)
    well = shell("doctor", "--only", "here", "--only", "redis", "--strict")
    assert (Exit.FAILED, Exit.OK, True) == (ill, well.exit_code, "fetch" in well.stdout)
