"""Where the broker hands messages out: how many of each queue a worker has in hand, and what it gives back."""

import logging
import threading
from types import SimpleNamespace

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection, Queue
from kombu.message import Message

from overcrank import wire
from overcrank.clip import Priority
from overcrank.transport import Found
from workers import pushed
from workers.consumer import Consumer
from workers.lifecycle import gather
from workers.roles import ROLES, SUBMIT_QUEUES, concurrency, shares, threads
from workers.room import Room

URGENT, NORMAL, BULK = (wire.QUEUES[priority] for priority in Priority)


@given(slots=st.integers(1, 256), name=st.sampled_from(sorted(ROLES)))
def test_every_queue_has_places_and_every_place_a_thread(slots, name):
    """A worker of any role and size takes from each of its queues, and no more than it can run at once."""
    role = ROLES[name]
    found = shares(role, slots)
    sending = sum(found[queue] for queue in SUBMIT_QUEUES if queue in found)

    assert set(role.queues) == set(found)
    assert min(found.values()) >= 1
    assert sum(found.values()) <= concurrency(role, slots, pushed=True)
    assert sending <= max(slots, 4)
    assert concurrency(role, slots, pushed=True) <= max(threads(role, slots), len(role.queues))
    assert concurrency(role, slots, pushed=False) == threads(role, slots)


@pytest.mark.parametrize("slots", [8, 16, 64])
def test_no_place_for_jobs_on_their_way_is_given_away(slots):
    """Together the queues of jobs have as many places as there are slots, and none has most of them."""
    found = shares(ROLES["submit"], slots)

    assert slots == sum(found.values())
    assert max(found.values()) <= slots // 2
    assert found[wire.COMMON_QUEUE] <= min(found[URGENT], found[NORMAL], found[BULK])


class Asked:
    """A channel that notes what it was asked for."""

    def __init__(self):
        self.said = []

    def __call__(self, *_):
        """Return itself, as a channel that a queue is bound to."""
        return self

    def basic_qos(self, size, count, together):
        """Note a count."""
        self.said.append((count, together))

    def basic_consume(self, queue, consumer_tag, **_):
        """Note a consumer."""
        self.said.append(queue)

    def basic_cancel(self, tag):
        """Note the end of one."""
        self.said.append(f"no {tag}")


def consuming(*names):
    """Return a consumer of queues, and the channel it asks."""
    channel = Asked()
    consumer = pushed.Shared(None, [Queue(name) for name in names])
    consumer.channel = channel
    for queue in consumer.queues:
        queue._channel = channel
    return consumer, channel


def test_each_queue_is_counted_for_itself():
    """What one queue has in hand is no other queue's, which a count for all of them together could not say."""
    consumer, channel = consuming(URGENT, BULK)
    consumer.consume()
    places = shares(ROLES["all"], 16)

    assert [(places[URGENT], False), URGENT, (places[BULK], False), BULK] == channel.said


def test_a_queue_may_be_left_alone_for_a_while():
    """It has no consumer until there is to be one again; the others keep theirs."""
    consumer, channel = consuming(URGENT, wire.COMMON_QUEUE)
    consumer.consume()
    tag = consumer._active_tags[wire.COMMON_QUEUE]
    channel.said.clear()
    consumer.leave(wire.COMMON_QUEUE)
    consumer.leave(wire.COMMON_QUEUE)
    left = list(channel.said)
    channel.said.clear()
    consumer.consume()

    assert [f"no {tag}"] == left
    assert [(shares(ROLES["all"], 16)[wire.COMMON_QUEUE], False), wire.COMMON_QUEUE] == channel.said


def test_a_message_that_is_put_last_is_there_once_and_is_whole():
    """A copy goes behind all others with all that it said, and the first is let go."""
    with Celery("test", broker="memory://", set_as_current=False) as app, Connection("memory://") as connection:
        channel = connection.channel()
        queue = Queue("last", channel=channel)
        queue.declare()
        queue.purge()
        producer = connection.Producer(channel)
        for number in (1, 2):
            producer.publish({"n": number}, routing_key="last", headers={"id": f"m{number}"}, priority=number)
        first = queue.get()
        pushed.put_last(app, first)
        order = [queue.get(), queue.get()]
        rest = queue.get()

    assert (["m2", "m1"], None) == ([message.headers["id"] for message in order], rest)
    assert first.acknowledged
    assert (b'{"n": 1}', "application/json", 1) == (
        bytes(order[1].body, "utf-8") if isinstance(order[1].body, str) else order[1].body,
        order[1].content_type,
        order[1].properties["priority"],
    )


