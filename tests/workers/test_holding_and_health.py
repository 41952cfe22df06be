"""Holding a message, handing it back, and noticing that a worker has gone deaf."""

import threading
from types import SimpleNamespace

import pytest

from workers import health
from workers.room import Room


@pytest.fixture
def room():
    """Return a waiting room that listens to nobody."""
    return Room(SimpleNamespace())


def waiting(room, seconds=30.0):
    """Let somebody wait in the room; return a function that joins them and says what they were told."""
    told = []
    thread = threading.Thread(target=lambda: told.append(room.wait(seconds)))
    thread.start()
    return lambda: (thread.join(10), told)[1]


def test_a_wake_lets_everybody_ask_again(room):
    """All who wait go on as soon as something came free."""
    answers = [waiting(room) for _ in range(3)]
    while len(room._changed._waiters) < 3:
        pass
    room.wake()

    assert [[True]] * 3 == [answer() for answer in answers]


def test_a_closing_room_hands_everything_back(room):
    """All who wait, and all who come later, are told to hand back."""
    answer = waiting(room)
    room.close()

    assert ([False], False) == (answer(), room.wait(30))


def test_a_wait_ends_by_itself(room):
    """Without any news a wait ends when its time is over, and the message is kept."""
    assert room.wait(0.001) is True


@pytest.fixture
def watch(monkeypatch):
    """Return a watch over a worker whose queues, clock and end a test rules."""
    world = SimpleNamespace(now=1000.0, waiting=True, ended=0)
    monkeypatch.setattr(health.time, "monotonic", lambda: world.now)
    monkeypatch.setattr(health.os, "kill", lambda *_: setattr(world, "ended", world.ended + 1))
    monkeypatch.setattr(health.threading, "Timer", lambda *_: SimpleNamespace(start=lambda: None))
    monkeypatch.setattr(health, "_heard", 1000.0)
    world.watch = health.Watch(SimpleNamespace(), SimpleNamespace())
    monkeypatch.setattr(world.watch, "_waiting", lambda: world.waiting)
    return world


def look_for(world, seconds, *, waiting=True):
    """Let time pass, looking every five seconds."""
    world.waiting = waiting
    for _ in range(int(seconds // 5)):
        world.now += 5
        world.watch.look()


def test_a_deaf_worker_ends_itself(watch):
    """Messages wait, there is a seat, and none is taken for long enough: the worker ends, to be started again."""
    look_for(watch, 2 * health.DEAF)
    early = watch.ended
    look_for(watch, health.DEAF)

    assert (0, 1) == (early, watch.ended)


def test_a_worker_with_nothing_to_do_lives(watch):
    """Silence without messages is no deafness, however long."""
    look_for(watch, 100 * health.DEAF, waiting=False)

    assert watch.ended == 0


def test_a_worker_that_hears_lives(watch, monkeypatch):
    """While messages are taken, those that wait only say that there is much to do."""
    for _ in range(50):
        look_for(watch, 20)
        monkeypatch.setattr(health, "_heard", watch.now)

    assert watch.ended == 0


def test_seats_that_nobody_sits_in_count_as_free(monkeypatch):
    """Where received messages take all seats and no thread runs one of them, what waits is waited for by nobody."""
    asked = []
    monkeypatch.setattr(health, "backlog", lambda _, queues: asked.append(list(queues)) or {})
    monkeypatch.setattr(health, "seated", lambda _: [])
    monkeypatch.setattr(health, "TaskPool", SimpleNamespace)
    requests = [SimpleNamespace(id="a"), SimpleNamespace(id="b")]
    monkeypatch.setattr(health.state, "reserved_requests", requests)
    queues = [SimpleNamespace(name="video.normal")]
    consumer = SimpleNamespace(task_consumer=SimpleNamespace(queues=queues), app=None, pool=SimpleNamespace())
    watch = health.Watch(SimpleNamespace(), consumer)
    watch._waiting()
    health._begun(task_id="b")
    watch._waiting()
    health._ended(task_id="b")

    assert [["video.normal"], []] == asked
