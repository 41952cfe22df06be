"""The periodic tasks: what one of them can not do holds up nothing else."""

from types import SimpleNamespace

import pytest

from tasks import ticks


def fails() -> None:
    """Stand for what can not be done just now."""
    raise ConnectionError("away")


@pytest.mark.parametrize("broken", ["release", "tick"])
def test_the_parked_go_and_the_books_are_kept_each_for_itself(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """A book that can not be closed holds nobody up, and the other way round; the failure is said all the same."""
    done = []
    actions = {name: fails if name == broken else lambda name=name: done.append(name) for name in ("release", "tick")}
    monkeypatch.setattr(ticks, "release", actions["release"])
    tools = SimpleNamespace(ledger=SimpleNamespace(tick=actions["tick"]))
    monkeypatch.setattr(ticks, "current", lambda: SimpleNamespace(tools=tools))
    with pytest.raises(ConnectionError):
        ticks.BUDGET.action()
    assert [name for name in ("release", "tick") if name != broken] == done


@pytest.mark.parametrize(("resting", "sent"), [(False, 2), (True, 0)])
def test_no_polls_are_sent_while_the_provider_rests(monkeypatch: pytest.MonkeyPatch, resting: bool, sent: int) -> None:
    """It asked for no status calls: jobs that are due wait."""
    polls: list[str] = []
    jobs = SimpleNamespace(resting=lambda: resting, now=lambda: 5)
    redis = SimpleNamespace(zcount=lambda *_: ticks.MOST + 1)
    runtime = SimpleNamespace(jobs=jobs, redis=redis, keys=SimpleNamespace(due="due"))
    monkeypatch.setattr(ticks, "current", lambda: SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(ticks, "app", SimpleNamespace(send_task=lambda name, **_: polls.append(name)))
    ticks.POLL.action()
    assert sent == len(polls)
