"""Sharing: a film that was paid for already, or is being paid for now, is not paid for again.

Each request is a job of its own: it has its own priority, deadline, notes and result, and can be cancelled alone. Where
another job makes the same film it *follows* that one, without an attempt, money or message, and is served when that
ends: from the stored original, of which its own steps are made. Where the other ends without a clip, or its files are
not kept any more, one of its followers leads and pays, and the others follow that one.
"""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ..clip import Clip
from ..clock import SECOND
from ..errors import DeadlineMissed, Undeliverable
from ..job import Job
from ..lifecycle import WAITING, State
from ..media.mp4 import Film
from ..outcome import Done, Ended, Next, Outcome
from ..planning.reuse import sharing
from ..scripts import Sharing
from ..storage.base import StorageUnavailable
from ..store.jobs import Jobs
from .backdrop import found
from .described import differs, wishes
from .tools import Tools


def led(jobs: Jobs, asking: Sequence[tuple[str, Sharing]]) -> list[Sharing]:
    """Return for each job that enters, by its id, what it asks for and who is believed to make that.

    That is who makes it now, or the first of those that enter with it.
    """
    wanted = {one.key for _, one in asking if one.key}
    makers = jobs.leaders(sorted(wanted)) if wanted else {}
    believed = []
    for job_id, one in asking:
        believed.append(one._replace(leader=makers.get(one.key, "")) if one.key else one)
        for film in {one.film, one.alike} & wanted:
            makers.setdefault(film, job_id)
    return believed


def enter(jobs: Jobs, job_id: str, clip: Clip, quote: int, model: str) -> str:
    """Write a job whose message is here already; return its id, or that of the job its unique key stands for."""
    background = found(jobs, [clip]).get((clip.project, clip.background or ""), "")
    while True:
        [asking] = led(jobs, [(job_id, sharing(clip, model))])
        answer, there, _ = jobs.enter(job_id, clip, quote, sent=True, sharing=asking, background=background)
        if answer != "led":
            return job_id if answer == "following" else str(there)


def follow(job: Job, tools: Tools) -> Outcome:
    """Let a job that follows another wait for its end, within its own deadline; then its clip is to be fetched."""
    leader = next(iter(tools.jobs.get_many([job.leader])), None)
    if leader is not None and not leader.ended:
        if _late(job, tools) and leader.state in WAITING:
            said = DeadlineMissed(
                f"{leader.id}, which makes its film, was not started by its deadline; nothing was spent"
            )
            return Ended() if tools.jobs.move(job, State.FAILED, error=said, cost=job.paid) else Done("moved")
        leader = tools.jobs.await_end(job, leader.id)
    if leader is not None and not leader.ended:
        return Done("another job makes its film")
    return Next("fetch", job)


def serve(job: Job, tools: Tools) -> Outcome:
    """Give a job whose leader has ended that one's clip; where there is none, have it lead.

    Only a worker that fetches knows what is stored.
    """
    leader = next(iter(tools.jobs.get_many([job.leader])), None)
    if leader is not None and not leader.ended:
        return Done("another job makes its film")
    try:
        if leader is not None and leader.file and tools.storage.has(leader.original):
            return _serve(job, leader, tools)
    except StorageUnavailable as error:
        tools.jobs.look_again(job, tools.lease, note=str(error))
        return Done("later")
    return _lead(job, tools)


def _late(job: Job, tools: Tools) -> bool:
    deadline = job.clip.deadline
    return deadline is not None and tools.clock.now() > deadline.timestamp() * SECOND


def _serve(job: Job, leader: Job, tools: Tools) -> Outcome:
    """Give a job the original that another has paid for; what is made of that is its own."""
    there: dict[str, Any] = dict(leader.file or {})
    described: dict[str, Any] = there["film"]
    film = Film(
        Fraction(str(described["duration"])), Fraction(str(described["fps"])), described["frames"], described["width"],
        described["height"], described["codec"],
    )  # fmt: skip
    file = {name: there[name] for name in ("url", "sha256", "bytes", "film")}
    file |= {"asked": wishes(job.clip), "differs": differs(job, film)}
    moved = tools.jobs.move(
        job, State.FETCHED, due_in=tools.lease, stamp="fetched", file=json.dumps(file), cost=job.paid, saved=job.quote,
        source=leader.source or leader.id, generation_id=leader.generation_id or "", status_url=leader.status_url or "",
        completed=leader.moments.get("completed", tools.clock.now()), note="", runs=0,
    )  # fmt: skip
    return Next("finish", moved) if moved else Done("moved")


def _lead(job: Job, tools: Tools) -> Outcome:
    """Have a job whose leader has no clip for it pay for its own, unless another does by now or it must not."""
    if job.stored.get("wants") == "named":
        why = f"the original of {job.leader} is not kept any more, so nothing can be made of it: submit the clip again"
        return Ended() if tools.jobs.move(job, State.FAILED, error=Undeliverable(why), cost=job.paid) else Done("moved")
    asking = sharing(job.clip, tools.provider.model)
    while True:
        answer = tools.jobs.lead(job, asking._replace(leader=leader_of(tools.jobs, asking)))
        if answer[0] == "leads":
            return Next("enter", tools.jobs.get(job.id))
        if answer[0] == "follows":  # and that one may have ended meanwhile
            tools.jobs.look_again(job, 0)
            return Done("another job makes its film")
        if answer[0] == "stale":
            return Done("moved")


def leader_of(jobs: Jobs, asking: Sharing) -> str:
    """Return the job that makes what is asked for, or nothing."""
    return jobs.leaders([asking.key]).get(asking.key, "")


def served(jobs: Jobs, asking: Sequence[Sharing]) -> list[bool]:
    """Tell of each request whether a job has, or is making, what would serve it now."""
    keys = {one.key for one in asking if one.key}
    if not keys:
        return [False] * len(asking)
    makers = jobs.leaders(sorted(keys))
    good = {job.id for job in jobs.get_many(makers.values()) if job.state is State.SUCCEEDED or not job.ended}
    return [makers.get(one.key) in good for one in asking]
