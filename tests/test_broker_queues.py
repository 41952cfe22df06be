"""How the broker's queues are declared, and what is said where somebody else has declared them otherwise."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from amqp.exceptions import MessageNacked, NotFound, PreconditionFailed
from redis import Redis

from overcrank import transport, wire
from overcrank.client import Client
from overcrank.errors import ConfigError
from overcrank.settings import Settings

Configured = Callable[..., Settings]
RABBIT = "amqp://guest:guest@127.0.0.1:1//"
"""The address of a RabbitMQ that nobody runs."""


class Channel:
    """A channel of a RabbitMQ on which these queues are; each has its kind."""

    is_open = True

    def __init__(self, there: dict[str, str], made: list[str]) -> None:
        self._there, self._made = there, made
        self.connection = SimpleNamespace(channel=lambda: self)

    def queue_declare(self, queue: str, passive: bool = False, arguments: Any = None, **_: Any) -> Any:
        """Declare a queue as the server does."""
        kind = (arguments or {}).get("x-queue-type", "classic")
        if passive and queue not in self._there:
            raise NotFound
        if not passive and self._there.setdefault(queue, kind) != kind:
            raise PreconditionFailed("inequivalent arg 'x-queue-type'")
        if not passive:
            self._made.append(queue)
        return SimpleNamespace(queue=queue)

    def close(self) -> None:
        """End it."""

    def prepare_queue_arguments(self, arguments: Any, **_: Any) -> Any:
        """Return the arguments as the server takes them."""
        return arguments


class Rabbit:
    """A connection to such a server."""

    def __init__(self, **there: str) -> None:
        self.made: list[str] = []
        self.there = {name.replace("_", "."): kind for name, kind in there.items()}

    def channel(self) -> Channel:
        """Open a channel."""
        return Channel(self.there, self.made)


def settings(kind: str = "classic") -> Settings:
    """Return the settings of somebody who has a RabbitMQ."""
    return Settings(broker_url=RABBIT, broker_queues=kind)


def test_quorum_queues_take_back_any_number_of_times() -> None:
    """A message that is handed back again and again is never dropped for it, on any version of RabbitMQ."""
    declared = {queue.name: queue.queue_arguments for queue in transport.task_queues(settings("quorum"))}

    assert {"x-queue-type": "quorum", "x-delivery-limit": transport.RETURNS} == declared["video.bulk"]
    assert transport.RETURNS > 0
    assert set(wire.ALL_QUEUES) == set(declared)


def test_the_common_queue_is_declared_by_nobody_in_particular() -> None:
    """Other applications declare it too, and say nothing of its kind."""
    for kind in ("classic", "quorum"):
        [common] = [queue for queue in transport.task_queues(settings(kind)) if queue.name == wire.COMMON_QUEUE]
        assert (True, False) == (isinstance(common, transport.Found), bool(common.queue_arguments))


def test_on_redis_a_queue_is_a_name() -> None:
    """No kind, and no look at what is there."""
    queues = transport.task_queues(Settings())

    assert [(name, None, False) for name in wire.ALL_QUEUES] == [
        (queue.name, queue.queue_arguments, isinstance(queue, transport.Found)) for queue in queues
    ]


def test_a_queue_that_is_there_is_used_as_it_is() -> None:
    """Whatever its kind; one that is not there is made."""
    rabbit = Rabbit(celery="quorum")
    for name in ("celery", "mine"):
        transport.Found(name, channel=rabbit.channel()).queue_declare()

    assert ["mine"] == rabbit.made
    assert {"celery": "quorum", "mine": "classic"} == rabbit.there


def test_a_queue_of_another_kind_is_named_with_the_setting() -> None:
    """It says which queue, what is set, and what can be done."""
    with pytest.raises(ConfigError, match=r"video\.fetch .*OVERCRANK_BROKER_QUEUES .* quorum"):
        transport.declare(settings("quorum"), Rabbit(video_fetch="classic"))


def test_a_look_makes_no_queue() -> None:
    """The doctor finds what is of another kind, and leaves no queue behind."""
    rabbit = Rabbit(video_fetch="classic")
    transport.declare(settings(), rabbit, missing=False)

    assert ["video.fetch"] == rabbit.made == list(rabbit.there)
    with pytest.raises(ConfigError, match=r"video\.fetch"):
        transport.declare(settings("quorum"), rabbit, missing=False)


@pytest.mark.parametrize("trouble", [ConnectionRefusedError("refused"), MessageNacked()], ids=["away", "refused"])
def test_a_rabbit_that_takes_no_message_undoes_nothing(
    redis: Redis, configured: Configured, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """The job is there and will run, so `submit` returns it; the sweep finds that its message has not left."""

    def refuse(*_: Any, **__: Any) -> None:
        raise trouble

    client = Client(configured().model_copy(update={"broker_url": RABBIT}))
    client._runtime.configure()
    monkeypatch.setattr("overcrank.envelope.send", refuse)
    job = client.submit("a ball")

    assert ("queued", [job.id]) == (client.get(job.id).state, redis.zrange("{overcrank}:unsent", 0, -1))
    redis.flushall()


def test_a_queue_of_another_kind_is_found_before_a_job_is_written(
    redis: Redis, configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`submit` raises, and there is no job that nobody would be told of."""

    def refuse(_: Settings) -> None:
        raise ConfigError("the broker has a queue of another kind")

    client = Client(configured().model_copy(update={"broker_url": RABBIT}))
    client._runtime.configure()
    monkeypatch.setattr("overcrank.entrance.claim", refuse)
    with pytest.raises(ConfigError, match="of another kind"):
        client.submit("a ball")

    assert 0 == client.stats()["entered"]
    redis.flushall()


def test_a_producer_waits_for_the_broker_to_say_that_it_has_a_message(configured: Configured, redis: Redis) -> None:
    """Who sends to RabbitMQ asks for its confirmation; its queues are declared as the workers declare them."""
    app = Client(configured().model_copy(update={"broker_url": RABBIT, "broker_queues": "quorum"})).celery

    assert app.conf.broker_transport_options["confirm_publish"] is True
    assert "quorum" == app.amqp.queues["video.urgent"].queue_arguments["x-queue-type"]
