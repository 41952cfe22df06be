"""Bytes that came and are no clip: how often the same ones came decides how soon they are fetched again.

A copy that was damaged on its way is soon fetched anew. Where the same bytes come again they are what the provider has,
and a third copy would be no better: it is asked once an hour, and the job is put before an operator.
"""

import json
from typing import Any

from ..clock import SECOND
from ..job import Job, changed_job
from .tools import Tools

OFTEN = 2
"""Copies of the same bytes after which a further one is not expected to be any better."""

SELDOM = 3600.0
"""Seconds between two looks at what the provider has then."""

PASSING = 600.0
"""Seconds for which a page that comes in a clip's stead may be a passing trouble, where no checksum was promised."""


def counted(job: Job, tools: Tools, sha256: str, *, sure: bool) -> Job:
    """Return the job with these bytes counted as spoilt once more; `noted` is to be written."""
    before = job.spoilt if job.spoilt and job.spoilt["sha256"] == sha256 else {}
    found = {
        "sha256": sha256,
        "times": before.get("times", 0) + 1,
        "since": before.get("since", tools.clock.now()),
        "sure": sure,
    }
    return changed_job(job, spoilt=json.dumps(found))


def lasting(job: Job, tools: Tools, sha256: str) -> bool:
    """Tell whether these bytes have been coming for so long that this is no passing trouble."""
    found = job.spoilt
    return bool(found and sha256 == found["sha256"] and (tools.clock.now() - found["since"]) / SECOND > PASSING)


def noted(job: Job) -> dict[str, Any]:
    """Return the field of the record that keeps the count."""
    return {"spoilt": job.stored.get("spoilt", "")}


def hopeless(job: Job, sha256: str | None) -> bool:
    """Tell whether these bytes have come so often that another copy is of no use."""
    found = job.spoilt
    return bool(found and sha256 == found["sha256"] and found["sure"] and found["times"] >= OFTEN)


def said(job: Job, why: str) -> str:
    """Return *why*, and what an operator can do where the provider has nothing better."""
    found = job.spoilt or {}
    if found.get("times", 0) < OFTEN or not found.get("sure"):
        return why
    return f"{why}; the same bytes came {found['times']} times, so it is asked once an hour: `--accept` ends it"
