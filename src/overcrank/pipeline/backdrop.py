"""Backgrounds: a clip that is generated once, by a job of its own, and put behind the clips of others.

A job whose clip is here waits for its background without a worker's slot. It books an equal part of what that cost; the
money itself is in the background's own record, budget and bill, so these parts change no total.
"""

from collections.abc import Iterable
from typing import Any

from ..clip import Clip
from ..errors import InvalidClip
from ..job import Job
from ..media.recipe import backdrop
from ..media.steps import Step
from ..media.trouble import Impossible
from ..money import plain
from ..store.jobs import Jobs
from .tools import Tools


def found(jobs: Jobs, clips: Iterable[Clip]) -> dict[tuple[str, str], str]:
    """Return the job of each background that the clips name, by project and name.

    Raises:
        InvalidClip: there is no such job in the clip's project.
    """
    wanted = {(clip.project, clip.background) for clip in clips if clip.background is not None}
    there = jobs.named(sorted(wanted))
    for project, name in sorted(wanted - there.keys()):
        raise InvalidClip(
            f"background: {name[:80]!r} is neither the id nor the unique key of a job in the project {project}; submit "
            "the background first"
        )
    return there


def awaited(job: Job, tools: Tools) -> bool:
    """Tell whether a job's background is still to come; then somebody comes back to the job when it is here."""
    if not job.background:
        return False
    there = tools.jobs.await_end(job, job.background)
    return there is not None and not there.ended


def step(job: Job, tools: Tools) -> tuple[Step, dict[str, Any]]:
    """Return what puts a job's background behind its clip, and what the result says of it; its cost is shared first.

    Raises:
        Impossible: there is no background. StorageUnavailable: it can not be had now.
    """
    there = next(iter(tools.jobs.get_many([job.background])), None)
    if there is None:
        raise Impossible(f"the record of its background {job.background} is gone")
    said: dict[str, Any] = {"job_id": there.id}
    if there.cost is not None:
        share = tools.jobs.take_share(job, there)
        said |= {"cost_usd": plain(there.cost), "share_usd": plain(share)}
    if there.file is None:
        raise Impossible(f"its background {there.id} has {there.state}: {there.exception or 'it has no clip'}")
    if not tools.storage.has(there.original):
        raise Impossible(f"the clip of its background {there.id} is not kept any more")
    said |= {"url": there.file["url"], "sha256": there.file["sha256"]}
    return backdrop(job.clip, tools.storage.local(there.original, job.id)), said
