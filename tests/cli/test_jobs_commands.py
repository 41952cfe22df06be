"""`submit`, `jobs list`, `jobs show` and `jobs cancel` against a real server, without workers."""

import json

import pytest

from overcrank.cli.exits import Exit
from overcrank.ids import new_id

from .conftest import Shell


@pytest.fixture(autouse=True)
def _cleared(shell: Shell, redis):
    """Leave no queued job behind: it would count as a leak."""
    yield
    redis.flushall()


def test_submit_prints_the_id_the_price_and_the_clip(shell: Shell):
    """A submitted clip is one line that a person can read."""
    result = shell("submit", "a ball", "--duration", "5", "--fps", "120", "--resolution", "1080p")
    job = shell.client.latest()[0]
    assert (Exit.OK, f"{job.id}  queued  $3.945  5s @120fps 1920x1080 slow_motion “a ball”\n") == (
        result.exit_code,
        result.stdout,
    )


def test_submit_passes_every_field_on(shell: Shell):
    """Each option is the field of the clip that it says."""
    shell("submit", "a beach", "--project", "film", "--unique-key", "beach")
    job = shell.json(
        "submit", "a ball", "--duration", "2.5", "--fps", "60", "--resolution", "720p", "--mode", "time_lapse",
        "--negative", "blur", "--seed", "3", "--guidance", "5", "--physics", "0.5", "--priority", "2", "--project",
        "film", "--unique-key", "k", "--deadline", "2099-01-31T12:00:00Z", "--meta", "scene=4", "--meta", "take=b",
        "--speed", "3", "--deliver-fps", "24", "--extras", "sheet,poster", "--reuse", "any",
        "--background", "beach", "--key", "#00FF00", "--key-tolerance", "0.3", "--key-softness", "0",
        "--background-hold",
    )  # fmt: skip
    assert {
        "prompt": "a ball", "negative_prompt": "blur", "mode": "time_lapse", "duration": 2.5, "fps": 60,
        "resolution": "1280x720", "seed": 3, "guidance_scale": 5.0, "physics_strength": 0.5, "priority": "urgent",
        "project": "film", "unique_key": "k", "deadline": "2099-01-31T12:00:00Z",
        "metadata": {"scene": "4", "take": "b"}, "speed": 3, "deliver_fps": 24, "extras": ["poster", "sheet"],
        "background": "beach", "key": "#00ff00", "key_tolerance": 0.3, "key_softness": 0.0,
        "background_loop": False, "reuse": "any", "physics_why": None,
    } == job["clip"]  # fmt: skip


def test_submit_many_prints_a_line_each(shell: Shell):
    """`--count` makes as many jobs, a JSON document each."""
    jobs = shell.lines("submit", "a ball", "--count", "3")
    assert [job["id"] for job in jobs] == sorted(job.id for job in shell.client.latest())


def test_the_same_unique_key_is_the_same_job(shell: Shell):
    """A repeated command with a unique key makes no second job."""
    first, second = (shell.json("submit", "a ball", "--unique-key", "k") for _ in range(2))
    assert first["id"] == second["id"]


def test_a_wrong_clip_ends_with_2_and_changes_nothing(shell: Shell):
    """What is wrong with a clip is said in one line, and no job is made."""
    result = shell("submit", "a ball", "--fps", "1000")
    assert (Exit.USAGE, "", 1, []) == (
        result.exit_code,
        result.stdout,
        result.stderr.count("\n"),
        shell.client.latest(),
    )
    assert result.stderr.startswith("error: fps: 1000 is not right")


@pytest.mark.parametrize(
    "arguments",
    [["--meta", "novalue"], ["--count", "2", "--unique-key", "k"], ["--count", "0"], ["--timeout", "0"]],
)
def test_a_wrong_command_line_ends_with_2(shell: Shell, arguments: list[str]):
    """Options that can not be meant are refused."""
    assert Exit.USAGE == shell("submit", "a ball", *arguments).exit_code


