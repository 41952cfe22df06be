"""Random lives against the model: messages repeated, reordered and lost, on a real server."""

from typing import Any

import pytest
from desk import HOUR, NOW, Desk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from model import Play
from redis import Redis

from overcrank.clip import Priority
from overcrank.clock import SECOND

PROJECTS = st.sampled_from(["film", "book"])
WORKERS = st.sampled_from(["anna", "bert"])
SPANS = st.one_of(
    st.integers(1, 50),
    st.integers(1_000, 400_000),
    st.integers(SECOND, 5 * SECOND),
    st.sampled_from([900 * SECOND, HOUR]),
)


class Life(RuleBasedStateMachine):
    """Whatever anybody may do, in any order and any number of times."""

    names = Bundle("names")
    redis: Redis

    @initialize(
        interval=st.sampled_from([0, 100_000, 333_334]),
        burst=st.integers(1, 4),
        concurrency=st.integers(0, 4),
        cap=st.integers(5, 60),
        day_cap=st.sampled_from([None, None, 40, 90]),
        project_cap=st.sampled_from([None, 10, 25]),
        project_day_cap=st.sampled_from([None, None, 15, 30]),
        share=st.sampled_from([0, 0, 20, 50]),
    )
    def begin(self, **limits: int | None) -> None:
        """An empty server, some limits."""
        self.redis.flushall()
        self.play = Play(Desk(self.redis), **limits)

    @rule(target=names, priority=st.sampled_from(Priority), quote=st.integers(1, 20), project=PROJECTS)
    def enter(self, priority: Priority, quote: int, project: str) -> str:
        """A job comes."""
        return self.play.enter(priority, quote, project)

    @rule(project=PROJECTS, times=st.integers(1, 2))
    def release(self, project: str, times: int) -> None:
        """Somebody lets parked jobs go, perhaps two at once."""
        for _ in range(times):
            self.play.release(project)

    @rule(span=st.sampled_from(["lane/window", "lane/day", "project:*/window", "project:*/day", "lane/urgent"]),
          amount=st.integers(3, 60), ends=st.booleans())  # fmt: skip
    def allow(self, span: str, amount: int, ends: bool) -> None:
        """An operator sets a cap, or takes one away that need not be."""
        self.play.allow(span, None if ends and span != "lane/window" else amount)

    @rule(owner=st.sampled_from(["lane", "project:film"]), ends=st.booleans())
    def pause(self, owner: str, ends: bool) -> None:
        """An operator pauses something, or resumes it."""
        self.play.pause(owner, ends=ends)

    @rule(name=names, place=st.integers(0, 5))
    def lose(self, name: str, place: int) -> None:
        """Something is lost for a while, and nobody goes on meanwhile."""
        self.play.lose(name, place)

    @rule(name=names, worker=WORKERS, times=st.integers(1, 2))
    def admit(self, name: str, worker: str, times: int) -> None:
        """A worker asks for it, perhaps twice."""
        for _ in range(times):
            self.play.admit(name, worker)

    @rule(name=names, worker=WORKERS)
    def claim(self, name: str, worker: str) -> None:
        """A worker wants to send it."""
        self.play.claim(name, worker)

    @rule(
        name=names, number=st.integers(1, 2), cost=st.integers(0, 25), version=st.integers(1, 4),
        keep=st.booleans(), free=st.booleans(),
    )  # fmt: skip
    def settle(self, name: str, number: int, **report: Any) -> None:
        """A report about one of its attempts arrives, early, late, or again."""
        if f"{name}.{number}" in self.play.model.tries:
            self.play.settle(f"{name}.{number}", **report)

    @rule(name=names, behind=st.integers(0, 1))
    def give_back(self, name: str, behind: int) -> None:
        """Somebody who knows the job, or knew it a version ago, puts it back."""
        self.play.give_back(name, self.play.model.jobs[name].version - behind)

    @rule(wait=st.integers(1, 3 * SECOND), ago=st.integers(0, 3 * SECOND), cut=st.booleans())
    def cool(self, **complaint: Any) -> None:
        """The provider says 429."""
        self.play.cool(**complaint)

    @rule(name=names)
    def doubt(self, name: str) -> None:
        """The answer to what was sent is lost."""
        self.play.doubt(name)

    @rule(name=names, behind=st.integers(0, 1), times=st.integers(1, 2))
    def resend(self, name: str, behind: int, times: int) -> None:
        """Somebody who knows the job, or knew it a version ago, wants to send it again, perhaps twice."""
        version = self.play.model.jobs[name].version - behind
        for _ in range(times):
            self.play.resend(name, version)

    @rule(
        name=names, rival=names, worker=WORKERS, after=st.sampled_from([0, 900 * SECOND, HOUR]), assumed=st.booleans()
    )
    def goes_astray(self, name: str, rival: str, worker: str, after: int, assumed: bool) -> None:
        """All of it, as it mostly goes: sent, no answer, perhaps booked as charged, and sent again beside a rival."""
        model = self.play.model
        self.play.admit(name, worker)
        self.play.claim(name, worker)
        self.play.doubt(name)
        job = model.jobs[name]
        if assumed and job.state == "in_doubt":
            self.play.settle(f"{name}.{job.attempt_no}", job.quote, 1)
        self.play.pass_time(after)
        self.play.admit(rival, worker)
        self.play.resend(name, job.version)

    @rule(name=names, ago=st.integers(0, 3 * SECOND), good=st.booleans(), times=st.integers(1, 2))
    def heard(self, name: str, ago: int, good: bool, times: int) -> None:
        """A call was answered as it should be, or not; perhaps it is told twice."""
        job = self.play.model.jobs[name]
        admitted = self.play.model.now - ago
        for _ in range(times):
            self.play.heard(f"{name}.{job.attempt_no}", admitted, good=good)

    @rule(name=names)
    def leave(self, name: str) -> None:
        """Its message is handed back."""
        self.play.leave(name)

    @rule(most=st.integers(1, 3))
    def take_due(self, most: int) -> None:
        """Somebody looks after what is due."""
        self.play.take_due(most)

    @rule(some=st.lists(st.tuples(names, st.sampled_from(["admitted", "submitting", "in_doubt"])), max_size=3))
    def renew(self, some: list[tuple[str, str]]) -> None:
        """A worker says what it has in hand."""
        self.play.renew(some)

    @rule(span=SPANS)
    def pass_time(self, span: int) -> None:
        """Time goes by."""
        self.play.pass_time(span)

    @invariant()
    def holds(self) -> None:
        """What must hold at any time."""
        if hasattr(self, "play"):
            self.play.holds()


