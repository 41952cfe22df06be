"""Keeping clips in a folder: wholly or not at all, and nowhere else."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import NoReturn

import pytest

from overcrank.errors import ConfigError, OvercrankError
from overcrank.storage import FileStorage, NotKept, StorageUnavailable, files, open_storage
from overcrank.storage.contents import CONTENTS

OTHER = "019b1e2c-8400-7d4e-8f50-0123456789ac"
JOB = "019b1e2c-8400-7d4e-8f50-0123456789ab"  # 2025-12-14
NAME = f"{JOB}.mp4"
DAY = "2025/12/14"


@pytest.fixture
def store(tmp_path) -> FileStorage:
    """A store in a folder that is not there yet."""
    return FileStorage(tmp_path / "data" / "clips")


def staged(store: FileStorage, content: bytes = b"film") -> Path:
    """Write a part."""
    part = store.staging(JOB)
    part.write_bytes(content)
    return part


def everything(store: FileStorage) -> list[str]:
    """Return every file below the store, by its names and not by its content."""
    found = [path.relative_to(store.root) for path in store.root.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if path.parts[0] != CONTENTS)


def contents(store: FileStorage) -> list[bytes]:
    """Return each content that is kept, by its bytes."""
    found = sorted((store.root / CONTENTS).glob("*/*"))
    assert [path.name for path in found] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in found]
    return sorted(path.read_bytes() for path in found)


def test_a_clip_is_kept_by_its_day(store) -> None:
    """The clip and its side file lie in the folder of the day that the job's id names."""
    url = store.keep(staged(store), NAME, {"job": JOB, "cost": "1.90"})
    assert (store.root / DAY / NAME).as_uri() == url == store.url(NAME)
    assert [f"{DAY}/{NAME}", f"{DAY}/{NAME}.json"] == everything(store)
    assert (
        (store.root / DAY / NAME).read_bytes(),
        json.loads((store.root / DAY / f"{NAME}.json").read_bytes()),
    ) == (b"film", {"job": JOB, "cost": "1.90"})


def test_the_part_of_a_job_is_always_the_same(store) -> None:
    """A download goes on where another worker stopped."""
    part = staged(store, b"half")
    assert (part, b"half", False) == (store.staging(JOB), store.staging(JOB).read_bytes(), store.has(NAME))


def test_keeping_twice_changes_nothing(store) -> None:
    """The same again, with the part or without it, is no second clip and no error."""
    first = store.keep(staged(store), NAME, {"a": 1})
    place = store.root / DAY / NAME
    before = place.stat().st_ino
    again = [store.keep(store.staging(JOB), NAME, {"a": 1}), store.keep(staged(store), NAME, {"a": 1})]
    assert ([first, first], before) == (again, place.stat().st_ino)
    assert [f"{DAY}/{NAME}", f"{DAY}/{NAME}.json"] == everything(store)


def test_another_content_takes_the_place(store) -> None:
    """A better copy of a clip replaces the one that was there, and nothing is left of that."""
    store.keep(staged(store, b"bad"), NAME)
    store.keep(staged(store, b"good"), NAME, {"b": 2})
    assert ((store.root / DAY / NAME).read_bytes(), [b"good"]) == (b"good", contents(store))


def test_no_side_file_describes_other_bytes(store, monkeypatch) -> None:
    """Cut off while a better copy is put in place, there is that clip with its side file, or the new one, or none."""
    store.keep(staged(store, b"bad"), NAME, {"of": "bad"})
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target.name == NAME:
            raise PowerCut
        return real(self, target)

    part = staged(store, b"good")
    with monkeypatch.context() as cut:
        cut.setattr(Path, "replace", replace)
        with pytest.raises(PowerCut):
            store.keep(part, NAME, {"of": "good"})
    assert (False, b"good") == (store.has(NAME), part.read_bytes())
    store.keep(part, NAME, {"of": "good"})
    assert ({"of": "good"}, b"good") == (json.loads(Path(f"{store.local(NAME)}.json").read_bytes()),
                                         store.local(NAME).read_bytes())  # fmt: skip


