"""The create call: what it takes, what it refuses, and what it charges."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from .talk import BODY, Talker


def test_an_answer_has_the_documented_fields(start: Callable[..., Talker]) -> None:
    """A create answers with id, status, status URL and estimate."""
    talker = start(generation_seconds=15)
    answer = talker.create().json()
    url = f"{talker.sandbox.url}/v1/video/status/{answer['id']}"
    assert {"id": answer["id"], "status": "queued", "status_url": url, "eta_seconds": 15} == answer


def test_what_may_be_missing_can_be_missing(start: Callable[..., Talker]) -> None:
    """Estimate and status URL can be switched off."""
    assert {"id", "status"} == start(eta=False, status_url=False).create().json().keys()


def test_the_estimate_is_the_average_of_the_latency_table(start: Callable[..., Talker]) -> None:
    """Without a fixed generation time the estimate is the table's, scaled."""
    assert start(generation_seconds=None, latency_scale=0.5).create(fps=120).json()["eta_seconds"] == 0.95


@pytest.mark.parametrize("key", ["wrong", ""])
def test_a_wrong_key_is_refused_everywhere(talker: Talker, key: str) -> None:
    """No API call works without the right key, and nothing is bought."""
    generation_id = talker.made()
    stranger = Talker(talker.sandbox, key)
    answers = [stranger.create(), stranger.status(generation_id), stranger.get("/v1/video", job_id="a")]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert [answer.json()["error"]["code"] for answer in answers] == ["invalid_api_key"] * 3
    assert talker.sandbox.meter()["accepted"] == 1


def test_a_plain_clip_names_no_mode(talker: Talker) -> None:
    """The vendor has three modes; who names none gets a clip all the same."""
    assert 200 == talker.create(mode=None).status_code


@pytest.mark.parametrize(
    ("status", "name", "changes"),
    [
        (400, "model", {"model": None}),
        (422, "model", {"model": "other"}),
        (400, "prompt", {"prompt": None}),
        (422, "prompt", {"prompt": " "}),
        (400, "negative_prompt", {"negative_prompt": 3}),
        (400, "mode", {"mode": 3}),
        (422, "mode", {"mode": "fast"}),
        (400, "duration", {"duration": "5"}),
        (400, "duration", {"duration": True}),
        (422, "duration", {"duration": 0}),
        (422, "duration", {"duration": 60.5}),
        (422, "duration", {"duration": 0.001}),
        (422, "fps", {"fps": 23}),
        (422, "fps", {"fps": 241}),
        (400, "fps", {"fps": 29.97}),
        (422, "resolution", {"resolution": "640x480"}),
        (422, "seed", {"seed": -1}),
        (422, "seed", {"seed": 2**31}),
        (422, "guidance_scale", {"guidance_scale": 51}),
        (400, "physics_continuity", {"physics_continuity": "on"}),
        (400, "physics_continuity.power", {"physics_continuity": {"power": 1}}),
        (400, "physics_continuity.enabled", {"physics_continuity": {"enabled": 1}}),
        (422, "physics_continuity.strength", {"physics_continuity": {"strength": 1.01}}),
        (422, "physics_continuity.conservation_laws", {"physics_continuity": {"conservation_laws": ["luck"]}}),
        (422, "callback_url", {"callback_url": "ftp://x"}),
        (400, "metadata", {"metadata": []}),
        (400, "metadata.job_id", {"metadata": {"job_id": 5}}),
        (400, "fsp", {"fsp": 60}),
    ],
)
def test_a_wrong_field_is_refused_by_name(talker: Talker, status: int, name: str, changes: dict[str, Any]) -> None:
    """A wrong field is named in the error, and nothing is charged."""
    answer = talker.create(**changes)
    error = answer.json()["error"]
    assert (status, "invalid_request", name) == (answer.status_code, error["code"], error["field"])
    assert name.rpartition(".")[2] in error["message"] or "allowed" in error["message"] or "known" in error["message"]
    assert talker.sandbox.meter()["total_micros"] == 0


@pytest.mark.parametrize("body", ["{", "[]", '{"seed": NaN}', "\xff"])
def test_a_body_that_is_no_json_object_is_refused(talker: Talker, body: str) -> None:
    """A body is a JSON object or it is refused."""
    url = talker.sandbox.url + "/v1/video/generate"
    answer = requests.post(url, data=body.encode("latin-1"), headers=talker.headers, timeout=5)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "body")


@pytest.mark.parametrize("resolution", ["1280x720", "1920x1080", "3840x2160", "720p", "1080p", "4K"])
def test_every_resolution_is_taken(talker: Talker, resolution: str) -> None:
    """Pixels and names are both understood."""
    assert talker.create(resolution=resolution).status_code == 200


