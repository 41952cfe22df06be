"""What beat does, and how often. Each tick claims its slot in one step, so two beats, or none, do no harm."""

from datetime import timedelta
from typing import Any

from overcrank import wire
from overcrank.settings import Settings

POLL_EVERY, SWEEP_EVERY = 0.5, 2.5
"""Seconds between two looks for jobs that are due, and between two looks for messages that were lost."""


def budget_every(settings: Settings) -> float:
    """Return seconds between two budget ticks: often enough to notice a new window soon."""
    return max(0.5, min(5.0, settings.budget.window.total_seconds() / 20))


def beat(settings: Settings) -> dict[str, Any]:
    """Return Celery's beat schedule."""
    spans = {wire.BUDGET_TICK: budget_every(settings), wire.POLL_TICK: 1.0, wire.SWEEP: SWEEP_EVERY}
    return {
        name: {"task": name, "schedule": timedelta(seconds=seconds), "options": {"expires": max(5.0, 2 * seconds)}}
        for name, seconds in spans.items()
    }
