"""The adapter against the sandbox: every fault it knows, and a clip from the first call to the file that is kept."""

import time
from collections.abc import Callable, Iterator

import pytest

from overcrank.clip import Clip
from overcrank.ids import new_id
from overcrank.media.mp4 import NotAFilm, probe
from overcrank.providers.base import (
    Accepted,
    Broken,
    Completed,
    CreateRequest,
    Downloaded,
    Expired,
    Failed,
    InDoubt,
    Missing,
    Rejected,
    Running,
    StatusAnswer,
    Stopped,
    Throttled,
    Unavailable,
)
from overcrank.providers.holysheep import HolySheep
from overcrank.settings import SANDBOX_KEY
from overcrank.storage import FileStorage

sandboxes = pytest.importorskip("overcrank.sandbox")


@pytest.fixture(scope="module")
def sandbox() -> Iterator:
    """One sandbox for the whole file, reset before each test."""
    with sandboxes.Sandbox(generation_seconds=0.0, latency=0.0, faults={"slow_seconds": 1.0}) as running:
        yield running


@pytest.fixture
def admin(sandbox):
    """The sandbox's own switches, at their beginning."""
    admin = sandboxes.SandboxAdmin(sandbox.url)
    admin.reset()
    return admin


@pytest.fixture
def lamb(sandbox, make_sheep: Callable[..., HolySheep]) -> HolySheep:
    """An adapter that talks to the sandbox."""
    return make_sheep(sandbox.url, api_key=SANDBOX_KEY)


def attempt(**clip: object) -> CreateRequest:
    """Return a new paid attempt."""
    job_id = new_id()
    fields = {"prompt": "a ball bounces", "duration": 1, "fps": 120, **clip}
    return CreateRequest(Clip(**fields), "pixverse-v6-physics", job_id, f"{job_id}.1")


def settled(lamb: HolySheep, accepted: Accepted) -> StatusAnswer:
    """Ask until the generation has ended."""
    until = time.monotonic() + 10
    while isinstance(state := lamb.status(accepted.generation_id, accepted.status_url), Running):
        assert time.monotonic() < until
        time.sleep(0.01)
    return state


def test_a_clip_from_the_first_call_to_the_kept_file(admin, sandbox, make_sheep, tmp_path) -> None:
    """It is bought once, found by its key, fetched, looked into, and kept."""
    lamb = make_sheep(sandbox.url, api_key=SANDBOX_KEY, read_timeout=5.0)
    request = attempt()
    accepted = lamb.create(request)
    assert isinstance(accepted, Accepted)
    assert accepted.generation_id == lamb.create(request).generation_id
    state = settled(lamb, accepted)
    assert isinstance(state, Completed)
    store = FileStorage(tmp_path)
    part = store.staging(request.job_id)
    got = lamb.download(state.url, part, state.sha256)
    assert isinstance(got, Downloaded)
    film = probe(part)
    assert (film.fps, film.frames, film.width, film.height) == (120, 120, 160, 90)
    store.keep(part, f"{request.job_id}.mp4", {"sha256": got.sha256})
    assert store.has(f"{request.job_id}.mp4")
    (found,) = lamb.lookup(request.idempotency_key, request.job_id)
    assert (accepted.generation_id, state.cost) == (found.generation_id, found.state.cost)
    assert admin.meter()["double_paid"] == []


@pytest.mark.parametrize(
    ("fault", "expected", "bought"),
    [
        ("rate_429", Throttled, False), ("concurrency_429", Throttled, False), ("error_500", InDoubt, False),
        ("error_500_after", InDoubt, True), ("html_502", InDoubt, False), ("drop_before", InDoubt, False),
        ("drop_after", InDoubt, True), ("slow", InDoubt, True), ("garbage", InDoubt, True),
        ("auth_401", Stopped, False),
        ("balance_402", Stopped, False), ("hang", InDoubt, True), ("missing_id", InDoubt, True),
    ],
)  # fmt: skip
def test_every_fault_of_a_create_is_classed_and_found(admin, lamb, fault, expected, bought) -> None:
    """No fault is taken for a purchase, or for none where it was one; the look-up tells."""
    admin.force("submit", fault)
    request = attempt()
    answer = lamb.create(request)
    assert expected is type(answer)
    if isinstance(answer, Throttled):
        assert fault.startswith(answer.kind)
    assert bought == (len(lamb.lookup(request.idempotency_key, request.job_id)) == 1)


