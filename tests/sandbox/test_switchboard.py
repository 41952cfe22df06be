"""The meter and the switches of whoever runs a test."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import requests

from overcrank.sandbox import KNOWN, SandboxAdmin

from .talk import Talker


def test_the_meter_knows_every_charge(talker: Talker) -> None:
    """A charge says for what, for whom, how much and when."""
    talker.create("a", job_id="job-1", duration=2, fps=60)
    charge = talker.sandbox.meter()["charges"][0]
    assert tuple(
        charge[name] for name in ("idempotency_key", "job_id", "amount_micros", "fps", "duration", "resolution", "end")
    ) == ("a", "job-1", 705_000, 60, 2.0, "1920x1080", "completed")


def test_the_meter_finds_what_was_paid_twice(talker: Talker) -> None:
    """A job with two charges is named; a free failure and a replay are no charges."""
    talker.sandbox.force("generation", "failed")
    for key, job_id in (("a", "job-1"), ("b", "job-1"), ("b", "job-1"), ("c", "job-2"), ("d", "job-2")):
        talker.create(key, job_id=job_id)
    meter = talker.sandbox.meter()
    assert (
        meter["double_paid"],
        meter["paid"],
        meter["accepted"],
        meter["total_micros"],
    ) == (["job-2"], 3, 4, 528_750)


def test_the_meter_counts_calls(talker: Talker) -> None:
    """Every call is counted under its kind, also one that is refused."""
    url = talker.video_url(job_id="job-1")
    talker.get(url)
    talker.get("/v1/video", job_id="job-1")
    talker.create(fps=1)
    meter = talker.sandbox.meter()
    assert meter["calls"] == {"create": 2, "status": 1, "lookup": 1, "content": 1}
    assert (
        meter["creates"],
        meter["rejected"],
        [status for _, status in meter["creates_log"]],
    ) == (2, {"invalid_request": 1}, [200, 422])


def test_a_summary_has_no_lists_of_generations(talker: Talker) -> None:
    """The totals alone stay small however much was generated."""
    talker.get(talker.video_url())
    talker.made()
    summary = talker.sandbox.meter(summary=True)
    assert (summary["delivered"], summary["undelivered"]) == (1, 1)
    assert {"charges", "creates_log"} - summary.keys() == {"charges", "creates_log"}


def test_windows_are_cut_at_multiples_of_their_length(talker: Talker) -> None:
    """A charge falls into the window of its acceptance; free failures are left out."""
    talker.sandbox.force("generation", "failed")
    for _ in range(3):
        talker.create()
    expected: dict[int, dict[str, int]] = {}
    for charge in talker.sandbox.meter()["charges"]:
        if charge["amount_micros"]:
            window = expected.setdefault(math.floor(charge["at"] / 0.005), {"accepted": 0, "micros": 0})
            window["accepted"] += 1
            window["micros"] += charge["amount_micros"]
    assert expected == talker.sandbox.windows(0.005)
    assert sum(window["accepted"] for window in expected.values()) == 2


def test_the_behaviour_can_be_changed_while_it_runs(talker: Talker) -> None:
    """A changed field holds from the next call on."""
    assert talker.sandbox.configure(rate=0.001, burst=1, faults={"submit": {"error_500": 1}})["burst"] == 1
    assert [talker.create().status_code for _ in range(2)] == [500, 429]
    talker.sandbox.configure(rate=0, faults={})
    assert talker.create().status_code == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"rat": 1}, "did you mean 'rate'"), ({"rate": "x"}, "rate: 'x'"), ({"port": 1}, "port: cannot be changed")],
)
def test_a_wrong_change_is_refused_whole(talker: Talker, changes: dict[str, object], words: str) -> None:
    """A wrong field is named, and nothing else of the change is taken."""
    with pytest.raises(ValueError, match=words):
        talker.sandbox.configure(**{"burst": 7, **changes})
    assert requests.get(talker.sandbox.url + "/sandbox/config", timeout=5).json()["burst"] == 1


def test_a_reset_is_a_fresh_start(start: Callable[..., Talker]) -> None:
    """After a reset nothing was generated, nothing is forced, and the first configuration holds again."""
    talker = start(rate=0.001, burst=1)
    generation_id = talker.made()
    talker.sandbox.configure(api_key="other")
    talker.sandbox.force("status", "drop", 5)
    talker.sandbox.reset()
    meter = talker.sandbox.meter()
    assert (meter["total_micros"], meter["calls"]["create"], meter["charges"]) == (0, 0, [])
    assert [talker.status(generation_id).status_code, talker.create().status_code] == [404, 200]


def test_the_faults_can_be_listed(talker: Talker) -> None:
    """The catalogue, the plan and what is forced can be read."""
    talker.sandbox.force("status", "drop", 2)
    answer = requests.get(talker.sandbox.url + "/sandbox/faults", timeout=5).json()
    assert answer["forced"] == {"status": ["drop", "drop"]}
    assert {stage: list(names) for stage, names in KNOWN.items()} == answer["known"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sandbox/faults", '{"stage": "submit", "fault": "drop"}'),
        ("/sandbox/faults", '{"stage": "submit", "fault": "hang", "count": -1}'),
        ("/sandbox/faults", "[]"),
        ("/sandbox/configure", "{"),
    ],
)
def test_a_wrong_switch_is_a_400_with_the_reason(talker: Talker, path: str, body: str) -> None:
    """A mistake of the one who tests is told, not ignored."""
    answer = requests.post(talker.sandbox.url + path, data=body, timeout=5)
    assert (answer.status_code, bool(answer.json()["error"]["message"])) == (400, True)


@pytest.mark.parametrize("seconds", ["", "x", "0", "-1", "inf", "nan"])
def test_a_window_has_a_length(talker: Talker, seconds: str) -> None:
    """Windows of no length are refused."""
    url = f"{talker.sandbox.url}/sandbox/meter/windows?seconds={seconds}"
    assert requests.get(url, timeout=5).status_code == 400


def test_an_unknown_path_is_a_404(talker: Talker) -> None:
    """What is not there says so, for every method."""
    url = talker.sandbox.url
    answers = [
        requests.get(url + "/nothing", timeout=5),
        requests.get(url + "/v1/video/generate", timeout=5),
        requests.head(url + "/healthz", timeout=5),
        requests.post(url + "/v1/video/status/gen_1", timeout=5),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


def test_another_process_can_read_the_meter(talker: Talker) -> None:
    """All that the sandbox object can do works over its URL too."""
    admin = SandboxAdmin(talker.sandbox.url + "/")
    talker.create()
    assert (admin.healthy(), admin.meter(summary=True)["accepted"]) == (True, 1)
