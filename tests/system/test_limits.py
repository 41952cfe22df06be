"""Rate, order and budget, counted by the provider and not by us."""

from itertools import pairwise

from plant import PRICE, clip

from overcrank.lifecycle import State


def test_the_best_priority_goes_first(build):
    """With everything enqueued before a worker starts, urgent clips leave before normal ones, and bulk ones last."""
    plant = build(LIMITS__RATE=20, LIMITS__BURST=1)
    jobs = [
        plant.client.submit(clip(), priority=priority) for _ in range(6) for priority in ("bulk", "normal", "urgent")
    ]
    plant.worker()
    ended = plant.ends(jobs)
    order = [str(job.priority) for job in sorted(ended, key=lambda job: job.moments["sent"])]

    assert order == ["urgent"] * 6 + ["normal"] * 6 + ["bulk"] * 6


def test_two_workers_keep_one_rate(build):
    """Two workers together stay within a strict 10/s, burst 15 bucket behind latency: no call is answered 429."""
    plant = build(LIMITS__RATE=10, LIMITS__BURST=15, rate=10, burst=15, latency=0.035)
    plant.worker()
    plant.worker()
    plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(60))))
    meter = plant.sandbox.meter()

    assert (meter["accepted"], meter["answered_429"]) == (60, 0)


def test_a_429_holds_every_worker(build):
    """After a 429, no worker calls before the Retry-After has passed, and every job still succeeds."""
    plant = build(LIMITS__RATE=0, rate=4, burst=4)
    plant.worker()
    plant.worker()
    ended = plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(16))))
    meter = plant.sandbox.meter()
    refused = [at for at, status in meter["creates_log"] if status == 429]
    # the calls that were under way when the first 429 came may be refused too; after them there is silence
    flights = [at for before, at in pairwise([0.0, *refused]) if at - before > 0.5]
    quiet = [
        min((later for later, _ in meter["creates_log"] if later > at + 0.3), default=at + 9) - at for at in flights
    ]

    assert [job.state for job in ended] == [State.SUCCEEDED] * 16
    assert refused
    assert all(silence >= 0.5 for silence in quiet), quiet
    assert meter["double_paid"] == []


def test_the_budget_holds_in_every_window(build):
    """No window is charged more than its cap, and at the roll-over what was held goes on, best priority first."""
    plant = build(BUDGET__CAP=3 * PRICE / 1e6, BUDGET__WINDOW=6)
    plant.worker()
    plant.worker()
    plant.run("beat", ready="beat: Starting")
    ended = plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(8))))
    windows = plant.sandbox.windows(6)

    assert [job.state for job in ended] == [State.SUCCEEDED] * 8
    assert max(window["micros"] for window in windows.values()) == 3 * PRICE
    assert 8 * PRICE == sum(window["micros"] for window in windows.values()) == sum(job.cost or 0 for job in ended)
    assert plant.client.stats()["reserved_usd"] == "0.00"


def test_slots_bound_what_is_at_the_provider(build):
    """With two slots there are never more than two generations at the provider, and no 429 for it."""
    plant = build(LIMITS__CONCURRENCY=2, concurrency=2, generation_seconds=0.4)
    plant.worker()
    plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(8))))
    meter = plant.sandbox.meter()

    assert (meter["max_in_flight"], meter["answered_429"]) == (2, 0)


def test_an_urgent_clip_overtakes_a_full_house(build):
    """An urgent clip that comes when every slot of the worker holds a bulk one is the next to be sent."""
    plant = build(LIMITS__CONCURRENCY=1, concurrency=1, generation_seconds=1.0)
    plant.worker("all", 4)
    bulk = list(plant.client.submit_many((clip(f"bulk {n}") for n in range(12)), priority="bulk"))
    plant.reaches(bulk[0], State.GENERATING)
    plant.until(lambda: plant.client.stats()["holding"] >= 2)
    urgent = plant.client.submit(clip("urgent"), priority="urgent")
    plant.reaches(urgent, State.GENERATING, State.UNDELIVERED, State.SUCCEEDED)
    begun = [job for job in bulk if "sent" in plant.client.get(job.id).moments]

    assert len(begun) <= 2


def test_twenty_urgent_clips_pass_a_thousand_bulk_ones_at_a_provider_without_a_free_slot(build):
    """Each slot that becomes free is theirs, as soon as a worker has one of their messages in its hands."""
    plant = build(LIMITS__RATE=10, LIMITS__BURST=2, LIMITS__CONCURRENCY=20, rate=10, burst=15, concurrency=20,
                  latency=0.035, generation_seconds=2.0, clips="tiny")  # fmt: skip
    for _ in range(2):
        plant.worker("all", 16, "--no-events")
    list(plant.client.submit_many((clip(f"bulk {n}") for n in range(1000)), priority="bulk"))
    plant.until(lambda: plant.sandbox.meter()["accepted"] >= 40)
    began = plant.sandbox.meter()["accepted"]
    urgent = {job.id for job in plant.client.submit_many((clip(f"urgent {n}") for n in range(20)), priority="urgent")}

    def charges() -> list[dict]:
        return sorted(plant.sandbox.meter()["charges"], key=lambda charge: charge["at"])

    plant.until(lambda: urgent <= {charge["job_id"] for charge in charges()}, plant.logs)
    order = [charge["job_id"] in urgent for charge in charges()][began:]
    last = len(order) - order[::-1].index(True)

    assert order[:last].count(False) <= 4, order
    assert plant.sandbox.meter()["max_in_flight"] <= 20


def test_flowers_button_changes_the_lane(build):
    """Celery's `rate_limit` remote control changes the limit that the gate keeps over all workers."""
    plant = build(LIMITS__RATE=5, LIMITS__BURST=2)
    plant.worker()
    answers = plant.client.celery.control.rate_limit("overcrank.generate", "50/s", reply=True, timeout=5)

    assert [next(iter(a.values())) for a in answers] == [{"ok": "new rate limit set, for all workers together"}]
    assert plant.client.stats()["lane"]["rate"] == 50.0
