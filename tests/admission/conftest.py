"""Parts over the real server, with everything configured as the first worker does it."""

from collections.abc import Callable

import pytest
from redis import Redis

from overcrank.clip import Clip
from overcrank.ids import new_id
from overcrank.job import Job
from overcrank.runtime import Runtime
from overcrank.settings import Settings


@pytest.fixture
def make(configured: Callable[..., Settings], redis: Redis) -> Callable[..., Runtime]:
    """Makes the parts; keyword arguments are parts of the settings."""

    def made(**parts: object) -> Runtime:
        runtime = Runtime(configured(**parts))
        runtime.redis = redis
        runtime.configure()
        return runtime

    return made


@pytest.fixture
def enter() -> Callable[..., Job]:
    """Enters a job of so many micro-dollars."""

    def entered(runtime: Runtime, quote: int, **fields: object) -> Job:
        job_id = new_id()
        runtime.jobs.enter(job_id, Clip(prompt="x", **fields), quote, sent=True)
        return runtime.jobs.get(job_id)

    return entered


@pytest.fixture
def admit(enter: Callable[..., Job]) -> Callable[..., Job]:
    """Enters a job and takes it through the gate."""

    def admitted(runtime: Runtime, quote: int, **fields: object) -> Job:
        job = enter(runtime, quote, **fields)
        runtime.gate.admit(job)
        return runtime.jobs.get(job.id)

    return admitted