@pytest.mark.parametrize("prompt", ["a forbidden thing", "GORE everywhere"])
def test_a_prompt_may_be_against_the_policy(talker: Talker, prompt: str) -> None:
    """A word of the list makes the vendor refuse, free of charge."""
    answer = talker.create(prompt=prompt)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "content_policy")
    assert talker.sandbox.meter()["total_micros"] == 0


@pytest.mark.parametrize(
    ("fields", "changes", "micros"),
    [
        ({}, {}, 176_250),
        ({}, {"duration": 5, "fps": 120, "physics_continuity": {"enabled": True, "strength": 0.85}}, 3_892_500),
        ({}, {"physics_continuity": {"enabled": False, "strength": 1}}, 150_000),
        ({}, {"physics_continuity": None}, 150_000),
        ({"price": "table"}, {"duration": 5, "fps": 120}, 1_900_000),
        ({"price": "table", "price_factor": 1.1}, {"duration": 5, "fps": 120, "resolution": "4K"}, 4_180_000),
    ],
)
def test_the_bill_follows_the_price_list(
    start: Callable[..., Talker], fields: dict[str, Any], changes: dict[str, Any], micros: int
) -> None:
    """What the status says, what the meter says and the price list agree to the micro-dollar."""
    talker = start(**fields)
    cost = talker.status(talker.made(**changes)).json()["cost_usd"]
    assert (micros, micros) == (round(cost * 1_000_000), talker.sandbox.meter()["total_micros"])


def test_a_replay_returns_the_first_answer_and_buys_nothing(start: Callable[..., Talker]) -> None:
    """The same key and body cost neither money, nor a slot, nor a token."""
    talker = start(rate=0.001, burst=1, concurrency=1, generation_seconds=60)
    first, second = talker.create("a"), talker.create("a")
    assert first.json() == second.json()
    meter = talker.sandbox.meter()
    assert (meter["accepted"], meter["replayed"], meter["in_flight"], meter["total_micros"]) == (1, 1, 1, 176_250)


def test_a_replay_may_cost_a_token(start: Callable[..., Talker]) -> None:
    """A vendor can count replays against the rate."""
    talker = start(rate=0.001, burst=1, replay_costs_token=True)
    assert [talker.create("a").status_code for _ in range(2)] == [200, 429]


def test_a_key_with_another_body_is_refused(talker: Talker) -> None:
    """A key stands for one body."""
    talker.create("a")
    answer = talker.create("a", fps=60)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "Idempotency-Key")
    assert talker.sandbox.meter()["accepted"] == 1


def test_the_order_of_fields_makes_no_other_body(talker: Talker) -> None:
    """The same fields in another order are the same body."""
    turned = dict(reversed(BODY.items()))
    headers = talker.headers | {"Idempotency-Key": "a"}
    answer = requests.post(talker.sandbox.url + "/v1/video/generate", json=turned, headers=headers, timeout=5)
    assert talker.create("a").json() == answer.json()


def test_without_replay_the_same_key_buys_twice(start: Callable[..., Talker]) -> None:
    """A vendor that ignores keys charges each create, and the meter says so."""
    talker = start(replay=False)
    ids = {talker.create("a", job_id="job-1").json()["id"] for _ in range(2)}
    meter = talker.sandbox.meter()
    assert (len(ids), meter["total_micros"], meter["double_paid"]) == (2, 352_500, ["job-1"])


def test_the_rate_is_kept(start: Callable[..., Talker]) -> None:
    """After the burst a create is refused, says when to come back, and is free."""
    talker = start(rate=0.5, burst=2)
    answers = [talker.create() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].json()["error"]["code"], answers[2].headers["Retry-After"]) == ("rate_limit_exceeded", "2")
    meter = talker.sandbox.meter()
    assert (meter["accepted"], meter["answered_429"], meter["rejected"]) == (2, 1, {"rate_limit_exceeded": 1})


def test_retry_after_comes_in_all_forms(start: Callable[..., Talker]) -> None:
    """A mixed vendor sends whole seconds, a fraction, a date, and nothing, in turn."""
    talker = start(rate=0.1, burst=1, retry_after_form="mixed")
    talker.create()
    whole, fraction, date, missing = (talker.create().headers.get("Retry-After") for _ in range(4))
    assert (whole.isdigit(), missing) == (True, None)
    assert 9 < float(fraction) < 10
    assert 8 < parsedate_to_datetime(date).timestamp() - time.time() <= 11


def test_the_number_in_flight_is_kept(start: Callable[..., Talker]) -> None:
    """With all slots taken a create is refused; when one ends the next gets through."""
    talker = start(concurrency=2, generation_seconds=30)
    assert [talker.create().status_code for _ in range(3)] == [200, 200, 429]
    refused = talker.create()
    assert refused.json()["error"]["code"] == "concurrency_limit"
    assert 28 <= int(refused.headers["Retry-After"]) <= 30
    meter = talker.sandbox.meter()
    assert (meter["accepted"], meter["in_flight"], meter["max_in_flight"]) == (2, 2, 2)


