"""`overcrank plan` and `overcrank gallery`, as somebody types them."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from overcrank.cli.exits import Exit
from overcrank.cli.root import cli
from overcrank.client import Client
from overcrank.errors import InvalidClip
from overcrank.planning.planner import NoPlan
from overcrank.settings import Settings


@pytest.fixture
def client(redis: Redis, configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Client:
    """A producer that the command line finds, too."""
    settings = configured()
    monkeypatch.setenv("OVERCRANK_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("OVERCRANK_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("COLUMNS", "120")
    return Client(settings)


def run(*arguments: str) -> Result:
    """Type it."""
    return CliRunner().invoke(cli, arguments)


def test_plan_shows_choice_saving_and_chart(client) -> None:
    """For people: what, for how much, why, and the alternatives."""
    result = run("plan", "a quiet room", "--purpose", "preview")
    assert Exit.OK == result.exit_code
    for words in ("30 fps, 1280x720 for $0.486563: 87 % less than $3.8925", "strength 0.85", "chosen", "◉", "240 fps"):
        assert words in result.stdout


def test_plan_speaks_json_and_draws(client, tmp_path) -> None:
    """For programs: the clip to submit; the chart goes to a file."""
    result = run("--json", "plan", "water", "--quality", "9.4", "--budget", "$4", "--svg", str(tmp_path / "plan.svg"))
    said = json.loads(result.stdout)
    chosen = {
        "fps": 120,
        "resolution": "1920x1080",
        "physics_strength": 0.7,
        "physics_why": "the scene is fluid: water",
    }
    assert {"prompt": "water", **chosen} == said["clip"]
    assert "<svg" in (tmp_path / "plan.svg").read_text()


def test_a_preview_in_slow_motion_is_planned_so_that_it_can_be_made(client) -> None:
    """Thirty frames a second delivered at thirty would be refused, so they are not chosen."""
    result = run("--json", "submit", "a quiet room", "--plan", "--purpose", "preview", "--deliver-fps", "30")
    assert (Exit.OK, 60) == (result.exit_code, json.loads(result.stdout)["clip"]["fps"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"purpose": "grand"}, "purpose: 'grand' is not right; allowed is preview, standard, premium"),
        ({"budget": "much"}, "budget: an amount of dollars was expected"),
        ({"within": 2}, "within: there is no such field"),
    ],
)
def test_a_plan_in_code_takes_the_same_words(client, given, words) -> None:
    """Dollars, seconds and names, checked as those of the command line and of a batch are."""
    with pytest.raises(InvalidClip, match=words):
        client.plan("x", **given)


def test_a_plan_in_code_is_that_of_the_command_line(client) -> None:
    """A float is as good as text, a purpose may be text, and a preview costs what a preview costs."""
    ones = [client.plan("a quiet room", quality=quality).chosen.cost for quality in (9.4, "9.4", Decimal("9.4"))]
    assert [3_892_500] * 3 == ones
    assert 486_563 == client.plan("a quiet room", purpose="preview", budget=2.0).chosen.cost


def test_what_has_to_be_ready_counts_the_queue_and_the_way_home(client) -> None:
    """Two seconds are too few with a second for the download and one for each step; eight are enough."""
    assert 3000 > client.plan("a quiet room", mode="plain", ready_in=8).wanted.delay >= 1000
    with pytest.raises(NoPlan, match="for the queue and the way home"):
        client.plan("a quiet room", mode="plain", ready_in=2)


def test_a_job_says_what_was_chosen_and_why(client) -> None:
    """The strength that the prompt calls for, where none was named; not where one was."""
    chosen, named = client.submit_many([{"prompt": "water"}, {"prompt": "water", "physics_strength": 0.85}])
    expected = {"physics_strength": {"value": 0.7, "why": "the scene is fluid: water"}}
    assert (expected, {}) == (client.get(chosen.id).chosen, client.get(named.id).chosen)
    assert expected == client.get(chosen.id).as_dict()["chosen"]
    assert "0.7: the scene is fluid: water" in run("jobs", "show", chosen.id).stdout


def test_no_plan_is_an_error_that_says_what_comes_nearest(client) -> None:
    """The exit code is that of a wrong request; nothing was enqueued."""
    result = run("plan", "water", "--quality", "9.8", "--budget", "1")
    assert (Exit.USAGE, True, 0) == (
        result.exit_code, "the cheapest that good is" in result.stderr, client.stats()["entered"]
    )  # fmt: skip


def test_submit_by_plan_enqueues_what_was_planned(client) -> None:
    """The clip has what the plan chose, and what was named stays."""
    result = run("--json", "submit", "a quiet room", "--plan", "--purpose", "preview", "--duration", "3")
    job = json.loads(result.stdout)
    assert (30, "1280x720", 3.0, "0.291938") == (
        job["clip"]["fps"], job["clip"]["resolution"], job["clip"]["duration"], job["quote_usd"]
    )  # fmt: skip


def test_gallery_writes_a_page_of_the_jobs_that_were_named(client, tmp_path) -> None:
    """Of those, or of a project, or of the latest."""
    first, second = client.submit_many([{"prompt": "one"}, {"prompt": "two", "project": "film"}])
    page = tmp_path / "g.html"
    for arguments, shown in (([], "one two"), ([first.id], "one"), (["--project", "film"], "two")):
        result = run("gallery", *arguments, "--to", str(page))
        assert (Exit.OK, page.as_uri()) == (result.exit_code, result.stdout.split()[-1])
        assert shown.split() == [word for word in ("one", "two") if f"<h2>{word}</h2>" in page.read_text()]
    assert Exit.NOT_FOUND == run("gallery", second.id[:-1] + "0", "--to", str(page)).exit_code or second.id[-1] == "0"


def test_a_projects_jobs_are_the_latest_of_the_project(client, tmp_path) -> None:
    """Not those among the latest of all."""
    client.submit({"prompt": "mine", "project": "film"})
    list(client.submit_many({"prompt": f"other {number}"} for number in range(5)))
    assert "1 job on" in run("gallery", "--project", "film", "--latest", "2", "--to", str(tmp_path / "g.html")).stdout
    assert "2 jobs on" in run("gallery", "--latest", "2", "--to", str(tmp_path / "g.html")).stdout


def test_a_batch_is_named_by_its_results(client, tmp_path) -> None:
    """Its jobs in the order of its lines, each once; what is gone is told, and another file is refused."""
    jobs, results = (
        list(client.submit_many([{"prompt": "one"}, {"prompt": "two"}, {"prompt": "three"}])),
        tmp_path / "r",
    )
    lines = [(2, jobs[1].id), (1, jobs[0].id), (3, jobs[1].id), (4, jobs[0].id[:-4] + "0000")]
    entries = [{"batch": "b"}, *({"line": line, "id": job_id} for line, job_id in lines)]
    results.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    result = run("gallery", "--batch", str(results), "--to", str(tmp_path / "g.html"))
    assert (Exit.OK, True) == (result.exit_code, "its record is no longer kept" in result.stderr)
    html = (tmp_path / "g.html").read_text()
    assert -1 < html.index("<h2>one</h2>") < html.index("<h2>two</h2>")
    assert ("three" in html, "2 jobs on" in result.stdout) == (False, True)
    results.write_text('{"line": 1}\n')
    assert Exit.USAGE == run("gallery", "--batch", str(results)).exit_code


def test_the_page_opens_where_nothing_is(client, tmp_path) -> None:
    """An empty batch is a page that says so."""
    run("gallery", "--to", str(tmp_path / "deep" / "g.html"))
    assert "0 clips: no clips" in Path(tmp_path / "deep" / "g.html").read_text()