def test_a_clip_dearer_than_a_window_ends_with_2(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """A clip that no window could pay is refused where it is asked for."""
    result = shell("submit", "a ball", "--duration", "60", "--fps", "120", "--resolution", "4K")
    assert (Exit.USAGE, True) == (result.exit_code, "a whole budget window holds $50.00" in result.stderr)


@pytest.mark.parametrize("command", ["submit", "plan"])
def test_a_clip_without_a_price_ends_with_2(shell: Shell, command: str):
    """The book has no 240 frames a second at 4K; the error says what it has."""
    result = shell(command, "a ball", "--fps", "240", "--resolution", "4K")
    assert (Exit.USAGE, []) == (result.exit_code, shell.client.latest())
    assert "no price for 240 frames a second at 3840x2160: ask for 120 at the most" in result.stderr


def test_waiting_too_long_ends_with_7(shell: Shell):
    """`--wait --timeout` without a worker ends with 7, and the job goes on."""
    result = shell("submit", "a ball", "--wait", "--timeout", "0.2")
    assert (Exit.TIMEOUT, "queued") == (result.exit_code, shell.client.latest()[0].state)


def test_waiting_too_long_loses_no_job(shell: Shell):
    """With `--json` every job is printed as it is when the time is up, and the error names the time that was asked."""
    result = shell("submit", "a ball", "--count", "3", "--wait", "--timeout", "0.2", "--json")
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    assert Exit.TIMEOUT == result.exit_code
    assert {job.id for job in shell.client.latest()} == {job["id"] for job in shown}
    assert "3 of 3 jobs had not ended after 0.2 s" in json.loads(result.stderr)["error"]["message"]


def test_waiting_says_that_the_lane_is_stopped(shell: Shell):
    """Whoever waits is told once that nothing is sent, and why, and so does the time-out."""
    shell.client._runtime.lane.stop("key", "it is wrong")
    result = shell("submit", "a ball", "--wait", "--timeout", "1.2")
    assert 2 == result.stderr.count("the lane is stopped (key: it is wrong)")
    assert Exit.TIMEOUT == result.exit_code


def test_waiting_for_a_job_that_is_cancelled_ends_with_1(shell: Shell):
    """A job that ends without a clip makes `--wait` end with 1, and JSON says why."""
    first = shell.json("submit", "a ball", "--unique-key", "k")
    shell("jobs", "cancel", first["id"])
    result = shell("submit", "a ball", "--unique-key", "k", "--wait", "--json")
    assert (Exit.FAILED, True) == (result.exit_code, '"type": "Cancelled"' in result.stdout)


def test_list_shows_jobs_youngest_first(shell: Shell):
    """`jobs list` has the youngest first, as many as asked for, in the states asked for."""
    ids = [job["id"] for job in shell.lines("submit", "a ball", "--count", "3")]
    shell("jobs", "cancel", ids[1])
    assert [ids[2], ids[1], ids[0]] == [job["id"] for job in shell.lines("jobs", "list")]
    assert [ids[2]] == [job["id"] for job in shell.lines("jobs", "list", "--limit", "1")]
    assert [ids[1]] == [job["id"] for job in shell.lines("jobs", "list", "--state", "cancelled")]
    assert [ids[2], ids[1], ids[0]] == [
        job["id"] for job in shell.lines("jobs", "list", "--state", "cancelled", "--state", "queued")
    ]


def test_list_for_people_fits_80_columns(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    """The table keeps whole ids and states at 80 columns and cuts the prompt."""
    monkeypatch.setenv("COLUMNS", "80")
    job = shell.json("submit", "a very long prompt " * 20)
    lines = shell("jobs", "list").stdout.splitlines()
    assert 2 == len(lines)
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(f"{job['id']} normal   queued")


def test_list_of_nothing_says_so(shell: Shell):
    """No jobs are no lines for a script and a word for people."""
    assert ("no jobs\n", "") == (shell("jobs", "list").stdout, shell("jobs", "list", "--json").stdout)


def test_show_tells_everything(shell: Shell):
    """`jobs show` has the record, as data and for people."""
    job = shell.json("submit", "a ball")
    assert shell.client.get(job["id"]).as_dict() == shell.json("jobs", "show", job["id"])
    assert ["job", job["id"]] == shell("jobs", "show", job["id"]).stdout.split()[:2]


def test_an_unknown_job_ends_with_5(shell: Shell):
    """A job that is not there is named in one line."""
    unknown = new_id()
    for command in ("show", "cancel"):
        result = shell("jobs", command, unknown)
        assert (Exit.NOT_FOUND, 1) == (result.exit_code, result.stderr.count("\n"))
        assert f"error: there is no job {unknown}" in result.stderr


def test_cancel_goes_on_after_one_that_can_not_be(shell: Shell):
    """Of several ids each is tried; the code is that of the worst."""
    job = shell.json("submit", "a ball")
    result = shell("jobs", "cancel", new_id(), job["id"])
    assert (Exit.NOT_FOUND, f"{job['id']}  cancelled\n") == (result.exit_code, result.stdout)


def test_cancel_says_of_each_what_went_wrong(shell: Shell):
    """With `--json` each id that can not be cancelled has an error of its own, which names it."""
    unknown = [new_id(), new_id()]
    result = shell("jobs", "cancel", *unknown, "--json")
    told = [json.loads(line)["error"] for line in result.stderr.splitlines()]
    assert unknown == [error["job"] for error in told]
    assert [5, 5] == [error["exit_code"] for error in told]


def test_cancel_of_what_is_being_paid_for_ends_with_6(shell: Shell, redis):
    """A job at the provider can not be cancelled: it is paid for and will be delivered."""
    job = shell.json("submit", "a ball")
    redis.hset("{cli}:job:" + job["id"], "state", "generating")
    result = shell("jobs", "cancel", job["id"])
    assert (Exit.TOO_LATE, True) == (result.exit_code, "it will be delivered" in result.stderr)


def test_a_clip_that_is_paid_for_is_told_apart(shell: Shell):
    """Neither its line nor its record looks like one that costs something."""
    first = shell.json("submit", "a ball", "--seed", "3")
    second = shell.json("submit", "a ball", "--seed", "3")
    assert (None, first["id"], "following") == (first["follows"], second["follows"], second["state"])
    said = shell("submit", "a ball", "--seed", "3").stdout
    assert (True, False) == (f"costs nothing as long as {first['id']} has a clip" in said, "$3" in said)
    assert f"costs nothing as long as {first['id']}" in " ".join(shell("jobs", "show", second["id"]).stdout.split())
    assert "2 follow another, 0 were served, $0.00 saved" in shell("stats").stdout


def test_more_is_made_of_a_clip(shell: Shell):
    """By a job that follows the one it is made of; what it can not be made of is refused."""
    first = shell.json("submit", "a ball")
    more = shell.json("jobs", "render", first["id"], "--extras", "poster", "--deliver-fps", "30")
    assert (first["id"], ["poster"], 30) == (more["follows"], more["clip"]["extras"], more["clip"]["deliver_fps"])
    assert f"costs nothing as long as {first['id']}" in shell("jobs", "render", first["id"], "--extras", "sheet").stdout
    assert Exit.USAGE == shell("jobs", "render", first["id"], "--speed", "3").exit_code
    assert Exit.USAGE == shell("jobs", "render", first["id"]).exit_code
    shell("jobs", "cancel", first["id"])
    assert Exit.TOO_LATE == shell("jobs", "render", first["id"], "--extras", "poster").exit_code