def test_a_forbidden_prompt_is_rejected(admin, lamb) -> None:
    """The vendor's policy is final, and buys nothing."""
    answer = lamb.create(attempt(prompt="something forbidden"))
    assert (Rejected, "content_policy") == (type(answer), answer.code)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("error_500", Unavailable), ("drop", Unavailable), ("rate_429", Unavailable), ("garbage", Unavailable),
     ("unknown_word", Running), ("backwards", Running), ("not_found", Missing), ("missing_cost", Completed)],
)  # fmt: skip
def test_every_fault_of_a_status_is_classed(admin, lamb, fault, expected) -> None:
    """A status that goes wrong is asked again; a word nobody knows is no failure."""
    accepted = lamb.create(attempt())
    settled(lamb, accepted)
    admin.force("status", fault)
    state = lamb.status(accepted.generation_id, accepted.status_url)
    assert expected is type(state)
    if isinstance(state, Completed):
        assert state.cost is None


@pytest.mark.parametrize(("fault", "charged"), [("failed", False), ("failed_charged", True), ("moderated", False)])
def test_a_failed_generation_says_what_it_cost(admin, lamb, fault, charged) -> None:
    """A failure may be charged all the same; the vendor's own number says so."""
    admin.force("generation", fault)
    state = settled(lamb, lamb.create(attempt()))
    assert (Failed, charged) == (type(state), bool(state.cost))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("expired", Expired), ("truncated", Broken), ("short", Broken), ("corrupt", Broken), ("error_500", Unavailable),
     ("drop", Unavailable), ("slow", Broken), ("html", Broken)],
)  # fmt: skip
def test_every_fault_of_a_download_heals(admin, lamb, tmp_path, fault, expected) -> None:
    """After each the same call again has the whole clip."""
    state = settled(lamb, lamb.create(attempt()))
    admin.force("content", fault)
    part = tmp_path / "a.part"
    answer = lamb.download(state.url, part, state.sha256)
    assert expected is type(answer)
    assert isinstance(lamb.download(state.url, part, state.sha256), Downloaded)
    assert probe(part).frames == 120


def test_a_short_film_without_a_sum_is_found_by_looking(admin, lamb, tmp_path) -> None:
    """A truncated file, honestly announced and without a SHA-256, is no film."""
    state = settled(lamb, lamb.create(attempt()))
    admin.force("content", "short")
    assert isinstance(lamb.download(state.url, tmp_path / "a.part"), Downloaded)
    with pytest.raises(NotAFilm):
        probe(tmp_path / "a.part")


@pytest.mark.parametrize("fault", ["error_500", "drop"])
def test_a_lookup_that_breaks_proves_nothing(admin, lamb, fault) -> None:
    """A look-up that fails is not an empty one."""
    request = attempt()
    lamb.create(request)
    admin.force("lookup", fault)
    assert Unavailable is type(lamb.lookup(request.idempotency_key, request.job_id))
    assert lamb.lookup(request.idempotency_key + "x", request.job_id) == []


def test_a_wrong_key_stops(sandbox, admin, make_sheep) -> None:
    """The sandbox refuses a key that is not its own, for every call."""
    sheep = make_sheep(sandbox.url, api_key="wrong")
    answers = [sheep.create(attempt()), sheep.status("g", None), sheep.lookup("k", new_id())]
    assert [(answer.reason, isinstance(answer, Stopped)) for answer in answers] == [("key", True)] * 3


@pytest.mark.parametrize("form", ["seconds", "fraction", "http-date", "missing"])
def test_a_429_is_read_in_each_form(sandbox, admin, lamb, form) -> None:
    """Seconds, broken ones, a date, or nothing: the wait is read, or unknown."""
    admin.configure(rate=0.5, burst=1, retry_after_form=form)
    answers = [lamb.create(attempt()) for _ in range(2)]
    admin.configure(rate=0.0, retry_after_form="seconds")
    assert (Accepted, Throttled) == tuple(map(type, answers))
    wait = answers[1].retry_after
    assert (wait is None) == (form == "missing")
    assert wait is None or 0 <= wait <= 3
