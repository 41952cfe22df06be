"""How many messages of each queue a worker takes at once, whatever its size."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection, Producer, Queue
from kombu.transport.redis import Channel

from overcrank import wire
from overcrank.clip import Priority
from workers import rooms
from workers.roles import ROLES, SUBMIT_QUEUES, WAIT_QUEUES, seats, threads

URGENT, NORMAL, BULK = (wire.QUEUES[priority] for priority in Priority)


@pytest.fixture
def busy(monkeypatch):
    """Return a function that says which messages this worker has in hand."""

    def have(queues):
        requests = [SimpleNamespace(delivery_info={"routing_key": queue}) for queue in queues]
        monkeypatch.setattr(rooms.state, "reserved_requests", requests)

    return have


def taken_until_full(role, slots, wanted, have):
    """Let a worker take messages of the wanted queues for as long as it would; return what it then has in hand."""
    rooms.furnish(seats(role, slots))
    hand = []
    while len(hand) < threads(role, slots):
        have(hand)
        open_queues = [queue for queue in rooms.seated(role.queues) if queue in wanted]
        if not open_queues:
            break
        hand.append(open_queues[0])
    return hand


@given(slots=st.integers(1, 64), name=st.sampled_from(sorted(ROLES)))
def test_every_queue_of_a_role_has_a_seat(slots, name):
    """A worker of any role and size takes from each of its queues when it has nothing in hand."""
    role = ROLES[name]
    rooms.furnish(seats(role, slots))

    assert all(count >= 1 for queues, count in seats(role, slots).items() if queues & set(role.queues))


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 5, 8, 16, 64])
def test_clips_that_hold_leave_threads_for_those_that_are_paid_for(busy, slots):
    """With as many clips on their way to the provider as it takes, a worker of all roles still fetches and polls."""
    role = ROLES["all"]
    hand = taken_until_full(role, slots, SUBMIT_QUEUES, busy)
    busy(hand)

    assert len(hand) <= slots < threads(role, slots)
    assert {*WAIT_QUEUES, wire.FETCH_QUEUE, wire.RENDER_QUEUE} == set(rooms.seated(role.queues)) - set(SUBMIT_QUEUES)


@pytest.mark.parametrize("slots", [4, 5, 8, 16, 64])
@pytest.mark.parametrize("name", ["all", "submit"])
def test_urgent_clips_find_a_seat_though_others_hold(busy, slots, name):
    """However many normal and bulk clips hold, the next urgent one is taken."""
    role = ROLES[name]
    hand = taken_until_full(role, slots, {NORMAL, BULK, wire.COMMON_QUEUE}, busy)
    busy(hand)

    assert URGENT in rooms.seated(role.queues)
    assert BULK not in rooms.seated(role.queues)


@pytest.mark.parametrize("slots", [4, 8, 16])
def test_urgent_clips_leave_a_seat_for_normal_and_bulk(busy, slots):
    """However many urgent clips come, the oldest normal and the oldest bulk one stay in line at the gate."""
    role = ROLES["all"]
    hand = taken_until_full(role, slots, {URGENT}, busy)
    busy(hand)
    order = rooms.seated(role.queues)

    assert {NORMAL, BULK} <= set(order)


def test_the_queues_are_asked_in_their_order(busy):
    """Urgent before normal before bulk; what is paid for comes home first."""
    busy([])
    role = ROLES["all"]
    rooms.furnish(seats(role, 16))

    assert list(role.queues) == rooms.seated(role.queues)
    assert [URGENT, NORMAL, BULK] == [queue for queue in role.queues if queue in {URGENT, NORMAL, BULK}]


def test_a_queue_is_followed_by_its_lists_of_other_priorities(busy):
    """What was sent with a priority of Celery's is beside its queue, and is taken before the next queue is."""
    busy([])
    rooms.furnish({})
    asked = rooms.Rooms(["video.poll", "video.normal", "video.bulk"]).consume(3)

    assert ["video.poll", "video.normal", "video.normal\x06\x161"] == asked[:3]
    assert {"video.normal\x06\x163", "video.normal\x06\x169"} <= set(asked[: asked.index("video.bulk")])


def test_a_closed_queue_is_left_alone(busy, monkeypatch):
    """A queue that was closed for some seconds is not asked until they are over."""
    busy([])
    clock = [100.0]
    monkeypatch.setattr(rooms.time, "monotonic", lambda: clock[0])
    rooms.furnish({})
    rooms.close_for("celery", 2.0)
    shut = rooms.seated(["celery", "video.bulk"])
    clock[0] += 2.0

    assert (["video.bulk"], ["celery", "video.bulk"]) == (shut, rooms.seated(["celery", "video.bulk"]))


def test_a_full_worker_that_moves_looks_again_soon(busy, monkeypatch):
    """Where a seat is taken by a job that runs, the next look is soon; where all hold, or all are free, it is not."""
    clock = [100.0]
    monkeypatch.setattr(rooms.time, "monotonic", lambda: clock[0])
    rooms.furnish({frozenset({"a"}): 1})
    order = rooms.Rooms(["a", "b"])
    waits = []
    for taken in ([], ["a"], ["a"]):
        busy(taken)
        order.consume(2)
        waits.append(order.waits)
        order.rotate("a")
    clock[0] += rooms.MOVING
    order.consume(2)

    assert [rooms.LOOK, rooms.LOOK_SOON, rooms.LOOK_SOON, rooms.LOOK] == [*waits, order.waits]


def test_what_is_done_with_is_told_with_the_next_message(redis, server_url, monkeypatch):
    """An acknowledged message stays noted until the next is received, or the queues are looked at; never longer."""
    monkeypatch.setattr(Channel, "QoS", rooms.KeepPlace)
    with Connection(server_url) as connection:
        channel = connection.channel()
        for number in range(3):
            Producer(channel).publish(str(number), routing_key="together", declare=[Queue("together")])
        first, second = (Queue("together", channel=channel).get() for _ in range(2))
        noted = [redis.hlen("unacked")]
        first.ack()
        noted.append(redis.hlen("unacked"))
        third = Queue("together", channel=channel).get()
        noted += [redis.hlen("unacked"), redis.zcard("unacked_index")]
        second.ack()
        channel.qos.flush()
        noted.append(redis.hlen("unacked"))
        third.ack()
    left = redis.hlen("unacked"), redis.zcard("unacked_index"), redis.llen("together")
    redis.flushall()

    assert [2, 2, 2, 2, 1] == noted
    assert (0, 0, 0) == left
