"""What status and look-up calls ask, and what is made of the answers."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.clip import Clip
from overcrank.errors import ConfigError
from overcrank.providers.base import (
    Accepted,
    Completed,
    CreateRequest,
    Failed,
    Found,
    InDoubt,
    Missing,
    Running,
    Stopped,
    Unavailable,
)
from overcrank.providers.holysheep import HolySheep
from overcrank.providers.http import Reply
from overcrank.providers.redact import clean
from overcrank.settings import ProviderSettings, Settings

KEY = "hs-very-secret-key-0123456789"
JOB = "0192f0c1-2b3c-7d4e-8f50-0123456789ab"
SHA = "ab" * 32


def test_the_status_is_asked_at_its_own_path(vendor, sheep) -> None:
    """An id goes into the path quoted, so that it can not lead elsewhere."""
    vendor.says(200, {"status": "queued"})
    sheep.status("a/../b?c\n", None)
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("GET", "/v1/video/status/a%2F..%2Fb%3Fc%0A")
    assert f"Bearer {KEY}" == vendor.asked[0].headers["authorization"]


def test_a_stored_status_url_is_checked_again(vendor, sheep, make_vendor) -> None:
    """A status URL of the vendor's own is asked; another host never gets the key."""
    other = make_vendor()
    vendor.says(200, {"status": "queued"}).says(200, {"status": "queued"})
    sheep.status("g", vendor.url + "/own/g")
    sheep.status("g", other.url + "/own/g")
    assert ([asked.path for asked in vendor.asked], other.asked) == (["/own/g", "/v1/video/status/g"], [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"id": "g", "status": "queued"}, Running()),
        ({"id": "g", "status": "processing", "progress": 41.5, "eta_seconds": 3}, Running(41.5, 3.0)),
        ({"status": "processing", "progress": 400}, Running(100.0)),
        ({"status": "processing", "progress": -3}, Running(0.0)),
        ({"status": "processing", "progress": "half"}, Running()),
        ({"status": "upscaling"}, Running()),
        ({"status": ["completed"]}, Running()),
        ({}, Running()),
        ({"id": "other", "status": "failed"}, Unavailable("the vendor's status is another generation's")),
        (
            {"id": "g", "status": "completed", "video_url": "https://x/y", "sha256": SHA.upper(), "cost_usd": 3.8925},
            Completed("https://x/y", SHA, 3_892_500),
        ),
        ({"status": "completed", "video_url": "https://x/y"}, Completed("https://x/y")),
        ({"status": "completed", "video_url": "u", "sha256": "no", "cost_usd": -1}, Completed("u")),
        ({"status": "completed"}, Unavailable("the vendor says completed and does not say where the clip is")),
        (
            {"status": "failed", "error": {"code": "nsfw", "message": "no"}, "cost_usd": 0.0},
            Failed("nsfw", "no", 0),
        ),
        ({"status": "failed"}, Failed("failed", "the vendor gave no reason")),
        ({"status": "failed", "error": "broken"}, Failed("failed", "broken")),
        (
            {"status": "failed", "cost_usd": "free"},
            Failed("failed", "the vendor gave no reason; the vendor's cost can not be read: free"),
        ),
    ],
)
def test_a_status_is_read_in_our_words(vendor, sheep, said, expected) -> None:
    """Unknown words mean still running; what can not be right is left out; nothing is guessed."""
    vendor.says(200, said)
    assert expected == sheep.status("g", None)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ("3.8925", 3_892_500), ("0.1", 100_000), ("1.0000005", 1_000_001), ("19", 19_000_000), ('"1.90"', 1_900_000),
        ("0.30000000000000000000001", 300_000), ("-0.0", 0), ("1e-400", 0),
        ("NaN", None), ("Infinity", None), ("-Infinity", None), ("1e400", None), ("1e9999999999", None), ("-1", None),
        ("true", None), ("[1]", None), ('"lots"', None), ('"NaN"', None), ("9" * 30, None), ("null", None),
    ],
)  # fmt: skip
def test_a_cost_is_exact_or_unknown(vendor, sheep, cost, expected) -> None:
    """Costs are read as they were printed, to the micro-dollar; nonsense is no cost."""
    vendor.says(200, f'{{"status": "completed", "video_url": "u", "cost_usd": {cost}}}'.encode())
    assert Completed("u", None, expected) == sheep.status("g", None)