def keep_other(store: FileStorage, content: bytes = b"film", name: str = f"{OTHER}.mp4") -> None:
    """Keep a file of another job."""
    part = store.staging(OTHER)
    part.write_bytes(content)
    store.keep(part, name, {"job": OTHER})


def test_the_same_bytes_are_kept_once(store) -> None:
    """Two jobs with one content have a name each and one file, which nobody changes in place by mistake."""
    store.keep(staged(store), NAME, {"job": JOB})
    keep_other(store)
    first, second = store.local(NAME), store.local(f"{OTHER}.mp4")
    assert (True, [b"film"], 0) == (first.samefile(second), contents(store), first.stat().st_mode & 0o222)


def test_contents_on_another_disk_keep_nobody_from_a_clip(store, tmp_path) -> None:
    """Somebody has put the folder of contents elsewhere, by a link: the clip is kept, as its own copy at the worst."""
    (tmp_path / "elsewhere").mkdir()
    store.keep(staged(store), NAME)
    [folder] = (store.root / ".contents").iterdir()
    store.remove(NAME)
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert b"film" == Path(store.keep(staged(store), NAME).removeprefix("file://")).read_bytes()


def test_a_content_goes_with_its_last_name(store) -> None:
    """Removing one job's files leaves the other's; with that, the bytes are gone too."""
    store.keep(staged(store), NAME, {"job": JOB})
    keep_other(store)
    store.remove(NAME)
    assert ([b"film"], b"film") == (contents(store), store.local(f"{OTHER}.mp4").read_bytes())
    store.remove(f"{OTHER}.mp4")
    assert ([], []) == (contents(store), everything(store))


def test_a_damaged_content_is_not_given_to_others(store) -> None:
    """A file whose bytes are no longer those of its name is replaced by the good ones."""
    store.keep(staged(store), NAME, {"job": JOB})
    place = store.local(NAME)
    place.chmod(0o644)
    place.write_bytes(b"spoilt")
    keep_other(store)
    assert (b"film", b"spoilt", [b"film"]) == (
        store.local(f"{OTHER}.mp4").read_bytes(), place.read_bytes(), contents(store)
    )  # fmt: skip


def test_a_disk_without_links_keeps_copies(store, monkeypatch) -> None:
    """Nothing fails; the same bytes are there twice."""
    monkeypatch.setattr(Path, "hardlink_to", failing(errno.EPERM))
    store.keep(staged(store), NAME, {"job": JOB})
    keep_other(store)
    assert (False, [], b"film") == (
        store.local(NAME).samefile(store.local(f"{OTHER}.mp4")), contents(store), store.local(NAME).read_bytes()
    )  # fmt: skip


def test_side_files_and_shared_bytes_are_counted(store) -> None:
    """A job's files take their own bytes, its side file's, and its share of what others have too."""
    store.keep(staged(store, b"x" * 1000), NAME, {"job": JOB})
    side = (store.root / DAY / f"{NAME}.json").stat().st_size
    assert [1000 + side] == [one.size for one in store.kept()]
    keep_other(store, b"x" * 1000)
    assert [500 + side] * 2 == [one.size for one in store.kept()]


def test_a_side_file_is_written_anew(store) -> None:
    """What is known only at the end is told beside the clip too; where there is no clip, that is said."""
    store.keep(staged(store), NAME, {"a": 1})
    store.describe(NAME, {"a": 1, "ended": "now"})
    assert {"a": 1, "ended": "now"} == json.loads((store.root / DAY / f"{NAME}.json").read_bytes())
    with pytest.raises(NotKept, match="is not kept"):
        store.describe(f"{OTHER}.mp4", {})
    with pytest.raises(NotKept, match="is not kept"):
        store.local(f"{OTHER}.mp4")


def test_trying_out_leaves_nothing(store) -> None:
    """A folder that may be written says so and stays empty; one that may not says why."""
    store.require()
    store.try_out()
    assert [] == everything(store)
    blocked = FileStorage(store.root.parent / "file")
    blocked.root.write_text("")
    with pytest.raises(StorageUnavailable, match="choose another folder"):
        blocked.try_out()


