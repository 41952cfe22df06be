"""What a day's work leaves on the server: nothing that stays without a place of its own, and nothing that grows."""

from contextlib import suppress

from leaks import leaks
from plant import clip

from overcrank.errors import TooLate

IN_FLIGHT = ("holders", "present", "quotes", "slots", "open", "due", "unsent", "parks")


def test_nothing_stays_that_has_no_place(build):
    """Clips that succeed, fail, are lost, throttled, parked, cancelled: every key expires, or is named in `keys.py`."""
    plant = build(
        BUDGET__PROJECTS='{"film": 0.6}', LIMITS__RATE=50, LIMITS__BURST=5, rate=40, burst=5,
        faults={"submit": {"drop_after": 0.2, "error_500": 0.1}, "generation": {"failed": 0.2}},
    )  # fmt: skip
    plant.worker()
    plant.run("beat", ready="beat: Starting")
    jobs = list(plant.client.submit_many(clip(f"clip {n}", unique_key=f"k{n}") for n in range(16)))
    film = [plant.client.submit(clip(f"film {n}", project="film")) for n in range(6)]
    plant.ends(jobs, patience=90)
    plant.until(lambda: plant.client.stats()["parked"] >= 1)
    for job in film:
        with suppress(TooLate):
            plant.client.cancel(job.id)
    plant.ends(film, patience=90)
    runtime = plant.client._runtime
    bounded = [getattr(runtime.keys, name) for name in IN_FLIGHT]
    plant.until(lambda: not runtime.redis.exists(*bounded), lambda: [k for k in bounded if runtime.redis.exists(k)])

    assert [] == leaks(runtime.redis)
    assert runtime.audit.check().ok


def test_what_nobody_has_any_more_is_given_back(build):
    """A reservation whose job was lost is found by the sweep: its money and its slot are free, by the journal too."""
    plant = build(LIMITS__CONCURRENCY=1)
    runtime = plant.client._runtime
    runtime.configure()
    lost = plant.client.submit(clip())
    runtime.gate.admit(runtime.jobs.get(lost.id))
    runtime.redis.delete(runtime.keys.job(lost.id))
    plant.worker()
    plant.until(lambda: not runtime.redis.exists(runtime.keys.open, runtime.keys.slots))

    assert (0, 0) == (runtime.ledger.window().reserved, runtime.ledger.window().spent)
    assert runtime.audit.check().ok
