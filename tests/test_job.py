"""A job's record: what is written is read, and a job that was changed is as if it had been read anew."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.clip import Priority
from overcrank.job import MOMENTS, READ, Job, changed_job, read_job
from overcrank.lifecycle import State

BARE = {
    "state": "queued", "version": "1", "priority": "normal", "project": "default", "quote": "5000000",
    "request": '{"prompt":"a ball"}', "attempt_no": "1", "tries": "0",
}  # fmt: skip

numbers = st.integers(0, 10**15)
maybe = st.one_of(st.just(""), numbers)
texts = st.text(max_size=20)
records = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(State), "version": numbers, "priority": st.sampled_from(Priority),
        "quote": numbers, "request": st.sampled_from(['{"prompt":"a ball"}', '{"prompt":"two balls"}']),
        "tried": maybe, "runs": numbers, "deaths": numbers, "resends": maybe, "replaying": st.sampled_from([0, 1]),
        "assumed": st.sampled_from([0, 1]), "own_risk": st.sampled_from(["", 1]), "amount": maybe, "cost": maybe,
        "paid": maybe, "saved": maybe, "share": maybe, "shared": maybe, "books": st.sampled_from(["", "a b c d"]),
        "generation_id": texts, "status_url": texts, "note": texts, "evidence": texts, "leader": texts,
        "progress": st.sampled_from(["", "12.5"]), "file": st.sampled_from(["", json.dumps({"url": "file:///clip"})]),
        "spoilt": st.sampled_from(["", json.dumps({"sha256": "00", "times": 1})]), "error_kind": texts, "error": texts,
        **dict.fromkeys(MOMENTS, numbers),
        "looks": numbers,
    },
)  # fmt: skip


@given(records, records)
def test_a_changed_job_is_as_if_it_were_read_anew(before, written):
    """Whatever is written to whatever record, the job that follows is the one that the record now describes."""
    job = read_job("id", BARE | {name: str(value) for name, value in before.items()})
    _ = job.clip  # read, and kept as long as the request is the same
    changed = changed_job(job, **written)
    anew = read_job("id", changed.stored)

    assert anew == changed
    assert {**job.stored, **{name: str(value) for name, value in written.items()}} == changed.stored
    assert anew.clip == changed.clip
    assert vars(anew).keys() | {"clip"} == vars(changed).keys() | {"clip"}


def test_a_bare_record_has_the_defaults_of_a_job():
    """What a record does not say is what the constructor would say."""
    made = Job("id", State.QUEUED, 1, Priority.NORMAL, "default", 5_000_000, BARE["request"])

    assert made == read_job("id", BARE)
    assert {one.name for one in fields(Job)} == vars(read_job("id", BARE)).keys()


def test_every_attribute_is_read():
    """No attribute of a job is forgotten by the table that reads records."""
    made_otherwise = {"id", "error", "moments", "stored", "waiting"}
    assert {one.name for one in fields(Job)} == READ.keys() | made_otherwise


@pytest.mark.parametrize("missing", BARE)
def test_half_a_record_is_no_job(missing):
    """A record without what every record has is refused by the name of what it lacks."""
    with pytest.raises(KeyError, match=missing):
        read_job("id", {name: value for name, value in BARE.items() if name != missing})
