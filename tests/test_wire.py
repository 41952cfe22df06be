"""What goes through Celery."""

from types import SimpleNamespace

import pytest

from overcrank import wire
from overcrank.clip import Priority, read_clip


@pytest.mark.parametrize(
    ("expected", "url"),
    [
        ("redis://:pw@host:6379/0", "redis://:pw@host:6379/0"),
        ("rediss://host/1", "rediss://host/1"),
        ("amqp://host//", "amqp://host//"),
        ("redis+socket:///run/redis.sock?virtual_host=0", "unix:///run/redis.sock"),
        ("redis+socket:///run/redis.sock?virtual_host=3", "unix:///run/redis.sock?db=3"),
        ("redis+socket:///run/redis.sock?virtual_host=3", "unix:///run/redis.sock?x&db=3"),
    ],
)
def test_a_socket_has_another_scheme_at_the_broker(expected: str, url: str) -> None:
    """The same server under the name the broker library knows."""
    assert expected == wire.broker_url(url)


def test_every_priority_has_its_queue_in_the_order_of_urgency() -> None:
    """Each is among the queues there are, once, in the order they are consumed."""
    queues = ["video.urgent", "video.normal", "video.bulk"]
    assert queues == [wire.QUEUES[priority] for priority in Priority]
    assert queues == [name for name in wire.ALL_QUEUES if name in queues]


def test_a_headline_is_one_line_with_the_price() -> None:
    """For whoever looks at a monitor."""
    line = wire.headline(read_clip({"prompt": "a\nball"}), 3_892_500)
    assert "a ball" in line
    assert "$3.8925" in line
    assert "\n" not in line


def test_a_canvas_keeps_what_follows_and_nothing_else() -> None:
    """Empty fields are left out, and what is not there is no error."""
    request = SimpleNamespace(chain=[{"task": "t"}], callbacks=None, errbacks=[], group="g", id="x")
    assert {"chain": [{"task": "t"}], "group": "g"} == wire.canvas(request)


def test_the_first_of_a_group_keeps_its_place() -> None:
    """Zero is a place in a group too: without it the first result of a chord would come last."""
    assert {"group": "g", "group_index": 0} == wire.canvas(SimpleNamespace(group="g", group_index=0))


def test_a_message_names_its_job() -> None:
    """And carries nothing else."""
    assert {"job": "j"} == wire.arguments("j")
