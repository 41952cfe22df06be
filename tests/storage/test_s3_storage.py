"""Keeping clips in a bucket: against a local S3 server."""

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("obstore")

import obstore
from buckets import Handler, serving

from overcrank.embedded import free_port
from overcrank.errors import ConfigError
from overcrank.storage import NotKept, S3Storage, StorageUnavailable, open_storage, s3
from overcrank.storage.retention import Rules, tidy

JOB = "019b1e2c-8400-7d4e-8f50-0123456789ab"  # 2025-12-14
NAME = f"{JOB}.mp4"
DAY = "2025/12/14"


def key(content: bytes, ending: str = "") -> str:
    """Return where this content is kept."""
    return f"clips/{DAY}/{JOB}{ending}.{hashlib.sha256(content).hexdigest()}.mp4"


@pytest.fixture(scope="module")
def buckets(tmp_path_factory) -> Path:
    """The folder of the server's buckets."""
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="module")
def endpoint(buckets) -> Iterator[str]:
    """Starts one server for these tests."""
    with serving(buckets) as address:
        yield address


@pytest.fixture
def bucket(buckets, monkeypatch) -> Path:
    """An empty bucket's folder on the server; anybody may write."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    Handler.asked.clear()
    folder = buckets / f"bucket-{len(list(buckets.iterdir()))}"
    folder.mkdir()
    return folder


@pytest.fixture
def store(endpoint, bucket, tmp_path) -> S3Storage:
    """The bucket as storage."""
    opened = open_storage(f"s3://{bucket.name}/clips?endpoint={endpoint}", tmp_path / "staging")
    assert isinstance(opened, S3Storage)
    return opened


def staged(store: S3Storage, content: bytes = b"film") -> Path:
    """Write a part."""
    part = store.staging(JOB)
    part.write_bytes(content)
    return part


def everything(bucket: Path) -> list[str]:
    """Return every object of the bucket."""
    return sorted(str(path.relative_to(bucket)) for path in bucket.rglob("*") if path.is_file())


def test_a_clip_is_kept_by_its_checksum(store, bucket) -> None:
    """The key of the content holds its checksum; the side file beside it names that key, and what it was given."""
    url = store.keep(staged(store), NAME, {"job": JOB, "cost": "1.90"})
    assert f"s3://{bucket.name}/{key(b'film')}" == url == store.url(NAME)
    assert sorted([key(b"film"), f"clips/{DAY}/{NAME}.json"]) == everything(bucket)
    side = json.loads((bucket / f"clips/{DAY}/{NAME}.json").read_bytes())
    assert ("1.90", JOB, f"clips/{side['content']}") == (side["cost"], side["job"], key(b"film"))
    assert (b"film", b"film", True) == (
        (bucket / key(b"film")).read_bytes(),
        store.local(NAME).read_bytes(),
        store.has(NAME),
    )


def test_keeping_twice_writes_the_content_once(store, bucket) -> None:
    """With the part or without it, the same again is one object that was sent once."""
    urls = [store.keep(staged(store), NAME), store.keep(store.staging(JOB), NAME), store.keep(staged(store), NAME)]
    assert (1, 1) == (len(set(urls)), Handler.asked.count(f"/{bucket.name}/{key(b'film')}"))
    assert not store.staging(JOB).exists()


def test_another_content_takes_the_place(store, bucket) -> None:
    """A better copy has another key; the name stands for it from one moment on."""
    store.keep(staged(store, b"bad"), NAME)
    store.keep(staged(store, b"good"), NAME)
    assert (b"good", f"s3://{bucket.name}/{key(b'good')}") == (store.local(NAME).read_bytes(), store.url(NAME))
    assert sorted([key(b"good"), f"clips/{DAY}/{NAME}.json"]) == everything(bucket)


def test_another_workers_content_is_left_alone(store, bucket, monkeypatch) -> None:
    """A worker that was late does not remove what the name stands for by now."""
    store.keep(staged(store, b"first"), NAME)
    late = store._remove_all_but
    monkeypatch.setattr(store, "_remove_all_but", lambda *_: None)
    store.keep(staged(store, b"second"), NAME)
    late(key(b"first").removeprefix("clips/"), NAME)
    assert b"second" == store.local(NAME).read_bytes()


def test_no_content_outlives_its_name(store, bucket) -> None:
    """What a crash left without a side file, and what was replaced, go with the rest; other jobs' files stay."""
    store.keep(staged(store), NAME)
    (bucket / key(b"left")).write_bytes(b"left")
    store.keep(staged(store, b"poster"), f"{JOB}-poster.jpg")
    store.remove(NAME)
    assert sorted([key(b"poster", "-poster").replace(".mp4", ".jpg"), f"clips/{DAY}/{JOB}-poster.jpg.json"]) == (
        everything(bucket)
    )
    (bucket / key(b"left")).write_bytes(b"left")
    assert [(NAME, 4)] == [(one.name, one.size) for one in store.kept() if one.name == NAME]
    tidy(store, Rules(age=timedelta(days=1)), datetime.now(UTC) + timedelta(days=2))
    assert [] == everything(bucket)


