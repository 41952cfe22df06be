"""Rate, order and budget, counted by the provider and not by us."""

import time

from plant import OVERTAKING, PRICE, clip, early, fits, overtaking

from overcrank.clock import SECOND
from overcrank.lifecycle import State


def test_the_best_priority_goes_first(build):
    """With everything enqueued before a worker starts, urgent clips leave before normal ones, and bulk ones last."""
    plant = build(LIMITS__RATE=5, LIMITS__BURST=1)
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
    ended = plant.ends(list(plant.client.submit_many(clip(f"clip {n}") for n in range(60))))
    meter = plant.sandbox.meter()

    assert fits(ended, rate=10, burst=15)
    assert meter["accepted"] == 60
    assert meter["answered_429"] == 0 or overtaking(meter, ended) > OVERTAKING, meter["rejected"]


def test_a_429_holds_every_worker(build):
    """After a 429, no worker calls before the Retry-After has passed, and every job still succeeds."""
    plant = build(LIMITS__RATE=0, rate=0.1, burst=4)
    plant.worker()
    plant.worker()
    jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(16)))
    until = plant.until(lambda: plant.client.stats()["lane"]["cool_until"]) / SECOND
    plant.until(
        lambda: not plant.client.stats()["in_flight"]["submitting"]
    )  # those that were under way are refused too
    silent = time.time()
    plant.sandbox.configure(rate=4.0)
    ended = plant.ends(jobs)
    meter = plant.sandbox.meter()

    assert [job.state for job in ended] == [State.SUCCEEDED] * 16
    assert meter["answered_429"]
    assert silent < until
    assert [] == [at for at, _ in meter["creates_log"] if silent < at < until]
    assert meter["double_paid"] == []


def test_the_budget_holds_in_every_window(build):
    """No window is charged more than its cap, and at the roll-over what was held goes on, best priority first."""
    plant = build(BUDGET__CAP=3 * PRICE / 1e6, BUDGET__WINDOW=6)
    plant.worker()
    plant.worker()
    plant.run("beat", ready="beat: Starting")
    early(6)
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
    plant = build(LIMITS__CONCURRENCY=1, concurrency=1, generation_seconds=2.0)
    plant.worker("all", 4)
    bulk = list(plant.client.submit_many((clip(f"bulk {n}") for n in range(12)), priority="bulk"))
    plant.until(lambda: plant.sandbox.meter()["accepted"])
    full = 1 if plant.broker.pushes else 2  # of four slots, those that bulk jobs may take
    plant.until(lambda: plant.client.stats()["holding"] >= full)
    urgent = plant.client.submit(clip("urgent"), priority="urgent")
    plant.reaches(urgent, State.GENERATING, State.UNDELIVERED, State.SUCCEEDED)
    sent = [plant.client.get(job.id).moments.get("sent", 0) for job in bulk]

    assert sum(at > urgent.moments["created"] for at in sent) <= 1  # the slot may become free before it is in a hand


def test_twenty_urgent_clips_pass_a_thousand_bulk_ones_at_a_provider_without_a_free_slot(build):
    """Each slot that becomes free is theirs, as soon as a worker has one of their messages in its hands."""
    plant = build(LIMITS__RATE=10, LIMITS__BURST=2, LIMITS__CONCURRENCY=20, rate=10, burst=15, concurrency=20,
                  latency=0.035, generation_seconds=2.0, clips="tiny")  # fmt: skip
    for _ in range(2):
        plant.worker("all", 16, "--no-events")
    list(plant.client.submit_many((clip(f"bulk {n}") for n in range(1000)), priority="bulk"))
    plant.until(lambda: plant.sandbox.meter()["accepted"] >= 40)
    urgent = {job.id for job in plant.client.submit_many((clip(f"urgent {n}") for n in range(20)), priority="urgent")}
    present = plant.client._runtime.keys.present

    def charges() -> list[dict]:
        return sorted(plant.sandbox.meter()["charges"], key=lambda charge: charge["at"])

    plant.until(
        lambda: (
            urgent & {*plant.client._runtime.redis.zrange(present, 0, -1)}
            or urgent & {charge["job_id"] for charge in charges()}
        )
    )  # one of them is in a worker's hands
    began = plant.sandbox.meter()["accepted"]

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
