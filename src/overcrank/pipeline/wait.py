"""Wait: ask the provider how a generation is doing. The job holds no worker's slot between two such looks."""

from datetime import timedelta
from typing import Any

from ..backoff import later
from ..clock import SECOND
from ..errors import GenerationFailed, Undeliverable
from ..job import Job
from ..lifecycle import State
from ..outcome import Done, Ended, Next, Outcome
from ..providers import base as answers
from ..scripts import ASSUMED
from .submit import SOON, STOPPED_WAIT, bounded
from .tools import Tools

POLICY = frozenset({"content_policy", "moderated"})
"""Codes of a failure that would come again: another try would be refused too."""

SPREAD = 0.1
"""Looks after the first come up to this part later: jobs that were accepted together are not looked at together."""

SLOWING = 4
"""The wait between two looks is this part of the time since the provider accepted the job, within its bounds."""


def wait(job: Job, tools: Tools) -> Outcome:
    """Look at a generation once, and set when to look again."""
    if job.generation_id is None:
        raise AssertionError(f"{job.id} is generating and has no generation id")
    match tools.provider.status(job.generation_id, job.status_url):
        case answers.Running(progress, eta):
            noted: dict[str, Any] = {} if progress is None else {"progress": f"{progress:g}"}
            looks = int(job.stored.get("looks", 0))
            return again(job, tools, later(promised(job, tools, eta, looks), SPREAD), looks=looks + 1, **noted)
        case answers.Completed() as there:
            return completed(job, tools, there.cost, there)
        case answers.Failed() as failed:
            return gave_up(job, tools, failed)
        case answers.Stopped(reason, message):
            tools.lane.stop(reason, message)
            return again(job, tools, STOPPED_WAIT, note=message)
        case answers.Unavailable(message, retry_after):
            tools.jobs.rest(retry_after or 0)  # the others need not be told one by one
            return again(job, tools, max(interval(job, tools), retry_after or 0), note=message)
        case answers.Missing(message):
            return again(job, tools, interval(job, tools), note=message, patience=tools.settings.provider.horizon)


def promised(job: Job, tools: Tools, eta: float | None, looks: int) -> float:
    """Return seconds until the next look, by what the provider says that it still needs.

    Its first word past the ETA it gave at first is believed. One that goes on saying "soon" is asked ever less often,
    and one that says "in a thousand years" is asked all the same.
    """
    slowest = interval(job, tools)
    if eta is None:
        return slowest
    fastest = tools.settings.provider.poll_interval.total_seconds()
    least = SOON if looks == 0 else min(slowest, fastest * 2.0 ** min(looks - 1, 30))
    return max(least, bounded(eta, tools))


def interval(job: Job, tools: Tools) -> float:
    """Return seconds until the next look: longer the longer it takes, within the configured bounds."""
    provider = tools.settings.provider
    since = (tools.clock.now() - job.moments.get("accepted", 0)) / SECOND
    fastest, slowest = provider.poll_interval.total_seconds(), provider.poll_slowest.total_seconds()
    return max(fastest, min(slowest, since / SLOWING))


def again(job: Job, tools: Tools, seconds: float, patience: timedelta | None = None, **noted: Any) -> Outcome:
    """Look again later; or give up where the provider has had it for too long.

    That is longer than it keeps anything; or, where it no longer knows of it, longer than it can be at work.
    """
    since = (tools.clock.now() - job.moments.get("accepted", 0)) / SECOND
    if since > (patience or tools.settings.provider.keeps).total_seconds():
        tools.ledger.settle(job, job.quote, version=ASSUMED)
        error = Undeliverable(
            f"the provider took it as {job.generation_id} and has not finished it in {since / 60:.0f} min "
            f"({job.note or 'no reason given'}); its price is booked as charged"
        )
        return Ended() if tools.jobs.move(job, State.FAILED, error=error, cost=job.paid + job.quote) else Done("moved")
    tools.jobs.look_again(job, seconds, **noted)
    return Done("later")


def completed(job: Job, tools: Tools, cost: int | None, there: answers.Completed | None = None) -> Outcome:
    """Book the price of a finished generation, free its slot, and have its bytes fetched from where they are."""
    price = job.quote if cost is None else cost
    tools.ledger.settle(job, price)
    took = (tools.clock.now() - job.moments.get("accepted", tools.clock.now())) / SECOND
    tools.calibration.note(job.clip, job.quote, price, took)
    moved = tools.jobs.move(
        job, State.UNDELIVERED, due_in=tools.lease, stamp="completed", cost=job.paid + price, progress="100"
    )
    return Next("fetch", moved, there) if moved else Done("moved")


def gave_up(job: Job, tools: Tools, failed: answers.Failed) -> Outcome:
    """Book what a failed generation cost; try again where it may work, and all tries together stay within their cap."""
    price = job.quote if failed.cost is None else failed.cost
    tools.ledger.settle(job, price)
    why = f"the provider failed to make it ({failed.code}): {failed.message}"
    if affordable(job, tools, price) and failed.code not in POLICY and job.tries + 1 < tools.settings.retry.attempts:
        moved = tools.jobs.requeue(job, tries=job.tries + 1, paid=job.paid + price, note=why)
        return Next("enter") if moved else Done("moved")
    said = "it was charged all the same" if failed.cost else "nothing was charged"
    if failed.cost is None:
        said = "whether it was charged was not said, so its price is booked"
    error = GenerationFailed(f"{why}; {said}")
    return Ended() if tools.jobs.move(job, State.FAILED, error=error, cost=job.paid + price) else Done("moved")


def affordable(job: Job, tools: Tools, price: int) -> bool:
    """Tell whether another attempt may be made after one that was charged *price*."""
    cap = tools.settings.retry.spend_cap
    return price == 0 or (cap is not None and job.paid + price + job.quote <= cap)
