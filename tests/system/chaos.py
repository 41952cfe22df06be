"""Chaos: a bounded, seeded program that does harm while the vendor goes wrong, and then reads the vendor's bill.

    python tests/system/chaos.py --jobs 300 --seed 1 --seconds 120             # workers are killed
    python tests/system/chaos.py --jobs 60 --seeds 50 --harm all --every 3     # and all else that can happen to them

What is checked comes from the vendor's own meter and from the files, never from our own counters alone: each job has at
most one charge; each charge has its file or is a job that says why not; spent is the bill to the micro-dollar; nothing
is reserved and no slot is taken when all is over; whoever waits for the result is told the same. Whatever goes wrong
prints the seed that repeats the plan.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from plant import Plant, Worker, clip
from wire_cutter import WireCutter

from overcrank.job import Job
from overcrank.lifecycle import State
from overcrank.media.mp4 import NotAFilm, probe
from overcrank.money import dollars

FAULTS: dict[str, dict[str, float]] = {
    "submit": {
        "error_500": 0.025,
        "error_500_after": 0.025,
        "html_502": 0.03,
        "drop_before": 0.03,
        "drop_after": 0.05,
        "slow": 0.02,
        "garbage": 0.02,
    },
    "generation": {"failed": 0.03, "moderated": 0.02},
    "status": {"error_500": 0.05, "drop": 0.03, "rate_429": 0.02},
    "content": {"expired": 0.05, "truncated": 0.05},
}
"""What the vendor does wrong: the plan that plain Celery paid for 80 of 300 clips twice under."""


TOLD = {State.SUCCEEDED: "SUCCESS", State.CANCELLED: "REVOKED"} | dict.fromkeys(
    (State.FAILED, State.REFUSED, State.DISCARDED), "FAILURE"
)
"""What Celery calls the ends of a job."""

KINDS = ["kill", "stop", "cut", "freeze", "still", "restart"]
"""What can be done to workers and to Redis."""

STANDSTILL = 3.0
"""Seconds for which what is held back or stopped stays so."""


class Harm:
    """What is done to an installation whose workers reach Redis, and a broker apart from it, through wire cutters."""

    def __init__(self, plant: Plant, plan: random.Random, workers: int) -> None:
        self._plant, self._plan = plant, plan
        self._cutters = [WireCutter(plant.server.port)]
        plant.env["OVERCRANK_REDIS_URL"] = f"redis://127.0.0.1:{self._cutters[0].port}/0"
        if plant.broker.pushes:
            self._cutters.append(WireCutter(plant.broker.port))
            plant.env["OVERCRANK_BROKER_URL"] = plant.broker.at(self._cutters[1].port)
        self._alive = [self._worker() for _ in range(workers)]
        self._later: list[threading.Timer] = []
        self.done: Counter[str] = Counter()
        self.kinds: dict[str, Callable[[], None]] = {
            "kill": self._kill, "stop": self._stop, "cut": self._cut, "freeze": self._freeze,
            "still": self._still, "restart": plant.restart_server,
        }  # fmt: skip

    def do(self, kinds: list[str]) -> None:
        """Do one of the given kinds of harm."""
        kind = self._plan.choice(kinds)
        self.done[kind] += 1
        self.kinds[kind]()

    def close(self) -> None:
        """Undo what lasts."""
        for timer in self._later:
            timer.join()
        for cutter in self._cutters:
            cutter.close()

    def _worker(self) -> Worker:
        return self._plant.run("worker", "--role", "all", "--slots", "16")

    def _kill(self) -> None:
        victim = self._plan.randrange(len(self._alive))
        self._alive[victim].kill()
        self._alive[victim] = self._worker()

    def _stop(self) -> None:
        victim = self._plan.randrange(len(self._alive))
        self._alive[victim].process.terminate()  # it may take its time: another is there already
        self._alive[victim] = self._worker()

    def _cutter(self) -> WireCutter:
        """Choose one; where there is but one, without a throw, so that seeds stay the plans they were."""
        return self._plan.choice(self._cutters) if len(self._cutters) > 1 else self._cutters[0]

    def _cut(self) -> None:
        self._cutter().cut()

    def _freeze(self) -> None:
        cutter = self._cutter()
        cutter.freeze(self._plan.choice(["up", "down"]))
        self._after(cutter.freeze)

    def _still(self) -> None:
        process = self._plant.server._process
        process.send_signal(signal.SIGSTOP)
        self._after(lambda: process.send_signal(signal.SIGCONT))

    def _after(self, undo: Callable[[], None]) -> None:
        timer = threading.Timer(STANDSTILL, undo)
        timer.start()
        self._later.append(timer)
        timer.join()  # one harm at a time: a server that stands still can not be restarted


@dataclass
class Verdict:
    """What a run came to."""

    seed: int
    seconds: float
    harm: Counter[str]
    ended: Counter[str]
    wrong: list[str] = field(default_factory=list)
    bill: int = 0

    def __str__(self) -> str:
        ended = ", ".join(f"{count} {state}" for state, count in self.ended.most_common())
        said = "; ".join(self.wrong) or "nothing paid twice, nothing lost, bill = ledger"
        harm = ", ".join(f"{count} {kind}" for kind, count in self.harm.most_common())
        return f"seed {self.seed}: {self.seconds:.1f} s, {harm}; {ended}, bill {dollars(self.bill)}: {said}"


def run(
    folder: Path,
    *,
    jobs: int,
    seed: int,
    seconds: float,
    every: float = 4.0,
    workers: int = 2,
    blind: bool = False,
    kinds: list[str] | None = None,
    **given: Any,
) -> Verdict:
    """Run the program once and return its verdict; *kinds* of harm are by default kills alone."""
    sandbox = {
        "seed": seed,
        "faults": FAULTS,
        "generation_seconds": 1.0,
        "rate": 20.0,
        "burst": 15,
        "concurrency": 40,
        **given.pop("sandbox", {}),
    }
    settings = {
        "OVERCRANK_LIMITS__RATE": "20",
        "OVERCRANK_LIMITS__BURST": "15",
        "OVERCRANK_LIMITS__CONCURRENCY": "40",
        **given.pop("settings", {}),
    }
    if blind:  # a vendor that can not be asked what became of a call
        sandbox |= {"replay": False, "lookup": False}
        settings |= {"OVERCRANK_PROVIDER__REPLAY": "false", "OVERCRANK_PROVIDER__LOOKUP": "false"}
        settings |= {"OVERCRANK_PROVIDER__HORIZON": "5", "OVERCRANK_PROVIDER__READ_TIMEOUT": "5"}
    plant = Plant(folder, sandbox, settings, durable=True)
    harm = Harm(plant, random.Random(seed), workers)
    try:
        return _run(
            plant, harm, Verdict(seed, 0.0, harm.done, Counter()), jobs, seconds, every, blind, kinds or ["kill"]
        )
    except BaseException as error:
        error.add_note(f"chaos: seed {seed}")
        raise
    finally:
        harm.close()
        plant.close()


def _run(
    plant: Plant, harm: Harm, verdict: Verdict, count: int, seconds: float, every: float, blind: bool, kinds: list[str]
) -> Verdict:
    begun = time.monotonic()
    lengths = random.Random(verdict.seed)
    made = list(plant.client.submit_many(clip(f"clip {n}", duration=lengths.choice([1, 2])) for n in range(count)))
    next_harm = begun + every
    left = {job.id for job in made}
    while left and time.monotonic() - begun < seconds:
        left -= {job.id for job in plant.client._runtime.jobs.get_many(left) if job.ended or job.assumed}
        if time.monotonic() > next_harm:
            harm.do(kinds)
            next_harm = max(next_harm + every, time.monotonic())
        time.sleep(0.1)
    verdict.seconds = time.monotonic() - begun
    ended = plant.client._runtime.jobs.get_many([job.id for job in made])
    if blind:
        judge_blind(plant, ended, verdict)
    else:
        settle(plant, 20.0)
        judge(plant, ended, verdict)
    if verdict.wrong:
        Path(tempfile.gettempdir(), f"chaos-{verdict.seed}-{os.getpid()}.log").write_text(plant.logs())
    return verdict


def settle(plant: Plant, patience: float) -> None:
    """Wait until no result is left to be handed over."""
    end = time.monotonic() + patience
    while plant.client._runtime.redis.zcard(plant.client._runtime.keys.due) and time.monotonic() < end:
        time.sleep(0.1)


def judge(plant: Plant, jobs: list[Job], verdict: Verdict) -> None:
    """Compare the vendor's bill with what came home and with the ledger."""
    meter = plant.sandbox.meter()
    verdict.ended = Counter(str(job.state) for job in jobs)
    verdict.bill = meter["total_micros"]
    say = verdict.wrong.append
    paid = Counter(charge["job_id"] for charge in meter["charges"] if charge["amount_micros"])
    home = {job.id: job for job in jobs}
    if twice := [job_id for job_id, count in paid.items() if count > 1]:
        say(f"{len(twice)} paid twice: {twice[:3]}")
    if open_ := [f"{job.id} {job.state} {job.note}" for job in jobs if not job.ended]:
        say(f"{len(open_)} have not ended: {open_[:3]}")
    for job_id in paid:
        job = home[job_id]
        if job.state is State.SUCCEEDED and job.file:
            try:
                probe(Path(str(job.file["url"]).removeprefix("file://")))
            except (NotAFilm, OSError) as error:
                say(f"{job_id} was paid and its file is no film: {error}")
        elif job.ended:
            say(f"{job_id} was paid and is {job.state}: {job.exception}")
    if meter["undelivered"] and not any(job.state is not State.SUCCEEDED for job in jobs):
        say(f"the vendor has {len(meter['undelivered'])} clips that nobody fetched")
    told = {job.id: plant.client.celery.AsyncResult(job.id).state for job in jobs if job.ended}
    if other := [f"{i} {home[i].state} {said}" for i, said in told.items() if said != TOLD[home[i].state]]:
        say(f"{len(other)} are told otherwise: {other[:3]}")
    spent = sum(job.cost or 0 for job in jobs)
    if spent != verdict.bill:
        say(f"the jobs cost {dollars(spent)} and the bill is {dollars(verdict.bill)}")
    stats = plant.client.stats()
    held = plant.client._runtime.redis.zcard(plant.client._runtime.keys.open)
    if stats["reserved_usd"] != "0.00" or stats["at_provider"] or held:
        say(f"{stats['reserved_usd']} reserved, {stats['at_provider']} slots taken, {held} attempts open at the end")
    window = plant.client._runtime.ledger.window()
    if window.spent != verdict.bill:
        say(f"the ledger says {dollars(window.spent)} and the bill is {dollars(verdict.bill)}")


