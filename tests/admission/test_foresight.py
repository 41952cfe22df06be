"""Looking ahead: calibration, burn rate, estimates; and what people are told at once."""

import base64
import hashlib
import hmac
import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.admission.alarm import sign
from overcrank.admission.calibration import Calibration, quantile
from overcrank.admission.gate import Admitted, Parked
from overcrank.clip import Clip, Priority
from overcrank.clock import SECOND
from overcrank.job import Job
from overcrank.runtime import Runtime

Make, Admit = Callable[..., Runtime], Callable[..., Job]
CLIP = Clip(prompt="x")


@given(st.dictionaries(st.integers(100, 1000), st.integers(1, 50), min_size=1), st.integers(50, 100))
def test_a_quantile_covers_what_it_says(counts: dict[int, int], percent: int) -> None:
    """So many percent of all are at it or below, and not at any smaller one."""
    found, total = quantile(counts, percent), sum(counts.values())
    assert sum(count for step, count in counts.items() if step <= found) * 100 >= total * percent
    assert sum(count for step, count in counts.items() if step < found) * 100 < total * percent


def noted(runtime: Runtime, *costs: int) -> Calibration:
    """Return what remembers that a clip of 1000 was charged so much each time."""
    for cost in costs:
        runtime.calibration.note(CLIP, 1000, cost, 5.0)
    fresh = Calibration(runtime.redis, runtime.keys, runtime.settings.budget, runtime.settings.provider.model)
    runtime.redis.expire(runtime.keys.ratios, 60)
    return fresh


def test_reservations_follow_what_the_vendor_charges(make: Make) -> None:
    """Where it charges half as much again, that is what is reserved; other shapes keep their price."""
    fresh = noted(make(), *[1500] * 30)
    assert (1500, 1000) == (fresh.amount(CLIP, 1000), fresh.amount(Clip(prompt="x", fps=30), 1000))


@pytest.mark.parametrize(
    ("costs", "reserved"),
    [
        ([1500] * 19, 1000),
        ([600] * 30, 1000),
        ([1000] * 97 + [2000] * 3, 1000),
        ([9000] * 30, 3000),
        ([1000] * 30, 1000),
    ],
)
def test_a_reservation_is_bounded(make: Make, costs: list[int], reserved: int) -> None:
    """Too few charges do not count, cheap ones lower nothing, rare ones raise nothing, and three times is the most."""
    assert reserved == noted(make(), *costs).amount(CLIP, 1000)


def test_what_is_remembered_is_bounded_and_fades(make: Make) -> None:
    """After many charges at the price, dear ones of long ago no longer count."""
    runtime = make()
    fresh = noted(runtime, *[2000] * 60, *[1000] * 2600)
    assert 1000 == fresh.amount(CLIP, 1000)
    assert runtime.redis.hlen(runtime.keys.ratios) <= 3


def test_calibration_can_be_switched_off(make: Make) -> None:
    """Then the price is what is reserved."""
    assert 1000 == noted(make(budget={"calibrate": False}), *[1500] * 30).amount(CLIP, 1000)


def test_the_burn_rate_is_a_mean_of_what_was_spent(make: Make, admit: Admit) -> None:
    """A dollar in the last ten seconds, told from one tick to the next; the rest of the room lasts so long."""
    runtime = make(budget={"cap": 100})
    runtime.ledger.tick()
    runtime.redis.hincrby(runtime.keys.books, "burn_at", -10 * SECOND)
    runtime.ledger.settle(admit(runtime, 1_000_000), 1_000_000)
    runtime.ledger.tick()
    outlook = runtime.foresight.outlook()
    assert 11_000_000 < outlook.burn < 12_100_000  # 360 $/h at the weight of ten seconds in five minutes
    assert outlook.lasts == pytest.approx(99_000_000 / outlook.burn * 3600)
    assert (0, 0, 99_000_000) == (outlook.committed, outlook.waiting, outlook.room)


