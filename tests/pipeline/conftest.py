"""The bench."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from redis import Redis

from overcrank.media import mp4
from overcrank.media.mp4 import Film
from overcrank.pipeline import fetch
from overcrank.providers import base as answers
from overcrank.sandbox.clips import ClipShape, render
from overcrank.settings import Settings


@pytest.fixture
def make_bench(
    configured: Callable[..., Settings], redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Bench]:
    """Makes a bench with settings of the test's own; what comes home counts as a film, and is not decoded."""
    film = Film(Fraction(5), Fraction(120), 600, 1920, 1080, "avc1")
    monkeypatch.setattr(fetch, "probe", lambda path: film)

    def make(**parts: Any) -> Bench:
        return Bench(configured(**{"limits": {"rate": 0, "concurrency": 9}, "media": {"check": False}, **parts}), redis)

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench without a rate."""
    return make_bench()


@pytest.fixture(scope="session")
def film() -> bytes:
    """Two seconds of a falling ball at 120 frames."""
    pytest.importorskip("av")
    return render(ClipShape((160, 90), 120, 240, 1, 9.81, "av"))


@pytest.fixture
def film_bench(make_bench: Callable[..., Bench], film: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """Makes a bench whose vendor delivers a real film, or whatever a test makes it, and counts how often."""
    monkeypatch.setattr(fetch, "probe", mp4.probe)

    def make(**parts: Any) -> Bench:
        bench = make_bench(**{"media": {}, **parts})
        bench.vendor.film, bench.vendor.downloads = film, 0  # type: ignore[attr-defined]

        def download(url: str, to: Path, sha256: str | None = None) -> answers.DownloadAnswer:
            bench.vendor.downloads += 1  # type: ignore[attr-defined]
            to.write_bytes(bench.vendor.film)  # type: ignore[attr-defined]
            return answers.Downloaded(to.stat().st_size, hashlib.sha256(to.read_bytes()).hexdigest())

        monkeypatch.setattr(bench.vendor, "download", download)
        return bench

    return make


@pytest.fixture
def vendor(film_bench: Callable[..., Bench]) -> Bench:
    """A bench whose vendor delivers a real film, as it is set by itself."""
    return film_bench()
