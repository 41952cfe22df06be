"""What the vendor's own count says: no call too many, no permit idle, and the urgent first.

    python benchmarks/admission_rate.py       # writes benchmarks/admission_rate.json; about five minutes

Real workers against the sandbox over HTTP. A strict bucket of 10 calls a second and a burst of 15, behind 35 ms of
latency; 300 jobs; 1, 2, 4 and 8 workers, of which some are started and stopped at random. And 20 urgent jobs behind
1,000 bulk ones, two workers of 16 slots, generations of 30 seconds, at a provider whose slots are all taken: of 300 as
many become free as the rate lets through.
"""

# ruff: noqa: E402  (the plant is where the system tests are)
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "system"))

from plant import Plant, clip

RATE, BURST, JOBS = 10, 15, 300
SECONDS = 30.0
SLOTS = round(RATE * SECONDS)


def rate(workers: int, seed: int) -> dict[str, Any]:
    """Return how long the vendor saw 300 jobs take, and how often it said 429."""
    chance = random.Random(seed)
    settings = {
        "OVERCRANK_LIMITS__RATE": str(RATE),
        "OVERCRANK_LIMITS__BURST": str(BURST),
        "OVERCRANK_BUDGET__CAP": "1000",
    }
    sandbox = {"rate": RATE, "burst": BURST, "latency": 0.035, "generation_seconds": 0.1, "clips": "tiny"}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plant").mkdir()
        plant = Plant(Path(folder) / "plant", sandbox, settings)
        try:
            crowd = [plant.run("worker", "--slots", "8", "--no-events") for _ in range(workers)]
            for each in crowd:
                plant.until(lambda each=each: "ready: " in each.log.read_text(), patience=90)
            jobs = list(plant.client.submit_many(clip(f"clip {n}") for n in range(JOBS)))
            changes = 0
            while plant.sandbox.meter()["accepted"] < JOBS:
                time.sleep(0.3)
                if workers > 1 and chance.random() < 0.06:  # one stops, and another is started in its place
                    leaving = crowd.pop(chance.randrange(len(crowd)))
                    leaving.process.terminate()
                    crowd.append(plant.run("worker", "--slots", "8", "--no-events"))
                    changes += 1
            meter = plant.sandbox.meter()
            times = sorted(at for at, status in meter["creates_log"] if status != 429)
            ideal = (JOBS - BURST) / RATE
            span = times[-1] - times[0]
            return {
                "workers": workers, "changes": changes, "span": round(span, 3), "ideal": ideal,
                "over_percent": round(100 * (span / ideal - 1), 2), "answered_429": meter["answered_429"],
                "jobs": len(jobs),
            }  # fmt: skip
        finally:
            plant.close()


def overtaking() -> dict[str, Any]:
    """Return how long 20 urgent jobs take to be accepted behind 1,000 bulk ones, where no slot is free."""
    settings = {
        "OVERCRANK_LIMITS__RATE": str(RATE),
        "OVERCRANK_LIMITS__BURST": str(BURST),
        "OVERCRANK_LIMITS__CONCURRENCY": str(SLOTS),
        "OVERCRANK_BUDGET__CAP": "1000",
    }
    sandbox = {
        "rate": RATE, "burst": BURST, "concurrency": SLOTS, "latency": 0.035, "generation_seconds": SECONDS,
        "clips": "tiny",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plant").mkdir()
        plant = Plant(Path(folder) / "plant", sandbox, settings)
        try:
            for _ in range(2):
                plant.worker("all", 16, "--no-events")
            list(plant.client.submit_many((clip(f"bulk {n}") for n in range(1000)), priority="bulk"))
            plant.until(lambda: plant.sandbox.meter()["accepted"] >= SLOTS + 40, patience=120)
            bound = plant.client.stats()["at_provider"]
            begun = time.time()
            urgent = list(plant.client.submit_many((clip(f"urgent {n}") for n in range(20)), priority="urgent"))
            ids = {job.id for job in urgent}
            charges: list[Any] = []
            while len(charges) < 20:
                time.sleep(0.1)
                charges = [charge for charge in plant.sandbox.meter()["charges"] if charge["job_id"] in ids]
            meter = plant.sandbox.meter()
            return {
                "urgent": 20,
                "bulk": 1000,
                "slots": SLOTS,
                "in_flight_before": bound,
                "first": round(min(charge["at"] for charge in charges) - begun, 3),
                "seconds": round(max(charge["at"] for charge in charges) - begun, 3),
                "answered_429": meter["answered_429"],
            }
        finally:
            plant.close()


def main() -> int:
    """Measure, print and write down."""
    found: dict[str, Any] = {"overtaking": overtaking(), "rate": []}
    print(found["overtaking"], flush=True)
    for workers in (1, 2, 4, 8):
        found["rate"].append(rate(workers, seed=workers))
        print(found["rate"][-1], flush=True)
    (HERE / "admission_rate.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