def test_an_estimate_says_what_when_and_whether(make: Make, enter: Admit) -> None:
    """Three clips of 4 $ behind two of 4 $ that wait, two to a window of 10 $: the second and third window."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 10})
    for _ in range(2):
        enter(runtime, 4_000_000)
    window = runtime.ledger.window()
    found = runtime.foresight.estimate([(CLIP, 4_000_000)] * 3)
    left = (window.end - runtime.jobs.now()) / SECOND
    assert (12_000_000, 12_000_000, 3, "budget", True, True) == (
        found.cost, found.reserved, found.windows, found.limit, found.fits_budget, found.meets_deadline
    )  # fmt: skip
    assert found.starts_in == pytest.approx(left, abs=2)
    assert found.all_started_in == pytest.approx(left + 3600, abs=2)
    soon = Clip(prompt="x", deadline=datetime.now(UTC) + timedelta(seconds=1))
    assert not runtime.foresight.estimate([(soon, 4_000_000)] * 3).meets_deadline
    assert not runtime.foresight.estimate([(CLIP, 11_000_000)]).fits_budget
    assert json.dumps(found.as_dict())


def test_an_estimate_knows_rate_slots_and_projects(make: Make, admit: Admit) -> None:
    """Whatever is slowest decides; a project's cap counts for whether it fits."""
    runtime = make(limits={"rate": 2, "burst": 2, "concurrency": 0}, budget={"cap": 1000, "projects": {"film": 3}})
    assert ("rate", 4.5) == _limit(runtime, 10)
    runtime.lane.set(rate=0, concurrency=2)
    assert ("slots", 240.0) == _limit(runtime, 10)
    assert not runtime.foresight.estimate([(Clip(prompt="x", project="film"), 4_000_000)]).fits_budget
    assert ("now", 0.0) == _limit(runtime, 1)


def _limit(runtime: Runtime, count: int) -> tuple[str, float]:
    found = runtime.foresight.estimate([(CLIP, 1)] * count)
    return found.limit, found.all_started_in


def test_a_dry_run_counts_what_a_cap_would_let_through(make: Make, enter: Admit) -> None:
    """In the order of the line, strictly, and nothing is changed."""
    runtime = make(budget={"cap": 100})
    for quote in (4, 4, 4, 9, 1):
        enter(runtime, quote * 1_000_000)
    assert {"admitted": 2, "admitted_usd": "8.00", "windows": 3, "never": 0, "waiting": 5}.items() <= (
        runtime.foresight.would(10_000_000).items()
    )
    assert {"admitted": 1, "windows": 3, "never": 1}.items() <= runtime.foresight.would(5_000_000).items()
    assert 100_000_000 == runtime.caps.of("lane/window")


def test_a_dry_run_reserves_what_the_gate_would(make: Make, enter: Admit) -> None:
    """Twice the price where the vendor charges twice the price: half as many fit."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 100})
    runtime.calibration = noted(runtime, *[2000] * 30)
    jobs = [enter(runtime, 1_000_000) for _ in range(12)]
    assert {"admitted": 5, "admitted_usd": "10.00", "windows": 3}.items() <= runtime.foresight.would(10_000_000).items()
    runtime.caps.set("lane/window", 10_000_000)
    assert 5 == sum(isinstance(runtime.gate.admit(job), Admitted) for job in jobs)


def test_an_estimate_asks_a_project_for_the_whole_batch(make: Make, enter: Admit) -> None:
    """Two of three fit its window, and of its day's cap the fourth is above; what is parked goes first."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 100, "projects": {"film": 2}})
    film = (Clip(prompt="x", project="film"), 1_000_000)
    found = runtime.foresight.estimate([film] * 3)
    assert ("project-budget", 2, True) == (found.limit, found.windows, found.fits_budget)
    runtime.caps.set("project:film/day", 3_000_000)
    assert ("project-day", True) == (
        (later := runtime.foresight.estimate([film] * 4)).limit, later.all_started_in > found.all_started_in
    )  # fmt: skip
    runtime.caps.pause("project:film", "audit")
    assert isinstance(runtime.gate.admit(enter(runtime, 1_500_000, project="film", priority="urgent")), Parked)
    assert 2 == runtime.foresight.estimate([film]).windows
    assert 1 == runtime.foresight.would(100_000_000)["waiting"]


