"""Wait: ask the provider how a generation is doing. The job holds no worker's slot between two such looks."""

from datetime import timedelta
from typing import Any

from ..backoff import later
from ..clock import SECOND
from ..errors import GenerationFailed
from ..job import Job
from ..lifecycle import State
from ..money import dollars, plain
from ..outcome import Done, Ended, Next, Outcome
from ..providers import base as answers
from ..providers.redact import clean
from ..scripts import OBSERVED
from .evidence import noted
from .operator import assume
from .submit import SOON, STOPPED_WAIT, bounded, too_long
from .tools import Tools

POLICY = frozenset({"content_policy", "moderated"})
"""Codes of a failure that would come again: another try would be refused too."""

MISSED_LOOKS, MISSED_FOR = 5, 300 * SECOND
"""How many looks in a row have to tell nothing, and over how long (µs), before a generation is given up."""
SPREAD = 0.1
"""Looks after the first come up to this part later: jobs that were accepted together are not looked at together."""

SLOWING = 4
"""The wait between two looks is this part of the time since the provider accepted the job, within its bounds."""


def wait(job: Job, tools: Tools) -> Outcome:
    """Look at a generation once, and set when to look again."""
    if job.generation_id is None:
        raise AssertionError(f"{job.id} is generating and has no generation id")
    if job.sent_to and tools.provider.identity.stranger(job.sent_to) == "vendor":
        return missed(job, tools, interval(job, tools), "another vendor has it than the settings name now")
    match tools.provider.status(job.generation_id, job.status_url):
        case answers.Running(progress, eta):
            seen: dict[str, Any] = {} if progress is None else {"progress": f"{progress:g}"}
            looks = int(job.stored.get("looks", 0))
            seconds = later(promised(job, tools, eta, looks), SPREAD)
            return again(job, tools, seconds, missed=0, looks=looks + 1, **seen)
        case answers.Completed() as there:
            return completed(job, tools, there)
        case answers.Failed() as failed:
            return gave_up(job, tools, failed)
        case answers.Stopped(_, message):  # a look that is refused stops nobody: the next paid call finds out
            return missed(job, tools, STOPPED_WAIT, message)
        case answers.Unavailable(message, retry_after):
            tools.jobs.rest(retry_after or 0)  # the others need not be told one by one
            return missed(job, tools, max(interval(job, tools), retry_after or 0), message)
        case answers.Missing(message):
            return missed(job, tools, interval(job, tools), message, tools.settings.provider.horizon)


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


def again(job: Job, tools: Tools, seconds: float, **seen: Any) -> Outcome:
    """Look again later; or ask an operator, where the provider is at it for longer than it keeps anything."""
    if since_accepted(job, tools) > tools.settings.provider.keeps.total_seconds():
        return given_up(job, tools, "it is not finished")
    tools.jobs.look_again(job, seconds, **seen)
    return Done("later")


def missed(job: Job, tools: Tools, seconds: float, why: str, patience: timedelta | None = None) -> Outcome:
    """Count a look that told nothing of the generation; one alone, however late, ends nothing.

    Several over minutes do, where it is over *patience* since the provider took the job: by default as long as it
    keeps anything; or, where it does not know of it, as long as it can be at work.
    """
    now, looks = tools.clock.now(), job.missed + 1
    first = job.missed_since if job.missed else now
    late = since_accepted(job, tools) > (patience or tools.settings.provider.keeps).total_seconds()
    if late and looks >= MISSED_LOOKS and now - first >= MISSED_FOR:
        return given_up(job, tools, why)
    tools.jobs.look_again(job, seconds, note=why, missed=looks, missed_since=first)
    return Done("later")


def given_up(job: Job, tools: Tools, why: str) -> Outcome:
    """Leave a generation that nobody hears of to an operator."""
    minutes = since_accepted(job, tools) / 60
    said = f"the provider took it as {clean(repr(job.generation_id))}, and after {minutes:.0f} min: {why}"
    return assume(job, tools, clean(said), evidence=noted(job, said))


def since_accepted(job: Job, tools: Tools) -> float:
    """Return seconds since the provider took the job."""
    return (tools.clock.now() - job.moments.get("accepted", 0)) / SECOND


def completed(job: Job, tools: Tools, there: answers.Completed) -> Outcome:
    """Book the price of a finished generation, free its slot, and have its bytes fetched from where they are."""
    price, seen = believed(job, tools, there.cost, there.note)
    took = (tools.clock.now() - job.moments.get("accepted", tools.clock.now())) / SECOND
    moved = tools.jobs.move(
        job, State.UNDELIVERED, due_in=tools.lease, stamp="completed", book=price, sure=OBSERVED,
        cost=job.paid + price, progress="100", missed=0, **seen,
    )  # fmt: skip
    if moved is None:
        return Done("moved")
    booked(job, tools, price)
    tools.calibration.note(job.clip, job.quote, price, took)  # who dies before this notes nothing; twice would be wrong
    return Next("fetch", moved, there)


def believed(job: Job, tools: Tools, cost: int | None, note: str) -> tuple[int, dict[str, Any]]:
    """Return the price to book for an attempt, and what has to be remembered of what the provider said.

    One absurd number must not block the lane: the quote is booked, and people are told.
    """
    if cost is None:
        return job.quote, {"evidence": noted(job, note)} if note else {}
    if cost <= job.quote * tools.settings.budget.believed:
        return cost, {}
    said = f"the provider says that it cost {dollars(cost)}; its price of {dollars(job.quote)} is booked instead"
    tools.alarms.tell("budget.absurd", f"job {job.id}: {said}", job=job.id, attempt=job.attempt, cost_usd=plain(cost))
    return job.quote, {"evidence": noted(job, said)}


def booked(job: Job, tools: Tools, price: int) -> None:
    """Tell people where an attempt was charged more than was reserved for it."""
    over = price - (job.amount or job.quote)
    if over > 0:
        tools.ledger.overrun(job.attempt, price, over)


def gave_up(job: Job, tools: Tools, failed: answers.Failed) -> Outcome:
    """Book what a failed generation cost; try again where it may work, and all tries together stay within their cap."""
    price, seen = believed(job, tools, failed.cost, failed.note)
    price = max(price, tools.ledger.charged(job))  # what is booked as charged is not tried again for nothing
    why = f"the provider failed to make it ({failed.code}): {failed.message}"
    left = job.tries + 1 < tools.settings.retry.attempts and not too_long(job, tools)
    if affordable(job, tools, price) and failed.code not in POLICY and left:
        tried = job.tried or tools.clock.now()
        again: dict[str, Any] = {"tries": job.tries + 1, "tried": tried, "paid": job.paid + price, "note": why, **seen}
        moved = tools.jobs.requeue(job, book=price, sure=OBSERVED, **again)
        if moved:
            booked(job, tools, price)
        return Next("enter") if moved else Done("moved")
    said = "it was charged all the same" if price else "nothing was charged"
    if failed.cost is None:
        said = "whether it was charged was not said, so its price is booked"
    error, cost = GenerationFailed(f"{why}; {said}"), job.paid + price
    if not tools.jobs.move(job, State.FAILED, error=error, book=price, sure=OBSERVED, cost=cost, **seen):
        return Done("moved")
    booked(job, tools, price)
    return Ended()


def affordable(job: Job, tools: Tools, price: int) -> bool:
    """Tell whether another attempt may be made after one that was charged *price*: what it would reserve counts."""
    cap = tools.settings.retry.spend_cap
    again = tools.calibration.amount(job.clip, job.quote)
    return price == 0 or (cap is not None and job.paid + price + again <= cap)
