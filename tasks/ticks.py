"""The periodic tasks. Beat sends them; workers run them too, so that all goes on when beat is gone.

Each run claims its slot in one step on the server: of two beats, or of a beat and three workers, one runs it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import signals

from overcrank import wire
from overcrank.client import send
from overcrank.settings import load
from tasks.poll import MOST
from tasks.sweep import sweep_once
from workers import schedule
from workers.app import app
from workers.process import current
from workers.roles import own

logger = logging.getLogger(__name__)

MOST_POLLS = 32
"""Poll messages one tick sends at the most."""


@dataclass(frozen=True)
class Tick:
    """A periodic action: how often, and what."""

    name: str
    seconds: float
    action: Callable[[], None]

    def run(self) -> None:
        """Run the action, unless somebody has just done so."""
        runtime = current().runtime
        hold = round(self.seconds * 900)
        if runtime.redis.set(runtime.keys.tick(self.name), runtime.worker, nx=True, px=hold):
            self.action()


def _budget() -> None:
    try:
        release()
    finally:  # each has to be done whatever becomes of the other
        current().tools.ledger.tick()


def release() -> None:
    """Let parked jobs go that there is room for, and send their messages."""
    process = current()
    ids = process.runtime.parking.release()
    for job in process.tools.jobs.get_many(ids):
        send(app, job.id, job.clip, job.quote)
    process.tools.jobs.sent(ids)
    if ids:
        logger.info("%d parked jobs were let go", len(ids))


def _when_told() -> None:
    """Release as soon as money came back or a cap was changed; the budget tick is the sweep behind it."""
    told = current().room.money
    if told.wait(5.0):
        told.clear()
        release()


def _when_due() -> None:
    """Have jobs looked at as soon as the provider has called; the poll tick is the sweep behind it."""
    process = current()
    if process.room.due.wait(5.0):
        process.room.due.clear()
        if process.runtime.redis.set(process.runtime.keys.tick("due"), 1, nx=True, px=50):
            _poll()


def _poll() -> None:
    """Send as many polls as the jobs that are due need."""
    runtime = current().runtime
    if runtime.jobs.resting():
        return
    due = runtime.redis.zcount(runtime.keys.due, "-inf", runtime.jobs.now())
    for _ in range(min(MOST_POLLS, -(-due // MOST))):
        app.send_task(wire.POLL, queue=wire.POLL_QUEUE, expires=10)


BUDGET = Tick("budget", schedule.budget_every(load()), _budget)
POLL = Tick("poll", schedule.POLL_EVERY, _poll)
SWEEP = Tick("sweep", schedule.SWEEP_EVERY, sweep_once)
TICKS = (BUDGET, POLL, SWEEP)


@signals.worker_ready.connect
def begin(**_: Any) -> None:
    """Run the ticks in this worker too, if that is part of its role."""
    role, _slots = own()
    if role.ticks:
        for tick in TICKS:
            current().every(tick.seconds, tick.name, tick.run)
        current().every(0.02, "release", _when_told)
        current().every(0.05, "due", _when_due)


@app.task(name=wire.BUDGET_TICK, send_events=False)
def budget_tick() -> None:
    """Roll the budget's window, release what it held, warn, and keep the record of it."""
    BUDGET.run()


@app.task(name=wire.POLL_TICK, send_events=False)
def poll_tick() -> None:
    """Have the jobs that are due looked at."""
    POLL.run()


@app.task(name=wire.SWEEP, send_events=False)
def sweep() -> None:
    """Send again what was lost, and retire what is old."""
    SWEEP.run()