def test_an_estimate_knows_the_share_that_is_kept(make: Make) -> None:
    """Bulk has six of ten dollars, urgent jobs all ten; what is dearer than the rest never starts."""
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget={"cap": 10, "urgent_share": 40})
    bulk = (Clip(prompt="x", priority="bulk"), 4_000_000)
    urgent = (Clip(prompt="x", priority="urgent"), 4_000_000)
    found = runtime.foresight.estimate([bulk] * 2)
    assert ("urgent-share", 2, True) == (found.limit, found.windows, found.fits_budget)
    assert 1 == runtime.foresight.estimate([urgent] * 2).windows
    assert 1 == runtime.foresight.estimate([urgent]).windows
    never = runtime.foresight.estimate([(bulk[0], 7_000_000)])
    assert (False, False) == (never.fits_budget, never.meets_deadline)


@pytest.mark.parametrize("seed", range(6))
def test_a_dry_run_says_what_the_gate_does(make: Make, enter: Admit, seed: int) -> None:
    """Any line and any caps: as many are let through as were foretold."""
    chance = random.Random(seed)
    cap = chance.randint(10, 60)
    budget = {"cap": cap / 1e6, "day_cap": chance.choice([None, 40 / 1e6]), "urgent_share": chance.choice([0, 0, 30]),
              "project_cap": chance.choice([None, 15 / 1e6])}  # fmt: skip
    runtime = make(limits={"rate": 0, "concurrency": 0}, budget=budget)
    jobs = [
        enter(
            runtime, chance.randint(1, 9), project=chance.choice(["film", "book"]), priority=chance.choice([*Priority])
        )
        for _ in range(12)
    ]
    foretold = runtime.foresight.would(cap)
    answers = []
    for _ in range(2):
        for job in sorted(jobs, key=lambda job: int(runtime.redis.hget(runtime.keys.job(job.id), "score"))):
            answers.append(runtime.gate.admit(runtime.jobs.get(job.id)))
    admitted = {job.id for job in jobs if runtime.jobs.get(job.id).state == "admitted"}
    assert (len(admitted), 0) == (foretold["admitted"], foretold["never"])


def test_who_waits_beyond_those_looked_at_counts_like_the_mean(make: Make, enter: Admit) -> None:
    """A hundred thousand jobs are not read one by one, and are not forgotten either."""
    runtime = make(budget={"cap": 10})
    for _ in range(5):
        enter(runtime, 4_000_000)
    assert {"waiting": 5, "windows": 3, "admitted": 2}.items() <= runtime.foresight.would(10_000_000, most=2).items()


@pytest.fixture
def hook() -> tuple[str, list[tuple[dict[str, str], bytes]]]:
    """An address that keeps what it is sent."""
    kept: list[tuple[dict[str, str], bytes]] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(503 if len(kept) == 1 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Keeper)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", kept
    server.shutdown()


def test_a_threshold_is_told_once_by_log_channel_and_signed_webhook(make: Make, admit: Admit, hook) -> None:
    """Whoever knows the secret can check it; a refusal is tried again with the same id."""
    url, kept = hook
    secret = "whsec_" + base64.b64encode(b"a secret").decode()
    runtime = make(budget={"cap": 1, "warn_at": (50,), "alert_url": url, "alert_secret": secret})
    runtime.ledger.settle(admit(runtime, 600_000), 600_000)
    runtime.ledger.tick()
    runtime.ledger.tick()
    runtime.alarms._waiting.join()
    (first, _), (headers, body) = kept
    assert first["webhook-id"] == headers["webhook-id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(b"a secret", signed, hashlib.sha256).digest()).decode()
    assert f"v1,{digest}" == headers["webhook-signature"]
    told = json.loads(body)
    assert ("budget.threshold", 50, "0.60") == (told["type"], told["data"]["percent"], told["data"]["spent_usd"])


def test_a_dead_webhook_holds_up_nothing(make: Make) -> None:
    """Telling returns at once, however many wait."""
    runtime = make(budget={"alert_url": "http://127.0.0.1:9/"})
    for _ in range(300):
        runtime.alarms.tell("test", "text")
    assert runtime.alarms._waiting.qsize() <= 100


def test_any_text_is_a_secret() -> None:
    """Standard Webhooks' own form, or just text."""
    assert sign("plain", "m", 1, b"x") != sign("whsec_cGxhaW4h", "m", 1, b"x")
    assert sign("whsec_not base64", "m", 1, b"x").startswith("v1,")
