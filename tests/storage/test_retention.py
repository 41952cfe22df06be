"""What is kept no longer."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from overcrank.storage import FileStorage
from overcrank.storage.base import Kept
from overcrank.storage.retention import Rules, outdated, tidy

NOW = datetime(2026, 11, 1, tzinfo=UTC)
JOBS = [f"019b1e2c-8400-7d4e-8f50-0123456789a{number}" for number in range(8)]

FILES = st.lists(
    st.builds(
        lambda job, ending, hours, size: Kept(f"{job}{ending}", NOW - timedelta(hours=hours), size),
        st.sampled_from(JOBS),
        st.sampled_from([".mp4", "-poster.jpg"]),
        st.integers(0, 100),
        st.integers(0, 50),
    ),
    max_size=16,
    unique_by=lambda one: one.name,
)


@given(FILES, st.none() | st.integers(0, 100), st.none() | st.integers(0, 300))
def test_what_stays_keeps_to_the_rules(files, hours, room) -> None:
    """What stays is young enough and has room; jobs stay or go as a whole; the young stay before the old."""
    rules = Rules(None if hours is None else timedelta(hours=hours), room)
    going = outdated(files, rules, NOW)
    stays = [one for one in files if one not in going]
    assert room is None or sum(one.size for one in stays) <= room
    assert not {one.name[:36] for one in going} & {one.name[:36] for one in stays}
    youngest = {job: max((one.when for one in files if one.name[:36] == job), default=NOW) for job in JOBS}
    assert hours is None or all(NOW - youngest[one.name[:36]] <= rules.age for one in stays)
    assert (
        not stays
        or not going
        or max(youngest[one.name[:36]] for one in going) <= max(youngest[one.name[:36]] for one in stays)
    )
    if rules == Rules():
        assert going == []


def test_a_folder_is_tidied(tmp_path) -> None:
    """Clips and their side files go; what is staged and what is not ours stays."""
    store = FileStorage(tmp_path)
    for number, job in enumerate(JOBS[:4]):
        part = store.staging(job)
        part.write_bytes(bytes([number]) * 10)
        store.keep(part, f"{job}.mp4", {"number": number})
    (tmp_path / "theirs.txt").write_text("theirs")
    store.staging(JOBS[5]).write_bytes(b"half")
    size = 10 + (tmp_path / "2025" / "12" / "14" / f"{JOBS[0]}.mp4.json").stat().st_size
    assert (4, []) == (len(list(store.kept())), tidy(store, Rules(room=4 * size)))
    tidy(store, Rules(room=2 * size))
    left = [path.name for path in tmp_path.rglob("*") if path.is_file() and ".contents" not in path.parts]
    assert (2, 6) == (len(list(store.kept())), len(left))


def test_files_of_a_job_that_has_not_ended_stay(tmp_path) -> None:
    """Something is still to be made of them, however old they are and however little room there is."""
    store = FileStorage(tmp_path)
    for job in JOBS[:3]:
        part = store.staging(job)
        part.write_bytes(job.encode())
        store.keep(part, f"{job}.mp4")
    later = datetime.now(UTC) + timedelta(days=2)
    gone = tidy(store, Rules(age=timedelta(days=1), room=1), later, running=lambda ids: {JOBS[1]} & set(ids))
    assert ({JOBS[0], JOBS[2]}, [f"{JOBS[1]}.mp4"]) == ({one.name[:36] for one in gone}, [k.name for k in store.kept()])