def test_the_balance_runs_out(start: Callable[..., Talker]) -> None:
    """A create that the balance does not cover is refused until it is topped up; a free failure costs nothing."""
    talker = start(balance_usd=0.2)
    talker.sandbox.force("generation", "failed")
    answers = [talker.create() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 402]
    assert answers[2].json()["error"]["code"] == "insufficient_balance"
    talker.sandbox.configure(balance_usd=1)
    assert talker.create().status_code == 200


def test_every_answer_takes_the_configured_time(start: Callable[..., Talker]) -> None:
    """Latency is added to the answer, not to the decision."""
    talker = start(latency=0.15)
    talker.create()
    answered = time.time()
    (at, status) = talker.sandbox.meter()["creates_log"][0]
    assert (status, answered - at >= 0.15) == (200, True)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate_429", 429, "rate_limit_exceeded"),
        ("concurrency_429", 429, "concurrency_limit"),
        ("error_500", 500, "internal_error"),
        ("auth_401", 401, "invalid_api_key"),
        ("balance_402", 402, "insufficient_balance"),
    ],
)
def test_a_fault_before_the_purchase_buys_nothing(talker: Talker, fault: str, status: int, code: str) -> None:
    """A refusal out of the blue is answered in the vendor's form; the next call gets through."""
    talker.sandbox.force("submit", fault)
    answer = talker.create("a")
    assert (status, code) == (answer.status_code, answer.json()["error"]["code"])
    assert talker.sandbox.meter()["accepted"] == 0
    assert talker.create("a").status_code == 200


def test_a_proxy_may_answer_with_a_page(talker: Talker) -> None:
    """A 502 comes as HTML, and nothing is bought."""
    talker.sandbox.force("submit", "html_502")
    answer = talker.create()
    assert (
        answer.status_code,
        answer.headers["Content-Type"],
        talker.sandbox.meter()["accepted"],
    ) == (502, "text/html", 0)


@pytest.mark.parametrize(
    ("fault", "bought"), [("drop_before", 0), ("drop_after", 1), ("hang", 1), ("error_500_after", 1), ("garbage", 1)]
)
def test_an_answer_may_be_lost(talker: Talker, fault: str, bought: int) -> None:
    """The caller cannot tell whether it bought; the meter can, and a re-send with the key finds out."""
    talker.sandbox.force("submit", fault)
    with pytest.raises((requests.ConnectionError, requests.Timeout, requests.JSONDecodeError, KeyError)):
        talker.create("a", timeout=0.2).json()["id"]
    meter = talker.sandbox.meter()
    assert (bought, bought) == (meter["accepted"], len(meter["charges"]))
    talker.create("a")
    assert (1, {f"submit.{fault}": 1}) == (talker.sandbox.meter()["paid"], talker.sandbox.meter()["faults"])


def test_a_slow_answer_is_bought_at_once(start: Callable[..., Talker]) -> None:
    """The purchase happens when the call arrives, however late the answer is."""
    talker = start(faults={"slow_seconds": 0.3})
    talker.sandbox.force("submit", "slow")
    with pytest.raises(requests.Timeout):
        talker.create("a", timeout=0.1)
    assert talker.sandbox.meter()["accepted"] == 1


def test_an_answer_may_lack_its_id(talker: Talker) -> None:
    """A bought create may answer without saying what was bought."""
    talker.sandbox.force("submit", "missing_id")
    answer = talker.create("a")
    assert (answer.status_code, answer.json()) == (200, {"status": "queued"})
    assert talker.create("a").json()["id"] == talker.sandbox.meter()["charges"][0]["id"]


def test_a_throttled_call_meets_no_fault(start: Callable[..., Talker]) -> None:
    """Faults wait for a call that would have got through, so timing does not move them."""
    talker = start(rate=0.001, burst=1)
    talker.create()
    talker.sandbox.force("submit", "drop_after")
    assert [talker.create().status_code for _ in range(2)] == [429, 429]


def test_the_same_keys_meet_the_same_faults_and_ids(start: Callable[..., Talker]) -> None:
    """Two runs with the same seed and keys go the same way."""

    def run() -> list[Any]:
        talker = start(seed=5, faults={"submit": {"error_500": 0.4, "missing_id": 0.2}, "generation": {"failed": 0.5}})
        return [(answer.status_code, answer.json().get("id")) for answer in (talker.create(f"k{n}") for n in range(12))]

    first = run()
    assert first == run()
    assert {200, 500} == {status for status, _ in first}
