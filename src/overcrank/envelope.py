"""Messages by the thousand: Celery writes one, and the others differ from it only in their job and their headline.

Celery takes half a millisecond to make a message and a round trip to send it. A job's message is always the same but
for its id, so one is rendered through Celery and its transport, and filled in from then on. What Celery's protocol
calls optional and we leave empty is left out: a queued message is held in memory.
"""

import json
from typing import Any

from celery import Celery
from kombu import Connection

from . import wire
from .settings import Settings

JOB = "00000000-0000-7000-8000-000000000000"
LINE = "the headline"

PROPERTIES = ("delivery_mode", "delivery_info", "priority")
"""What the Redis transport needs of a message's properties, besides its tag."""

CONFIRMED_WITHIN = 15.0
"""Seconds to wait for RabbitMQ to say that it has a message."""


class Envelope:
    """The messages of one priority, as the Redis transport keeps them in a list."""

    def __init__(self, app: Celery, queue: str) -> None:
        self.queue = queue
        text = json.dumps(_slim(_rendered(app, queue)), separators=(",", ":"))
        before, after = text.split(json.dumps(LINE))
        self._before, self._after = before.split(JOB), after.split(JOB)

    def fill(self, job_id: str, headline: str) -> str:
        """Return the message of a job."""
        return job_id.join(self._before) + json.dumps(headline) + job_id.join(self._after)


def shares_server(settings: Settings) -> bool:
    """Tell whether the broker is the very database that holds the jobs: then one round trip writes both."""
    return settings.broker == settings.redis_url


def _rendered(app: Celery, queue: str) -> dict[str, Any]:
    """Return a message as Celery sends it; it goes to a broker in memory."""
    with Connection("memory://") as connection, app.amqp.Producer(connection, auto_declare=False) as producer:
        bound: Any = producer.channel
        bound.queue_declare(queue)
        bound.queue_purge(queue)
        send(app, JOB, queue, LINE, producer=producer)
        rendered: dict[str, Any] = json.loads(json.dumps(bound._get(queue)))  # noqa: SLF001  (as it would be stored)
        rendered["body"] = bound.decode_body(rendered["body"], rendered["properties"]["body_encoding"])
    return rendered


def _slim(message: dict[str, Any]) -> dict[str, Any]:
    """Return the message without what is empty, and with its body as plain text."""
    args, kwargs, embedded = json.loads(message["body"])
    body = [args, kwargs, {name: value for name, value in embedded.items() if value is not None}]
    headers = {name: value for name, value in message["headers"].items() if value not in (None, "", {}, 0)}
    headers.pop("timelimit", None)
    headers.pop("origin", None)  # which process sent it: one of ours is as good as another
    properties = {name: value for name, value in message["properties"].items() if name in PROPERTIES}
    return {
        **message,
        "body": json.dumps(body, separators=(",", ":")),
        "headers": headers,
        "properties": {**properties, "delivery_tag": JOB},
    }


def send(app: Celery, job_id: str, queue: str, headline: str, producer: Any = None) -> None:
    """Send a job's message through Celery, whatever the broker."""
    app.send_task(
        wire.GENERATE,
        kwargs=wire.arguments(job_id),
        task_id=job_id,
        queue=queue,
        argsrepr="",
        kwargsrepr=headline,
        producer=producer,
        confirm_timeout=CONFIRMED_WITHIN,
    )
