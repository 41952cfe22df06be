"""`python -m workers`: a worker as `celery -A workers.app worker` starts it, without Celery's command line.

That loads every plug-in's commands, Flower and a shell among them: 15 MB that a worker never uses.
"""

import argparse
import sys

from celery.utils.log import mlevel
from celery.utils.nodenames import default_nodename, host_format

from workers.app import app


def main() -> int:
    """Run a worker until it is told to stop, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=main.__doc__)
    parser.add_argument("--pool", default="threads", help="threads or prefork")
    parser.add_argument("--concurrency", type=int, required=True, help="tasks at once")
    parser.add_argument(
        "--queues", required=True, help="names with commas between them, in the order they are consumed"
    )
    parser.add_argument("--hostname", required=True, help="the worker's name; %%h is the machine's")
    parser.add_argument("--loglevel", default="INFO")
    parser.add_argument("--no-events", action="store_true", help="send none to monitors")
    given = parser.parse_args()
    if given.no_events:
        app.conf.worker_send_task_events = False
    worker = app.Worker(
        hostname=host_format(default_nodename(given.hostname)),
        pool_cls=given.pool,
        concurrency=given.concurrency,
        queues=given.queues.split(","),
        loglevel=mlevel(given.loglevel),
        task_events=not given.no_events,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
