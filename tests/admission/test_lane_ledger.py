"""The lane and the ledger as the rest of the program sees them."""

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from overcrank.admission.lane import Lane
from overcrank.clip import Clip
from overcrank.clock import SECOND
from overcrank.ids import new_id
from overcrank.runtime import Runtime
from overcrank.settings import Settings


@pytest.fixture
def make_runtime(configured: Callable[..., Settings], redis: Redis) -> Callable[..., Runtime]:
    """Makes the parts over the real server, with the lane configured."""

    def make(**parts: object) -> Runtime:
        runtime = Runtime(configured(**parts))
        runtime.redis = redis
        runtime.configure()
        return runtime

    return make


def admitted(runtime: Runtime, quote: int) -> str:
    """Enter a job and take it through the gate."""
    job_id = new_id()
    runtime.jobs.enter(job_id, Clip(prompt="x"), quote, sent=True)
    runtime.gate.admit(runtime.jobs.get(job_id))
    return job_id


@given(st.floats(0.001, 100_000))
def test_an_interval_is_never_shorter_than_the_rate(rate: float) -> None:
    """Rounded up: a microsecond too many is no 429, one too few is."""
    interval = Lane._rate(rate)["interval"]
    assert isinstance(interval, int)
    assert interval * rate >= SECOND * (1 - 1e-12)
    assert (interval - 1) * rate < SECOND * (1 + 1e-12)


@pytest.mark.parametrize("rate", [10, 50, 100, 1000])
def test_a_burst_is_as_configured_but_for_one_call_at_any_rate(
    make_runtime: Callable[..., Runtime], rate: float
) -> None:
    """After a pause as many leave at once; while calls go on, those that come in a tenth of a second are a margin."""
    runtime = make_runtime(limits={"rate": rate, "burst": 15})
    assert (15, 14) == (runtime.lane.state().burst, runtime.lane.state().permits)


@pytest.mark.parametrize("rate", [3, 0.7, 7, 13, 29])
def test_a_burst_that_is_changed_leaves_the_rate_alone(make_runtime: Callable[..., Runtime], rate: float) -> None:
    """Also where an interval is no whole number of microseconds, and however often it is changed."""
    runtime = make_runtime(limits={"rate": rate, "burst": 2})
    before = runtime.redis.hget(runtime.keys.limits, "interval")
    for burst in (5, 6, 5):
        assert runtime.lane.set(burst=burst)
        assert not runtime.lane.set(burst=burst)
    assert before == runtime.redis.hget(runtime.keys.limits, "interval")
    assert 5 == runtime.lane.state().burst


def test_no_rate_is_no_interval() -> None:
    """Zero means none."""
    assert 0 == Lane._rate(0)["interval"]


def test_the_state_of_the_lane_is_what_people_set(make_runtime: Callable[..., Runtime]) -> None:
    """Rate, burst and slots, and how many calls could leave now."""
    runtime = make_runtime(limits={"rate": 10, "burst": 15, "concurrency": 7})
    state = runtime.lane.state()
    assert (10.0, 15, 7, 14, 0, None, None, 1.0) == (
        state.rate, state.burst, state.concurrency, state.permits, state.in_flight, state.cool_until, state.stopped,
        state.slowed_to,
    )  # fmt: skip
    job = runtime.jobs.get(admitted(runtime, 100))
    assert (13, 1) == (runtime.lane.state().permits, runtime.lane.state().in_flight)
    runtime.jobs.requeue(job)
    assert 0 == runtime.lane.state().in_flight


def test_a_changed_rate_keeps_the_burst(make_runtime: Callable[..., Runtime]) -> None:
    """The operator's button changes one thing."""
    runtime = make_runtime(limits={"rate": 10, "burst": 15})
    runtime.lane.set(2)
    assert (2.0, 15) == (runtime.lane.state().rate, runtime.lane.state().burst)
    runtime.lane.set(0)
    assert runtime.lane.state().permits is None