def test_a_side_file_is_written_anew(store, bucket) -> None:
    """It goes on naming its content, whatever it is given; where there is no clip, that is said."""
    store.keep(staged(store), NAME, {"a": 1})
    store.describe(NAME, {"ended": "now", "sha256": "wrong"})
    side = json.loads((bucket / f"clips/{DAY}/{NAME}.json").read_bytes())
    assert ("now", hashlib.sha256(b"film").hexdigest(), b"film") == (
        side["ended"], side["sha256"], store.local(NAME).read_bytes()
    )  # fmt: skip
    with pytest.raises(NotKept, match="is not kept"):
        store.describe(f"{JOB}-poster.jpg", {})


def test_a_content_that_is_gone_is_not_kept(store, bucket) -> None:
    """It has to be fetched anew: waiting for it would be of no use."""
    store.keep(staged(store), NAME)
    (bucket / key(b"film")).unlink()
    with pytest.raises(NotKept, match="is gone"):
        store.local(NAME)


def test_without_the_extra_nothing_starts_and_nothing_is_lost(store, monkeypatch) -> None:
    """Before any work the message is what to type; a clip that is here already waits with the same words."""
    store.require()
    part = staged(store)
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setattr(s3, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'overcrank\[s3\]'"):
        store.require()
    with pytest.raises(StorageUnavailable, match=r"pip install 'overcrank\[s3\]'"):
        store.keep(part, NAME)
    assert part.read_bytes() == b"film"


def test_trying_out_leaves_nothing(store, bucket) -> None:
    """A bucket that may be written says so and stays as it was."""
    store.try_out()
    assert [] == everything(bucket)


def test_a_large_clip_goes_in_pieces(store, bucket, monkeypatch) -> None:
    """It comes back as it was, and no part of it is held in memory as a whole."""
    monkeypatch.setattr(s3, "ONE_PIECE", 1000)
    content = bytes(range(256)) * 50_000
    store.keep(staged(store, content), NAME)
    assert content == store.local(NAME).read_bytes()


def test_a_crash_before_the_side_file_leaves_no_clip_of_that_name(store, bucket, monkeypatch) -> None:
    """The content alone is nothing yet; keeping again completes it."""
    real = obstore.put

    def put(one, path, *given, **more):
        if path.endswith(".json"):
            raise KeyboardInterrupt
        return real(one, path, *given, **more)

    part = staged(store)
    with monkeypatch.context() as cut:
        cut.setattr(obstore, "put", put)
        with pytest.raises(KeyboardInterrupt):
            store.keep(part, NAME)
    assert ([key(b"film")], False, b"film") == (everything(bucket), store.has(NAME), part.read_bytes())
    store.keep(part, NAME)
    assert store.has(NAME)


def test_a_changed_object_is_not_believed(store, bucket) -> None:
    """What comes back has to have the checksum that was written down."""
    store.keep(staged(store), NAME)
    (bucket / key(b"film")).write_bytes(b"other")
    with pytest.raises(StorageUnavailable, match="another checksum"):
        store.local(NAME)


def test_what_is_not_there_is_said(store) -> None:
    """No part, no clip, no file on this machine."""
    assert (False, True) == (store.has(NAME), store.url(NAME).endswith(".json"))
    with pytest.raises(StorageUnavailable, match="fetch the clip again"):
        store.keep(store.staging(JOB), NAME)
    with pytest.raises(StorageUnavailable, match="is not kept"):
        store.local(NAME)


def test_no_bucket_and_no_server_are_said(store, endpoint, tmp_path) -> None:
    """The part stays; what can not be used is named, without a secret."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    for url in (f"s3://no-such-bucket/x?endpoint={endpoint}", f"s3://bucket/x?endpoint={nowhere}"):
        away = S3Storage(url, tmp_path / "staging")
        part = staged(away)
        with pytest.raises(StorageUnavailable, match="can not be used now"):
            away.keep(part, NAME)
        assert part.read_bytes() == b"film"


@pytest.mark.parametrize("name", ["", "../x.mp4", f"{JOB}/x.mp4", f"{JOB}.mp4.json", "film.mp4"])
def test_no_name_leads_out(store, bucket, name) -> None:
    """A name is a job's id and an ending, as in a folder."""
    for use in (store.has, store.url, store.local, store.remove, lambda bad: store.keep(Path("/x"), bad)):
        with pytest.raises(ValueError, match="is no name for a clip"):
            use(name)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:hunter2@bucket/x", "must not hold a key"),
        ("s3://bucket/x?endpoit=http://x", "endpoit is no option; there is endpoint, region"),
        ("s3:///x", "use s3://bucket/prefix"),
        ("s3://bucket/x?endpoint=ftp://x", "use s3://bucket/prefix"),
    ],
)
def test_a_wrong_url_is_refused(url, words) -> None:
    """Misspelt options and keys in the URL are errors, and no secret is shown."""
    with pytest.raises(ConfigError, match=words) as caught:
        open_storage(url)
    assert "hunter2" not in str(caught.value)