def judge_blind(plant: Plant, jobs: list[Job], verdict: Verdict) -> None:
    """Compare the bill with what is known: nobody paid twice, and every clip that is not here is named as doubtful."""
    meter = plant.sandbox.meter()
    verdict.ended = Counter("doubtful" if job.assumed else str(job.state) for job in jobs)
    verdict.bill = meter["total_micros"]
    say = verdict.wrong.append
    paid = Counter(charge["job_id"] for charge in meter["charges"] if charge["amount_micros"])
    home = {job.id: job for job in jobs}
    if twice := [job_id for job_id, count in paid.items() if count > 1]:
        say(f"{len(twice)} paid twice: {twice[:3]}")
    named = {job.id for job in plant.client.doubtful(10_000)}
    for job_id in paid:
        if home[job_id].state is not State.SUCCEEDED and job_id not in named:
            say(f"{job_id} was paid, is {home[job_id].state}, and nobody is told")
    if late := [job.id for job in jobs if not job.ended and not job.assumed]:
        say(f"{len(late)} are neither ended nor put before an operator")
    booked = sum(job.cost or 0 for job in jobs)
    if booked < verdict.bill:
        say(f"{dollars(booked)} is booked, less than the bill of {dollars(verdict.bill)}")
    if plant.client.stats()["reserved_usd"] != "0.00":
        say(f"{plant.client.stats()['reserved_usd']} is still reserved")


def main() -> int:
    """Run as many seeds as asked for and print each verdict; return 1 where one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--every", type=float, default=4.0)
    parser.add_argument(
        "--harm",
        default="kill",
        help="kinds with commas between them, of kill, stop, cut, freeze, still, restart; or all",
    )
    parser.add_argument("--blind", action="store_true", help="a vendor that can not be asked what became of a call")
    asked = parser.parse_args()
    kinds = KINDS if asked.harm == "all" else asked.harm.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"there is no such harm: {', '.join(sorted(unknown))}; there is {', '.join(KINDS)}")
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.seeds):
        with tempfile.TemporaryDirectory() as folder:
            verdict = run(
                Path(folder), jobs=asked.jobs, seed=seed, seconds=asked.seconds, every=asked.every, blind=asked.blind,
                kinds=kinds,
            )  # fmt: skip
        print(verdict, flush=True)
        wrong += bool(verdict.wrong)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
