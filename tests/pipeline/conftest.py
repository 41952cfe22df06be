"""The bench."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from bench import Bench
from redis import Redis

from overcrank.media.mp4 import Film
from overcrank.pipeline import fetch
from overcrank.settings import Settings


@pytest.fixture
def make_bench(
    configured: Callable[..., Settings], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Bench]:
    """Makes a bench with settings of the test's own; what comes home counts as a film."""
    film = Film(Fraction(5), Fraction(120), 600, 1920, 1080, "avc1")
    monkeypatch.setattr(fetch, "probe", lambda path: film)

    def make(**parts: Any) -> Bench:
        return Bench(configured(**{"limits": {"rate": 0, "concurrency": 9}, **parts}), redis)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench without a rate."""
    return make_bench()
