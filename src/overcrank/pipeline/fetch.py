"""Fetch: bring a paid clip home. It is tried for as long as the provider keeps it, and never paid for again."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..backoff import later
from ..clock import SECOND
from ..job import Job
from ..lifecycle import State
from ..media.mp4 import NotAFilm, probe
from ..outcome import Done, Ended, Next, Outcome
from ..providers import base as answers
from ..storage.base import NotKept, StorageUnavailable
from .described import describe, original, side_file
from .operator import ASSUMED_EVERY
from .spoilt import SELDOM, counted, hopeless, lasting, noted, said
from .submit import STOPPED_WAIT
from .tools import Tools

logger = logging.getLogger(__name__)

FRESH_URLS = 3
"""How many fresh addresses are asked for in one run of the stage."""

SLOWEST = 60.0
"""Seconds between two runs of the stage for one job, at most."""

GONE = "its stored clip is gone, so it is fetched anew"


def fetch(job: Job, tools: Tools, there: answers.Completed | None = None, *, last: bool = False) -> Outcome:
    """Store and verify the bytes of a finished generation; *there* is where they are, if that has just been said.

    *last* says that nothing is to be made of them, so that the job ends in the same step.
    """
    if job.generation_id is None:
        raise AssertionError(f"{job.id} is undelivered and has no generation id")
    why = arrived = ""
    for _ in range(FRESH_URLS):
        answer, there = there or tools.provider.status(job.generation_id, job.status_url), None
        match answer:
            case answers.Completed(url, sha256, _):
                if hopeless(job, sha256):  # the provider says itself that it has nothing else
                    return again(job, tools, said(job, why or job.note or ""), SELDOM, **noted(job))
                try:
                    part = tools.storage.staging(job.id)
                    got = tools.provider.download(url, part, sha256)
                    if isinstance(got, answers.Downloaded):
                        arrived = got.sha256
                        if hopeless(job, arrived):
                            tools.storage.discard(job.id)
                            return again(job, tools, said(job, why or job.note or ""), SELDOM, **noted(job))
                        return stored(job, tools, got, part, last=last)
                except NotAFilm as error:
                    tools.storage.discard(job.id)
                    why = f"what came is no film: {error}"
                    promised = sha256 is not None
                    job = counted(job, tools, arrived, sure=promised or lasting(job, tools, arrived))
                    continue
                except StorageUnavailable as error:
                    return again(job, tools, str(error))
                why = got.message
                if isinstance(got, answers.Unavailable):
                    break
            case answers.Stopped(_, message):  # a look that is refused stops nobody: the next paid call finds out
                return again(job, tools, message, STOPPED_WAIT)
            case answers.Unavailable(message, retry_after):
                return again(job, tools, message, retry_after)
            case answers.Missing(message) | answers.Failed(_, message):
                why = f"the provider had it ready and now says: {message}"
                break
            case answers.Running():
                why = "the provider had it ready and now says it is still at work"
                break
    return again(job, tools, said(job, why), SELDOM if hopeless(job, _spoilt(job)) else None, **noted(job))


def stored(job: Job, tools: Tools, got: answers.Downloaded, part: Path, *, last: bool) -> Outcome:
    """Put verified bytes in their final place, with a side file that says where they come from.

    Raises:
        NotAFilm: they are none.
    """
    described, now = describe(job, got, probe(part)), tools.clock.now()
    moments = {"fetched": now, "ended": now} if last else {"fetched": now}
    side = side_file(job, described, **moments)
    url = tools.storage.keep(part, f"{job.id}.mp4", side, sha256=got.sha256)
    tools.storage.discard(job.id)
    fields: dict[str, Any] = {"file": json.dumps({"url": url, **described}), "note": "", "runs": 0, "source": ""}
    if last:
        moved = tools.jobs.move(job, State.SUCCEEDED, **fields, **moments)
        return Ended(moved) if moved else Done("moved")
    moved = tools.jobs.move(job, State.FETCHED, due_in=tools.lease, **fields, **moments)
    return Next("finish", moved) if moved else Done("moved")


def again(job: Job, tools: Tools, why: str, retry_after: float | None = None, **noted: Any) -> Outcome:
    """Try again later: the clip is paid for, so only the end of the provider's patience ends ours."""
    since = (tools.clock.now() - job.moments.get("completed", 0)) / SECOND
    if since > tools.settings.provider.keeps.total_seconds():
        waits = f"it was paid for and could not be fetched in {since / 3600:.0f} h: {why}"
        tools.jobs.look_again(job, ASSUMED_EVERY, note=waits, **noted)
        with suppress(StorageUnavailable):
            tools.storage.discard(job.id)
        logger.error("job %s waits for an operator: %s; see `overcrank jobs doubt`", job.id, waits)
        return Done("for an operator")
    wait = max(retry_after or 0, min(SLOWEST, max(1.0, since / 4)))
    tools.jobs.look_again(job, later(wait), note=why, **noted)
    return Done("later")


def undelivered(job: Job, tools: Tools, why: str, retry_after: float | None = None, **noted: Any) -> Outcome:
    """Take a clip that is here and is of no use, or is here no longer, for one that has not come."""
    moved = tools.jobs.move(job, State.UNDELIVERED, due_in=tools.lease, note=why, runs=0, **noted)
    return again(moved, tools, why, retry_after) if moved else Done("moved")


def postponed(job: Job, tools: Tools, why: str, **noted: Any) -> Outcome:
    """Go on later with a job whose clip is here, the later the longer it has been: the trouble is not its own."""
    tools.jobs.came_back(job)
    since = (tools.clock.now() - job.moments.get("fetched", 0)) / SECOND
    tools.jobs.look_again(job, later(min(SLOWEST, max(tools.lease, since / 4))), note=why, **noted)
    return Done("later")


def put_off(job: Job, tools: Tools, why: str) -> Outcome:
    """Go on later with a job at which a stage failed in a way that nobody foresaw: its worker lives."""
    tools.jobs.came_back(job)
    job = tools.jobs.get(job.id)
    if job.state is State.UNDELIVERED:
        return again(job, tools, why)
    return postponed(job, tools, why) if job.state is State.FETCHED else Done("moved")


def finish(job: Job, tools: Tools) -> Outcome:
    """End a job whose clip is stored and settled and of which nothing is to be made."""
    try:
        return succeeded(job, tools, job.file or {})
    except NotKept as error:
        return undelivered(job, tools, f"{GONE}: {error}")
    except StorageUnavailable as error:
        return postponed(job, tools, str(error))


def succeeded(job: Job, tools: Tools, file: Mapping[str, Any]) -> Outcome:
    """End a job with what *file* says of its files, having written the same beside the clip.

    Raises:
        NotKept: its clip is gone. StorageUnavailable: it can not be written.
    """
    if tools.jobs.get(job.id).version != job.version:
        return Done("moved")
    now = tools.clock.now()
    if not job.source:  # else what is beside the clip is about the job that paid for it
        tools.storage.describe(original(job), side_file(job, file, ended=now))
    elif not tools.storage.has(original(job)):
        raise NotKept(f"{original(job)} is kept no longer")
    moved = tools.jobs.move(job, State.SUCCEEDED, file=json.dumps(file), ended=now, note="", runs=0)
    return Ended(moved) if moved else Done("moved")


def _spoilt(job: Job) -> str | None:
    return job.spoilt["sha256"] if job.spoilt else None