def test_a_job_may_keep_several_files(store) -> None:
    """A poster or a rendered film is kept beside the clip."""
    store.keep(staged(store), NAME)
    store.keep(staged(store, b"poster"), f"{JOB}-poster.jpg")
    assert [f"{DAY}/{JOB}-poster.jpg", f"{DAY}/{NAME}"] == everything(store)


def test_an_id_without_a_date_is_kept_too(store) -> None:
    """A random id has a folder of its own kind."""
    store.keep(staged(store), "7d3f8f8e-39a5-4b5e-9f65-2f1d2b3c4d5e.mp4")
    assert everything(store) == ["undated/7d3f8f8e-39a5-4b5e-9f65-2f1d2b3c4d5e.mp4"]


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x.mp4", f"../{NAME}", f"/{NAME}", f"{JOB}/../../x", f"{JOB}/x.mp4", f"{JOB}\\x.mp4",
        f"{NAME}\0", f"{NAME}\n",
        ".partial", "film.mp4", f"{JOB}..mp4", f"{JOB}.mp4.json", f"{JOB}.json", f"{JOB.upper()}.mp4",
        f"{JOB}" + "a" * 200,
        "-" * 36 + ".mp4",
    ],
)  # fmt: skip
def test_no_name_leads_out(store, name) -> None:
    """A name is a job's id and an ending; anything else is refused before the disk is touched."""
    for use in (store.has, store.url, lambda bad: store.keep(Path("/x"), bad)):
        with pytest.raises(ValueError, match="is no name for a clip"):
            use(name)
    assert not store.root.exists()


@pytest.mark.parametrize("job_id", ["", "..", "../../x", "*", f"{JOB}/x", f"{JOB}*", JOB.upper()])
def test_no_job_leads_out(store, job_id) -> None:
    """What is no id of a job stages and discards nothing."""
    for use in (store.staging, store.discard):
        with pytest.raises(ValueError, match="is no job's id"):
            use(job_id)


def test_a_link_that_leads_out_is_not_followed(store, tmp_path) -> None:
    """A folder that is a link to elsewhere keeps nothing."""
    part = staged(store)
    (tmp_path / "elsewhere").mkdir()
    (store.root / "2025").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageUnavailable, match="leads out of"):
        store.keep(part, NAME)
    assert [path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()] == []


def test_a_link_is_no_part_and_no_clip(store, tmp_path) -> None:
    """Links are not kept, and a link in the clip's place is replaced, not written through."""
    (tmp_path / "secret").write_bytes(b"secret")
    store.staging(JOB).symlink_to(tmp_path / "secret")
    with pytest.raises(StorageUnavailable, match="is no file"):
        store.keep(store.staging(JOB), NAME)
    store.staging(JOB).unlink()
    (store.root / DAY / NAME).symlink_to(tmp_path / "secret")
    assert not store.has(NAME)
    store.keep(staged(store), NAME)
    assert ((tmp_path / "secret").read_bytes(), (store.root / DAY / NAME).read_bytes()) == (b"secret", b"film")


def test_a_part_that_is_not_there_is_said(store) -> None:
    """Keeping nothing is an error where nothing was kept before."""
    with pytest.raises(StorageUnavailable, match="fetch the clip again"):
        store.keep(store.staging(JOB), NAME)