@pytest.mark.parametrize("ask", ["status", "lookup"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, Unavailable), (500, Unavailable), (503, Unavailable), (302, Unavailable), (204, Unavailable),
     (400, Unavailable), (401, Stopped), (403, Stopped), (402, Stopped)],
)  # fmt: skip
def test_a_question_is_answered_or_not(vendor, sheep, ask, status, expected) -> None:
    """Everything but a whole answer means: ask again; a bad key or an empty account stops."""
    vendor.says(status, b"{}", Retry_After="3", Location="/x")
    answer = sheep.status("g", None) if ask == "status" else sheep.lookup("key", JOB)
    assert expected is type(answer)
    if isinstance(answer, Unavailable):
        assert answer.retry_after == 3.0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"nul", b'{"a":'])
def test_a_status_that_is_no_object_is_no_answer(vendor, sheep, body) -> None:
    """What is not a JSON object says nothing about the generation."""
    vendor.says(200, body)
    assert Unavailable("the vendor's status is not a JSON object") == sheep.status("g", None)


def test_a_generation_nobody_knows_is_missing(vendor, sheep) -> None:
    """A 404 is the vendor's own word that there is none."""
    vendor.says(404, {"error": {"code": "not_found", "message": "no such video"}})
    assert Missing("the vendor answered 404 (not_found no such video)") == sheep.status("g", None)


def test_a_lookup_asks_by_the_key(vendor, sheep) -> None:
    """The key travels quoted, and each of our generations is found once; what says nothing of us is not ours."""
    mine = {"id": "g1", "job_id": JOB, "status": "processing", "status_url": vendor.url + "/s/g1"}
    paid = {
        "id": 2,
        "idempotency_key": "a&b=c",
        "status": "completed",
        "cost_usd": 1.9,
        "status_url": "http://evil.example/",
    }
    other = {"id": "g3", "job_id": "another", "status": "completed"}
    unnamed = {"id": "g4", "status": "processing"}
    vendor.says(200, {"data": [unnamed, mine, mine, paid, other]})
    expected = [Found("g1", vendor.url + "/s/g1", Running()), Found("2", None, Running())]
    assert expected == sheep.lookup("a&b=c", JOB)
    assert vendor.asked[0].path == "/v1/video?idempotency_key=a%26b%3Dc"


def test_an_empty_lookup_found_nothing(vendor, sheep) -> None:
    """An empty list is the one proof that the create never arrived."""
    vendor.says(200, {"data": []})
    assert sheep.lookup("key", JOB) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": ["g"]},
        {"data": [{"status": "completed"}]},
        {"data": [{"id": "somebody-elses", "status": "processing"}]},
        [],
        b"oops",
    ],
)
def test_a_lookup_that_can_not_be_read_is_no_proof_of_nothing(vendor, sheep, body) -> None:
    """Only a whole, readable answer may lead to paying again."""
    vendor.says(200, body)
    assert Unavailable is type(sheep.lookup("key", JOB))


def test_a_lookup_that_does_not_exist_is_no_proof_of_nothing(vendor, sheep) -> None:
    """A 404 to a look-up says that there is no such call, not that there is no such clip."""
    vendor.says(404, {"data": []})
    assert Unavailable is type(sheep.lookup("key", JOB))


def test_what_the_vendor_can_not_do_is_not_asked(vendor, make_sheep) -> None:
    """With the look-up switched off nothing is sent, and the capabilities say so."""
    sheep = make_sheep(vendor.url, lookup=False, replay=False)
    assert Unavailable is type(sheep.lookup("key", JOB))
    assert (sheep.capabilities.lookup, sheep.capabilities.replay, vendor.asked) == (False, False, [])