def test_what_is_kept_can_be_listed_and_removed(store, bucket) -> None:
    """Retention sees names, ages and sizes; a job's files go together, and nothing else does."""
    store.keep(staged(store), NAME)
    store.keep(staged(store, b"poster"), f"{JOB}-poster.jpg")
    (bucket / "clips" / "theirs.json").write_text("{}")
    sides = [(bucket / f"clips/{DAY}/{name}.json").stat().st_size for name in (NAME, f"{JOB}-poster.jpg")]
    assert {(NAME, 4 + sides[0]), (f"{JOB}-poster.jpg", 6 + sides[1])} == {(one.name, one.size) for one in store.kept()}
    assert [] == tidy(store, Rules(age=timedelta(days=1)))
    gone = tidy(store, Rules(age=timedelta(days=1)), datetime.now(UTC) + timedelta(days=2))
    assert (2, ["clips/theirs.json"]) == (len(gone), everything(bucket))


def test_discarding_removes_what_is_staged(store) -> None:
    """The part goes, and what was fetched to look at; what is kept stays."""
    store.keep(staged(store), NAME)
    staged(store)
    store.local(NAME)
    store.discard(JOB)
    assert ([], True) == (list(store.staging(JOB).parent.iterdir()), store.has(NAME))


def test_what_two_jobs_borrow_they_do_not_take_from_each_other(store) -> None:
    """Each has a copy of its own, which goes with what else is staged for it."""
    other, third = JOB[:-1] + "c", JOB[:-1] + "d"
    store.keep(staged(store), NAME)
    first, second = store.local(NAME, other), store.local(NAME, third)
    store.discard(other)
    assert (False, b"film") == (first.exists(), second.read_bytes())
    store.discard(third)
    assert [] == list(store.staging(JOB).parent.iterdir())