def test_a_queue_nobody_told_us_of_is_used_as_it_is():
    """What follows a clip may go to a queue of any kind, which is its sender's to say."""
    app = Celery("test", broker="memory://", amqp="workers.pushed:Ways", set_as_current=False)

    assert isinstance(app.amqp.queues["mine"], Found)


def unknown(task_id):
    """Return somebody else's message in the common queue."""
    return SimpleNamespace(
        headers={"id": task_id}, delivery_info={"routing_key": wire.COMMON_QUEUE}, channel=SimpleNamespace(qos=None)
    )


def test_other_peoples_messages_are_put_last_until_all_were_seen(monkeypatch):
    """When the first comes round again the queue is left to others for two seconds; then it is looked at again."""
    put, later = [], []
    monkeypatch.setattr("workers.consumer.put_last", lambda _, message: put.append(message.headers["id"]))
    monkeypatch.setattr("workers.consumer.close_for", lambda *_: None)
    shared, _ = consuming(wire.COMMON_QUEUE)
    shared.consume()
    worker = object.__new__(Consumer)
    worker._seen, worker.app, worker.task_consumer = set(), None, shared
    worker.timer = SimpleNamespace(call_after=lambda seconds, what, given: later.append((seconds, what, given)))
    for task_id in ("a", "b"):
        worker.on_unknown_task(None, unknown(task_id), KeyError())
    open_ = list(shared._active_tags)
    worker.on_unknown_task(None, unknown("a"), KeyError())
    closed = list(shared._active_tags)
    [(seconds, come_back, given_)] = later
    come_back(*given_)

    assert (["a", "b", "a"], 2.0) == (put, seconds)
    assert ([wire.COMMON_QUEUE], [], [wire.COMMON_QUEUE]) == (open_, closed, list(shared._active_tags))


def test_a_message_whose_connection_is_gone_is_no_alarm(caplog):
    """It is the broker's again, so that it can not be acknowledged is a note; any other trouble stays what it is."""
    logger = logging.getLogger("celery.worker.request")
    logger.addFilter(pushed.no_alarm)
    message = Message(delivery_tag=1, channel=None, body="")
    message.channel = SimpleNamespace(basic_reject=lambda *_, **__: (_ for _ in ()).throw(ConnectionError("closed")))
    with caplog.at_level(logging.INFO):
        message.reject_log_error(logger, (ConnectionError,))
        logger.critical("something else")
    logger.removeFilter(pushed.no_alarm)

    assert ["INFO", "CRITICAL"] == [record.levelname for record in caplog.records]


def test_a_lost_connection_lets_go_of_what_is_held():
    """All who wait are told to hand back; whoever comes afterwards may stay."""
    room = Room(SimpleNamespace())
    told = []
    threads_ = [threading.Thread(target=lambda: told.append(room.wait(30))) for _ in range(3)]
    for thread in threads_:
        thread.start()
    while len(room._changed._waiters) < 3:
        pass
    room.lose()
    for thread in threads_:
        thread.join(10)

    assert ([False] * 3, True) == (told, room.wait(0.001))


def test_events_are_sent_by_the_loop_alone():
    """However many a thread adds, none leaves before the loop flushes: nobody else may read what the loop reads."""
    app = Celery(broker="memory://", set_as_current=False)
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, buffer_group=["task"])
        heard = Queue("heard", dispatcher.exchange, routing_key="#").bind(connection.default_channel)
        heard.declare()
        gather(dispatcher)
        for number in range(100):
            dispatcher.send("task-started", uuid=str(number))
        before = heard.get()
        dispatcher.flush()

        assert (None, 100) == (before, len(heard.get().decode()))


@pytest.mark.parametrize(("options", "expected"), [({"confirm_publish": True}, False), ({}, None)])
def test_nobody_waits_for_the_broker_to_have_an_event(options, expected):
    """The connection for events is not confirmed, whatever that for messages is."""
    consumer = Consumer.__new__(Consumer)
    consumer.app = Celery(broker="memory://", set_as_current=False, broker_transport_options=options)
    consumer.ensure_connected = lambda connection: connection

    assert expected is consumer.connection_for_write().transport_options.get("confirm_publish")