def failing(number: int):
    """Return a function that fails as a disk does."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "may not write"),
        (errno.EIO, "the disk fails"),
        (errno.EMFILE, "Too many open files"),
    ],
)
@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace"), (Path, "open"), (Path, "mkdir")])
def test_a_failing_disk_leaves_nothing_half(store, monkeypatch, owner, step, number, words) -> None:
    """Whichever step fails: a clear error, no clip, the part still there, and all is well the next time."""
    part = staged(store)
    with monkeypatch.context() as broken:
        broken.setattr(owner, step, failing(number))
        with pytest.raises(StorageUnavailable, match=words):
            store.keep(part, NAME, {"a": 1})
    assert (store.has(NAME), part.read_bytes()) == (False, b"film")
    assert [".partial/" + part.name] == everything(store)
    store.keep(part, NAME, {"a": 1})
    assert [f"{DAY}/{NAME}", f"{DAY}/{NAME}.json"] == everything(store)


class PowerCut(BaseException):
    """The process ends here."""


def test_a_crash_between_any_two_steps_leaves_a_whole_clip_or_none(tmp_path, monkeypatch) -> None:
    """Cut off before each call that changes the disk, the clip is whole or absent, and keeping again completes it."""
    steps = [(os, "fsync"), (Path, "replace"), (Path, "mkdir"), (Path, "open"), (Path, "unlink"),
             (Path, "hardlink_to"), (Path, "chmod")]  # fmt: skip
    for cut in range(40):
        store = FileStorage(tmp_path / str(cut))
        part = staged(store)
        done = 0
        with monkeypatch.context() as counted:
            for owner, name in steps:
                real = getattr(owner, name)

                def step(*args: object, real=real, cut=cut, **more: object) -> object:
                    nonlocal done
                    done += 1
                    if done > cut:
                        raise PowerCut
                    return real(*args, **more)

                counted.setattr(owner, name, step)
            try:
                store.keep(part, NAME, {"a": 1})
                ended = True
            except PowerCut:
                ended = False
        place = store.root / DAY / NAME
        if place.exists():
            assert (place.read_bytes(), json.loads(Path(f"{place}.json").read_bytes())) == (b"film", {"a": 1})
        store.keep(part, NAME, {"a": 1})
        store.discard(JOB)
        assert [f"{DAY}/{NAME}", f"{DAY}/{NAME}.json"] == everything(store)
        if ended:
            break
    assert 5 < cut < 39


def test_a_part_from_another_disk_is_copied(store, tmp_path, monkeypatch) -> None:
    """What was made elsewhere is first copied near, then put in place at one moment."""
    made = tmp_path / "made.mp4"
    made.write_bytes(b"rendered")
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self == made:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    store.keep(made, NAME)
    assert ([f"{DAY}/{NAME}"], False) == (everything(store), made.exists())


def test_a_file_in_the_way_is_said(tmp_path) -> None:
    """A root that can not be a folder is an error of the storage, not of the program."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="choose another folder"):
        FileStorage(tmp_path / "file" / "clips").staging(JOB)


def test_discarding_removes_what_is_staged_and_no_more(store) -> None:
    """The part and the notes beside it go; other jobs' parts and kept clips stay; twice is fine."""
    store.discard(JOB)
    store.keep(staged(store), NAME)
    staged(store).with_name(f"{JOB}.part.etag").write_text("{}")
    other = store.staging("019b1e2c-8400-7d4e-8f50-0123456789ac")
    other.write_bytes(b"half")
    store.discard(JOB)
    store.discard(JOB)
    assert [".partial/" + other.name, f"{DAY}/{NAME}"] == everything(store)


def test_the_url_names_the_storage(tmp_path) -> None:
    """A file URL opens a folder, with spaces and all, and touches nothing yet."""
    folder = tmp_path / "my clips"
    opened = open_storage(folder.as_uri())
    assert (folder, False) == (opened.root, folder.exists())
    assert str(folder) in repr(opened)


@pytest.mark.parametrize(
    "url", ["gs://bucket/x", "file://host/x", "file:relative", "/tmp", "", "file:///a%00b", "https://user:pw@x/y"]
)
def test_other_storage_is_not_supported(url) -> None:
    """What is not supported is refused with what is, and without showing what may be secret."""
    with pytest.raises(ConfigError, match="use file:///an/absolute/folder") as caught:
        open_storage(url)
    assert "pw" not in str(caught.value)


def test_its_error_is_one_of_ours() -> None:
    """Callers that catch the program's errors catch this one."""
    assert issubclass(StorageUnavailable, OvercrankError)
    assert files.PARTIAL == ".partial"
