"""The broker of a plant: the Redis that holds its jobs, or a virtual host of its own on a RabbitMQ that runs here.

    PLANT_BROKER=amqp://guest:guest@127.0.0.1 pytest tests/system                     # classic queues
    PLANT_BROKER=amqp://guest:guest@127.0.0.1 PLANT_QUEUES=quorum pytest tests/system

RabbitMQ's management plugin has to be on, at PLANT_BROKER_API or on port 15672 beside it: it makes the virtual hosts.
"""

import base64
import json
import os
import urllib.request
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from celery import Celery
from kombu import Connection, Queue
from redis import Redis

from overcrank import wire

BROKER = os.environ.get("PLANT_BROKER", "")
QUEUES = os.environ.get("PLANT_QUEUES", "classic")

RAW = {
    "body": "bm9uc2Vuc2U=",
    "headers": {},
    "properties": {
        "delivery_tag": "x",
        "delivery_info": {"exchange": "", "routing_key": "video.normal"},
        "body_encoding": "base64",
    },
    "content-type": "application/json",
    "content-encoding": "utf-8",
}
"""A message whose body is nonsense, as the Redis transport keeps one."""


class OnRedis:
    """The server that holds the jobs is the broker too."""

    pushes = False
    """Whether it hands messages out, so that each queue has places of its own in a worker."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.settings: dict[str, str] = {}
        self.not_to_declare: list[str] = []
        self.port = urlsplit(url).port or 6379
        self._redis = Redis.from_url(url, decode_responses=True)

    def at(self, port: int) -> str:
        """Return the URL of a database of its own, through another port: then it is the broker alone."""
        self._redis = Redis.from_url(f"redis://127.0.0.1:{self.port}/1", decode_responses=True)
        return f"redis://127.0.0.1:{port}/1"

    def caller(self, name: str = "caller", **transport: Any) -> Celery:
        """Return an application as somebody else makes one."""
        app = Celery(name, broker=self.url, backend=self.url)
        app.conf.update(broker_transport_options=transport)
        return app

    def waiting(self, queue: str) -> int:
        """Return how many messages are in a queue."""
        return int(self._redis.llen(queue))

    def messages(self, queue: str, *, in_hand: bool = False) -> list[dict[str, Any]]:
        """Return the headers of the messages in a queue, and of all that any worker has in hand."""
        found = [json.loads(message) for message in self._redis.lrange(queue, 0, -1)]
        found += [json.loads(entry)[0] for entry in self._redis.hvals("unacked")] if in_hand else []
        return [message["headers"] for message in found]

    def lose(self, queue: str) -> None:
        """Remove all messages of a queue."""
        self._redis.delete(queue)

    def double(self, queue: str, times: int) -> None:
        """Put so many copies of a queue's only message beside it."""
        [message] = self._redis.lrange(queue, 0, -1)
        self._redis.lpush(queue, *[message] * times)

    def put_nonsense(self, queue: str) -> None:
        """Send a message that nobody can read."""
        self._redis.lpush(queue, json.dumps(RAW))

    def close(self) -> None:
        """End it."""
        self._redis.close()


class OnRabbit:
    """A virtual host, which is gone when the plant is."""

    pushes = True

    def __init__(self, server: str, backend: str) -> None:
        self.host = f"plant-{uuid4().hex[:12]}"
        self._server, self._backend = server, backend
        at = urlsplit(server)
        self.port = at.port or 5672
        self._api = os.environ.get("PLANT_BROKER_API") or f"http://{at.hostname}:15672"
        self._login = base64.b64encode(f"{at.username or 'guest'}:{at.password or 'guest'}".encode()).decode()
        self.ask("PUT", f"vhosts/{self.host}")
        self.url = self.at(self.port)
        self.settings = {"OVERCRANK_BROKER_URL": self.url, "OVERCRANK_BROKER_QUEUES": QUEUES}
        self.not_to_declare = list(wire.QUEUES.values()) if QUEUES == "quorum" else []

    def at(self, port: int) -> str:
        """Return its URL as it is through another port."""
        at = urlsplit(self._server)
        return f"amqp://{at.username or 'guest'}:{at.password or 'guest'}@{at.hostname}:{port}/{self.host}"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Ask the management plugin."""
        request = urllib.request.Request(
            f"{self._api}/api/{path}",
            method=method,
            data=json.dumps(body).encode() if method != "GET" else None,
            headers={"Authorization": f"Basic {self._login}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def caller(self, name: str = "caller", **transport: Any) -> Celery:
        """Return an application as somebody else makes one; it does not declare queues that are of another kind."""
        app = Celery(name, broker=self.url, backend=self._backend)
        if self.not_to_declare:
            unsaid = [Queue(name, no_declare=True) for name in self.not_to_declare]
            app.conf.task_queues = [Queue(wire.COMMON_QUEUE), *unsaid]
        return app

    def waiting(self, queue: str) -> int:
        """Return how many messages are in a queue."""
        with Connection(self.url) as connection:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)

    def messages(self, queue: str, *, in_hand: bool = False) -> list[dict[str, Any]]:
        """Return the headers of the messages in a queue; what a worker has in hand is not to be seen."""
        found = []
        with Connection(self.url) as connection, suppress(*connection.channel_errors):
            bound = Queue(queue, channel=connection.default_channel)
            while message := bound.get():  # none is acknowledged, so they are there again
                found.append(message.headers)
        return found

    def lose(self, queue: str) -> None:
        """Remove all messages of a queue."""
        with Connection(self.url) as connection:
            connection.default_channel.queue_purge(queue)

    def double(self, queue: str, times: int) -> None:
        """Put so many copies of a queue's only message beside it."""
        with Connection(self.url) as connection:
            message = Queue(queue, channel=connection.default_channel).get()
            for _ in range(times):
                self._put(connection, queue, message.body, message.headers)
            message.requeue()

    def put_nonsense(self, queue: str) -> None:
        """Send a message that nobody can read."""
        with Connection(self.url) as connection:
            self._put(connection, queue, b"nonsense", {})

    def _put(self, connection: Connection, queue: str, body: Any, headers: dict[str, Any]) -> None:
        kind = {"content_type": "application/json", "content_encoding": "utf-8"}
        connection.Producer().publish(body, routing_key=queue, headers=headers, **kind)

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self.ask("DELETE", f"vhosts/{self.host}")


def broker(redis_url: str) -> OnRedis | OnRabbit:
    """Return the broker that a plant is to have."""
    return OnRabbit(BROKER, redis_url) if BROKER else OnRedis(redis_url)
