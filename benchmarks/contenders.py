"""Who takes part: each starts its workers in a house, enqueues the load, and says how much of it is done."""

import asyncio
import os
import sys
from collections.abc import Callable

from house import HERE, Figures, House, Load

from overcrank.client import Client
from overcrank.settings import load as load_settings


def settled(house: House) -> None:
    """Set what Overcrank goes by in this house, for its workers and for this process."""
    rate = house.load.rate
    told = {
        "OVERCRANK_REDIS_URL": f"redis://127.0.0.1:{house.server.port}/0",
        "OVERCRANK_PROVIDER__BASE_URL": house.sandbox.url,
        "OVERCRANK_DATA_DIR": str(house.folder / "data"),
        "OVERCRANK_BUDGET__CAP": "10000000",
        "OVERCRANK_LIMITS__RATE": f"{rate:g}",
        "OVERCRANK_LIMITS__BURST": str(max(1, round(rate))),
        "OVERCRANK_LIMITS__CONCURRENCY": "0",
        "OVERCRANK_MEDIA__CHECK": "false",  # no other contender looks at what it fetched
    }
    house.env |= told
    os.environ.update(told)


def ours(house: House, *more: str) -> Figures:
    """Overcrank, with its ledger, files, side files and results."""
    settled(house)
    client = Client(load_settings())
    for number in range(house.load.workers):
        house.start("overcrank", "worker", "--slots", "16", "--name", f"w{number}", *more, ready="ready: ")

    def enqueue() -> None:
        clips = (
            {"prompt": f"a ball bounces, take {n}", "mode": "plain", "duration": 5} for n in range(house.load.jobs)
        )
        for _ in client.submit_many(clips):
            pass

    def done() -> int:
        counters = house.redis.hgetall("{overcrank}:counters")
        return sum(int(counters.get(end, 0)) for end in ("succeeded", "failed"))

    return house.measure("overcrank", enqueue, done)


def _celery(house: House, name: str, pool: str, slots: int) -> Figures:
    for number in range(house.load.workers):
        house.start(
            "celery", "-A", "celery_app", "worker", "-P", pool, "-c", str(slots), "-n", f"p{number}@%h", "-l", "INFO",
            "--without-gossip", "--without-mingle", ready=" ready.",
        )  # fmt: skip
    os.environ.update({key: value for key, value in house.env.items() if key.startswith("BENCH_")})
    sys.path.insert(0, str(HERE / "peers"))
    for loaded in ("celery_app",):
        sys.modules.pop(loaded, None)
    import celery_app

    def enqueue() -> None:
        with celery_app.app.producer_or_acquire() as producer:
            for n in range(house.load.jobs):
                celery_app.clip.apply_async((f"a ball bounces, take {n}", f"{name}-{n}"), producer=producer)

    return house.measure(name, enqueue, _results(house, "celery-task-meta-*"))


def _results(house: House, pattern: str) -> Callable[[], int]:
    """Return what counts finished jobs: by the database's size, which costs the server nothing to tell."""
    from redis import Redis

    there = Redis(port=house.server.port, db=1)

    def count() -> int:
        size = int(there.dbsize())
        if size < house.load.jobs:  # not all have results: do not scan yet
            return 0
        return sum(1 for _ in there.scan_iter(match=pattern, count=5000))

    return count


def celery_prefork(house: House) -> Figures:
    """Plain Celery, a process for each of 8 jobs a worker."""
    return _celery(house, "celery prefork", "prefork", 8)


def celery_threads(house: House) -> Figures:
    """Plain Celery, a thread for each job that may be in flight."""
    slots = 1000 if house.load.seconds > 5 else 8
    return _celery(house, "celery threads", "threads", slots)


def taskiq(house: House) -> Figures:
    """taskiq, asyncio and aiohttp."""
    for _ in range(house.load.workers):
        house.start(
            "taskiq", "worker", "taskiq_app:broker", "--workers", "1", "--max-async-tasks", "2000",
            "--max-prefetch", "1", ready="taskiq ready",
        )  # fmt: skip
    os.environ.update({key: value for key, value in house.env.items() if key.startswith("BENCH_")})
    sys.path.insert(0, str(HERE / "peers"))
    sys.modules.pop("taskiq_app", None)
    import taskiq_app

    async def send() -> None:
        for n in range(house.load.jobs):
            await taskiq_app.clip.kiq(f"a ball bounces, take {n}", f"taskiq-{n}")

    def done() -> int:
        return int(house.sandbox.meter(summary=True)["calls"]["content"])

    return house.measure("taskiq", lambda: asyncio.run(send()), done)


CONTENDERS: dict[str, Callable[[House], Figures]] = {
    "ours": ours,
    "prefork": celery_prefork,
    "threads": celery_threads,
    "taskiq": taskiq,
}


def compete(load: Load, names: list[str]) -> list[Figures]:
    """Let contenders do the same load, one after the other, each in a house of its own."""
    found = []
    for name in names:
        with House(load) as house:
            found.append(CONTENDERS[name](house))
            print(f"{found[-1].name}: {found[-1].as_dict()}", file=sys.stderr, flush=True)
    return found