def test_a_stopped_or_cooling_lane_has_no_permits(make_runtime: Callable[..., Runtime]) -> None:
    """Opening it again says whether it was shut."""
    runtime = make_runtime()
    runtime.lane.stop("key", "wrong")
    assert ("key: wrong", 0) == (runtime.lane.state().stopped, runtime.lane.state().permits)
    assert runtime.lane.resume()
    assert not runtime.lane.resume()
    until = runtime.lane.throttled(5, "rate", runtime.jobs.now())
    assert (until, 0, 0.7) == (
        runtime.lane.state().cool_until, runtime.lane.state().permits, runtime.lane.state().slowed_to
    )  # fmt: skip


def test_the_window_says_what_is_left(make_runtime: Callable[..., Runtime]) -> None:
    """Reserved, spent and room, by the server's calendar."""
    runtime = make_runtime(budget={"cap": 1, "window": 3600})
    admitted(runtime, 300_000)
    job = runtime.jobs.get(admitted(runtime, 200_000))
    runtime.ledger.settle(job, 150_000)
    window = runtime.ledger.window()
    assert (300_000, 150_000, 550_000, 45.0) == (window.reserved, window.spent, window.room, window.used)
    assert (0, 3600 * SECOND) == (window.start % (3600 * SECOND), window.end - window.start)
    assert "0.55" == window.as_dict()["room_usd"]
    assert window.start == runtime.ledger.last_window().end


def test_without_limits_there_is_no_window(make_runtime: Callable[..., Runtime]) -> None:
    """A flushed server has no room, and a tick of it does nothing."""
    runtime = make_runtime()
    runtime.redis.flushall()
    assert (0, 100.0) == (runtime.ledger.window().room, runtime.ledger.window().used)
    assert {"window": None} == runtime.ledger.tick()


def test_an_overrun_is_logged_and_leaves_no_room(
    make_runtime: Callable[..., Runtime], caplog: pytest.LogCaptureFixture
) -> None:
    """Loud, and blocked by the same arithmetic."""
    runtime = make_runtime(budget={"cap": 1})
    job = runtime.jobs.get(admitted(runtime, 900_000))
    with caplog.at_level(logging.WARNING):
        runtime.ledger.settle(job, 1_100_000)
    assert f"overrun: attempt {job.attempt} cost $1.10, $0.20 more than was reserved" in caplog.text
    assert -100_000 == runtime.ledger.window().room


def test_a_tick_warns_once_at_each_threshold_and_keeps_a_record(
    make_runtime: Callable[..., Runtime], caplog: pytest.LogCaptureFixture
) -> None:
    """Two ticks at once do no harm: the second finds everything done."""
    runtime = make_runtime(budget={"cap": 1, "warn_at": (50, 80, 100)})
    runtime.ledger.settle(runtime.jobs.get(admitted(runtime, 850_000)), 850_000)
    with caplog.at_level(logging.INFO, "overcrank"):
        first, second = runtime.ledger.tick(), runtime.ledger.tick()
    assert (True, False) == (first["opened"], second["opened"])
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 2 == len(said)
    assert "50 %" in said[0]
    assert "80 %" in said[1]
    assert 850_000 == runtime.ledger.books()["window_spent"]


def test_a_stopped_lane_is_said_once_and_aloud(make, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever stops it first says so, as critical and as an alarm; others who find it stopped add nothing."""
    runtime = make()
    told: list[str] = []
    runtime.alarms.tell = lambda kind, text, **_: told.append(f"{kind} {text}")
    for _ in range(3):
        runtime.lane.stop("key", "it is wrong")
    again = runtime.lane.resume()
    runtime.lane.stop("balance", "it is gone")

    assert ([True, True, True], 2, True) == (
        [word in told[0] for word in ("lane.stopped", "key: it is wrong", "overcrank resume")],
        len(told),
        again,
    )
    assert 2 == sum(record.levelname == "CRITICAL" for record in caplog.records)