def test_gate_and_ledger_are_what_the_model_says(redis: Redis) -> None:
    """Any order of any steps: the same answers, the same books, and no limit ever broken."""
    machine = type("Life", (Life,), {"redis": redis})
    run_state_machine_as_test(machine, settings=settings(max_examples=settings().max_examples, stateful_step_count=40))
    redis.flushall()


def test_the_model_starts_where_the_desk_does(redis: Redis) -> None:
    """Both begin at the beginning of an hour, so that windows roll over at known moments."""
    play = Play(Desk(redis), interval=1, burst=1, concurrency=1, cap=10)
    assert NOW == play.model.now == play.desk.now
    play.holds()


@pytest.mark.parametrize("seed", range(3))
def test_a_rush_never_breaks_the_rate(redis: Redis, seed: int) -> None:
    """Hundreds of jobs that ask as early as they were told: no span holds more than its share, and none starves."""
    import random

    chance = random.Random(seed)
    play = Play(Desk(redis), interval=100_000, burst=3, concurrency=0, cap=10_000)
    names = [play.enter(chance.choice(list(Priority)), 1) for _ in range(60)]
    for _ in range(3000):
        waiting = [name for name in names if play.model.jobs[name].state == "queued"]
        if not waiting:
            break
        play.admit(chance.choice(waiting), "anna")
        play.pass_time(chance.choice([0, 0, 1, 5_000, 40_000]))
    assert [] == [name for name in names if play.model.jobs[name].state == "queued"]
    play.holds()
    for name in names:
        play.settle(f"{name}.1", 1, 2)