class Canned:
    """An `Http` that always has the same reply."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    def call(self, *_: object, **__: object) -> Reply:
        """Return it."""
        return self.reply

    def close(self) -> None:
        """Nothing is open."""


def canned(reply: Reply) -> HolySheep:
    """Return an adapter that always hears the same."""
    return HolySheep(Settings(provider=ProviderSettings(api_key=KEY)), http=Canned(reply))  # type: ignore[arg-type]


words = st.sampled_from(["completed", "failed", "queued", "g", KEY, "https://x/y?signature=abc", "", "-1", "NaN", JOB])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(st.characters(), max_size=8)
names = st.sampled_from(
    ["id", "status", "status_url", "eta_seconds", "progress", "video_url", "sha256", "cost_usd", "error", "code",
     "message", "data", "job_id"]
) | st.text(max_size=4)  # fmt: skip
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=7))
bodies = anything.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
REQUEST = CreateRequest(Clip(prompt="x"), "m", JOB, "key")


@given(st.integers(100, 599), bodies, st.dictionaries(st.just("Retry-After"), st.text(max_size=10)))
def test_no_answer_to_a_create_raises_or_invents(status, body, headers) -> None:
    """Whatever comes back: an answer of ours, bought only with an id, and without the key in it."""
    answer = canned(Reply(status, headers, body)).create(REQUEST)
    assert KEY not in repr(answer) or isinstance(answer, Accepted)
    if isinstance(answer, Accepted):
        assert 200 <= status < 300
        assert 0 < len(answer.generation_id) <= 200
        assert answer.eta is None or 0 <= answer.eta < float("inf")
    elif status >= 500 or status < 400:
        assert isinstance(answer, InDoubt)


@given(st.sampled_from([200, 200, 200, 404, 429, 500]), bodies)
def test_no_answer_to_a_question_raises_or_costs_less_than_nothing(status, body) -> None:
    """Whatever comes back: an answer of ours, and no negative cost."""
    sheep = canned(Reply(status, {}, body))
    states = [sheep.status("g", "http://[")]
    found = sheep.lookup("key", JOB)
    states += [one.state for one in found] if isinstance(found, list) else [found]
    for state in states:
        if isinstance(state, Completed | Failed) and state.cost is not None:
            assert state.cost >= 0
        if isinstance(state, Failed | Missing | Unavailable | Stopped):
            assert len(state.message) <= 400
            assert state.message.isprintable()
            assert KEY not in state.message
        if isinstance(state, Running) and state.progress is not None:
            assert 0 <= state.progress <= 100


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f"bad key {KEY}!", "bad key [hidden]!"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [hidden]"),
        ("see https://u:p@x.example/a?sig=1&b=2#c now", "see https://x.example/a?… now"),
        ("path /a?X-Amz-Signature=abc&n=1", "path /a?X-Amz-Signature=[hidden]&n=1"),
        ("api_key: 'abc' is wrong", "api_key: '[hidden]' is wrong"),
        ("two\r\n  lines\x00\u202e", "two lines"),
        ("x" * 400, "x" * 299 + "…"),
        (" " * 7000 + KEY, "[hidden]"),
        (None, ""),
        (Decimal(1), ""),
    ],
)
def test_what_a_vendor_says_is_made_fit_to_show(said, expected) -> None:
    """Keys, signatures, queries and control characters do not get through, and nothing is long."""
    assert expected == clean(said, KEY)


def test_the_key_is_in_no_repr(vendor, sheep, request_, caplog) -> None:
    """Neither the adapter, nor what it holds, nor its log shows the key."""
    vendor.says(200, {"status": "completed", "video_url": "u", "cost_usd": KEY})
    with caplog.at_level("DEBUG", logger="overcrank"):
        sheep.status("g", None)
    shown = [repr(sheep), str(sheep), repr(vars(sheep)), repr(sheep._http), caplog.text]
    assert [False] * len(shown) == [KEY in text for text in shown]


@pytest.mark.parametrize("key", ["two words", "new\nline", "schlüssel", "tab\t", "hs-\u200b"])
def test_a_key_that_can_not_be_sent_stops_at_the_start(key) -> None:
    """A key with spaces or strange characters is refused without being shown."""
    with pytest.raises(ConfigError) as caught:
        HolySheep(Settings(provider=ProviderSettings(api_key=key)))
    assert key not in str(caught.value)


@pytest.mark.parametrize("host", ["https://cdn.example/x", "", "a:b", "user@host", "."])
def test_a_host_that_is_none_stops_at_the_start(host) -> None:
    """A download host has to be a host."""
    with pytest.raises(ConfigError, match="DOWNLOAD_HOSTS"):
        HolySheep(Settings(provider=ProviderSettings(download_hosts=(host,))))
