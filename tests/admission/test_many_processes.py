"""Eight processes at one gate: their own log shows that no limit was broken."""

import multiprocessing
import time
from collections import Counter
from typing import Any

from redis import Redis

from overcrank.clip import Priority
from overcrank.clock import SECOND
from overcrank.ids import new_id
from overcrank.keys import Keys, Period
from overcrank.scripts import KeepFor, Scripts
from overcrank.server import connect

INTERVAL, BURST, CONCURRENCY, QUOTE, CAP = 4_000, 5, 6, 100, 12_000
WINDOW = SECOND
SECONDS = 2.0
ENOUGH = 300
"""Entries of the journal, two for each job, that a slow machine takes longer for."""

KEEP_FOR = KeepFor(600, 600)


def worker(url: str, number: int, log: Any) -> None:
    """Enter jobs, ask for them, keep each for a moment, settle it; note when it was admitted and when given back."""
    redis, keys = connect(url), Keys("crowd")
    scripts, noted = Scripts(redis, keys), []
    fields = {"request": "{}", "priority": "normal", "project": "p", "quote": QUOTE}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or redis.xlen(keys.journal) < ENOUGH:
        job_id = new_id()
        scripts.enter(job_id, Priority.NORMAL, fields, boost_us=0, sent=True)
        answer: Any = ["deferred", "", "0", "0"]
        period = Period(0, WINDOW, 0)
        while answer[0] != "admitted":
            answer = scripts.admit(
                job_id, f"{job_id}.1", 1, Priority.NORMAL, project=f"p{number % 3}", worker=str(number), quote=QUOTE,
                amount=QUOTE, period=period, horizon_us=60 * SECOND, lease_us=60 * SECOND, patience_us=SECOND,
                probe_us=SECOND, window_ttl_s=600,
            )  # fmt: skip
            if answer[0] == "window":
                period = Period(*map(int, answer[1:]))
            if answer[0] == "deferred":
                time.sleep(min(0.02, max(0, (int(answer[2]) - int(answer[3])) / SECOND)))
                if time.monotonic() > end + 3:
                    break
        if answer[0] != "admitted":
            scripts.leave(job_id)
            break
        at = int(answer[1])
        seconds, micro = redis.time()
        noted.append((at, int(seconds) * SECOND + int(micro), period.start, QUOTE - number))
        scripts.settle(
            f"{job_id}.1", keys.books_of(f"p{number % 3}", period), state="charged",
            cost=QUOTE - number, version=2, keep=False, free=True, keep_for=KEEP_FOR,
        )  # fmt: skip
    log.put(noted)


def test_eight_processes_break_no_limit(redis: Redis, server_url: str) -> None:
    """Neither the rate in any span, nor the slots at any moment, nor the budget of any window; the books balance."""
    keys = Keys("crowd")
    limits = {"interval": INTERVAL, "burst": BURST, "concurrency": CONCURRENCY, "window": WINDOW}
    redis.hset(keys.limits, mapping=limits)
    redis.hset(keys.caps, "lane/window", CAP)
    context = multiprocessing.get_context("fork")
    log = context.Queue()
    crowd = [context.Process(target=worker, args=(server_url, number, log)) for number in range(8)]
    for process in crowd:
        process.start()
    noted = sorted(entry for _ in crowd for entry in log.get(timeout=30))
    for process in crowd:
        process.join(10)
        assert 0 == process.exitcode
    assert len(noted) > 100
    times = [at for at, *_ in noted]
    for first, start in enumerate(times):
        for last in range(first, min(len(times), first + 200)):
            assert last - first + 1 <= BURST + (times[last] - start) // INTERVAL
    for at in times:  # given back no earlier than noted, so this counts no slot too many
        assert sum(taken <= at < back for taken, back, *_ in noted) <= CONCURRENCY
    spent: Counter[int] = Counter()
    for _, _, start, cost in noted:
        spent[start] += cost
    for start, total in spent.items():
        assert total <= CAP
        book = redis.hgetall(keys.window(start, WINDOW))
        assert (total, 0) == (int(book["spent"]), int(book["reserved"]))
    held: dict[str, int] = {}
    books: Counter[str] = Counter()
    for _, entry in redis.xrange(keys.journal):  # the true order: at no point was more promised than there was
        amount, window = int(entry.get("quote") or entry["amount"]), entry["books"].split()[0]
        books[window] += amount - held.pop(entry["attempt"], 0)
        if entry["entry"] == "reserve":
            held[entry["attempt"]] = amount
        assert books[window] <= CAP
    assert 0 == redis.zcard(keys.slots)
    redis.flushall()
