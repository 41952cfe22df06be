"""The life of a worker process: what it does when it starts, when it is ready, and when it is asked to stop."""

import logging
import os
from math import inf
from typing import Any

from celery import signals
from celery.exceptions import WorkerShutdown

from overcrank.errors import ConfigError
from overcrank.settings import load
from overcrank.storage import open_storage
from overcrank.telemetry import start_logging
from workers import health, pushed
from workers.app import app
from workers.clients import share
from workers.control import apply_limits
from workers.process import current
from workers.roles import own, seats, shares
from workers.room import QUIET
from workers.rooms import furnish

logger = logging.getLogger(__name__)

EVENTS_EVERY = 0.25
"""Seconds for which events are gathered before they are sent to Flower, all in one."""

UNUSABLE = 4
"""The exit code of a worker whose settings do not do: `exits.Exit.CONFIG`."""

_node = ""


@signals.setup_logging.connect
def _logging(loglevel: Any = None, **_: Any) -> None:
    level = logging.getLevelName(loglevel) if isinstance(loglevel, int) else str(loglevel or "INFO")
    settings = load()
    start_logging(level, *settings.secrets)
    if level == "INFO":  # a job has a line of its own; that of each message would be half of what a worker writes
        for chatty in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(chatty).setLevel(logging.WARNING)


@signals.celeryd_init.connect
def _furnish(sender: Any = None, **_: Any) -> None:
    global _node  # noqa: PLW0603  (one a process, and its children's)
    _node = str(sender)
    role, slots = own()
    if role.stores:
        try:
            open_storage(load().storage_url).require()
        except ConfigError as error:  # Celery would note any other error and go on without what it says
            raise SystemExit(f"overcrank worker: {error}") from None
    if load().broker_pushes:
        pushed.furnish()
        furnish({frozenset({queue}): places for queue, places in shares(role, slots).items()})
    else:
        furnish(seats(role, slots))
        share()


@signals.worker_ready.connect
def _ready(sender: Any, **_: Any) -> None:
    process = current()
    try:
        process.runtime.check()
    except ConfigError as error:  # else each task would find out, again and again
        logger.critical("this worker can not work and ends: %s", error)
        raise WorkerShutdown(UNUSABLE) from None
    process.monitors = lambda: sender.event_dispatcher
    if sender.hub and sender.event_dispatcher:
        gather(sender.event_dispatcher)
        sender.hub.call_repeatedly(EVENTS_EVERY, sender.event_dispatcher.flush)
    health.watch(process, sender)
    process.until_done("ready", _configure)


def gather(dispatcher: Any) -> None:
    """Have events sent by the worker's loop alone, a few times a second.

    By itself each of a pool's threads sends them once 24 have come, on a connection that the loop reads: with RabbitMQ
    the loop took the answer that a thread waited for, and both waited for ever.
    """
    dispatcher.on_send_buffered, dispatcher.buffer_limit = None, inf


def _configure() -> None:
    """Write what the settings allow; jobs wait for that, so it is tried until Redis takes it."""
    runtime = current().runtime
    apply_limits(app, runtime)
    runtime.lane.reopen()
    logger.info(
        "ready: %s provider %s", "LIVE" if runtime.settings.provider.live else "sandbox", runtime.settings.provider_url
    )


@signals.worker_process_init.connect
def _child(**_: Any) -> None:
    """Give a process of a pool a way of its own to tell monitors how a job ended."""
    if app.conf.worker_send_task_events:
        dispatcher = app.events.Dispatcher(app.connection_for_write(), hostname=_node)
        current().monitors = lambda: dispatcher


@signals.worker_shutting_down.connect
def _quiet(**_: Any) -> None:
    process = current()
    process.room.close()
    process.runtime.redis.publish(process.runtime.keys.wake, f"{QUIET} {os.getpid()}")


@signals.worker_shutdown.connect
def _stop(**_: Any) -> None:
    current().stop()
