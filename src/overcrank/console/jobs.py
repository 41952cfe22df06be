"""Jobs as people see them: in lists, one by one, under way and ended."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..clock import SECOND, iso
from ..job import Job
from ..money import dollars
from .style import priority, size, span, state, table


def jobs_list(jobs: Iterable[Job]) -> Table:
    """Return a table of jobs."""
    made = table("job", "priority", "state", ">price", ">age", "clip", flexible="clip")
    for job in jobs:
        price = dollars(job.cost if job.cost is not None else 0 if job.leader else job.quote)
        age = time.time() - job.moments.get("created", 0) / SECOND
        made.add_row(job.id, priority(job.priority), state(job.state), price, span(age), Text(job.clip.line))
    return made


def shared(job: Job) -> str:
    """Return in words what a job has from others, and they from it; nothing where that is nothing."""
    said = []
    if job.saved is not None:
        said.append(f"{dollars(job.saved)} saved: {job.leader} paid for its film")
    elif job.leader:
        said.append(f"costs nothing as long as {job.leader} has a clip")
    if job.share is not None:
        said.append(f"{dollars(job.share)} is its part of its background, {job.background}")
    if job.shared:
        said.append(f"{dollars(job.shared)} of its cost is the part of those whose background it is")
    return "; ".join(said)


def job_card(job: Job) -> Table:
    """Return all there is to say about a job."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    clip = job.clip
    rows: list[tuple[str, RenderableType | None]] = [
        ("job", job.id),
        ("state", state(job.state)),
        ("clip", Text(clip.line)),
        ("prompt", Text(clip.prompt)),
        *[(name.replace("_", " "), f"{one['value']:g}: {one['why']}") for name, one in job.chosen.items()],
        ("priority", priority(job.priority)),
        ("project", job.project),
        ("quote", dollars(job.quote)),
        ("cost", None if job.cost is None else dollars(job.cost)),
        ("shared", Text(shared(job)) if shared(job) else None),
        ("error", Text(f"{job.error[0]}: {job.error[1]}", style="red") if job.error else None),
        ("note", Text(job.note) if job.note else None),
        ("attempt", f"{job.attempt_no}, {job.tries} tries bought nothing" if job.tries else str(job.attempt_no)),
        ("generation", Text(repr(job.generation_id)[1:-1]) if job.generation_id else None),
        ("progress", None if job.progress is None or job.ended else f"{job.progress:g} %"),
        *_file(job),
        *[(name, iso(moment)) for name, moment in job.moments.items()],
    ]
    for name, value in rows:
        if value is not None:
            made.add_row(name, value)
    return made


def _file(job: Job) -> list[tuple[str, RenderableType | None]]:
    if not job.file:
        return []
    film, delivered = job.file["film"], job.file.get("delivered", {})
    rows: list[tuple[str, RenderableType | None]] = [
        ("file", Text(job.file["url"], style="bold")),
        ("", Text(f"{_shape(film)}, {film['codec']}, {size(job.file['bytes'])}")),
        ("sha256", job.file["sha256"]),
    ]
    if delivered.get("url") not in (None, job.file["url"]):
        rows += [("delivered", Text(delivered["url"], style="bold")), ("", Text(_shape(delivered)))]
    rows += [(name, Text(url)) for name, url in _beside(job)]
    return rows + [("flaw", Text(line, style="red")) for line in _flaws(job)]


def _shape(film: Mapping[str, Any]) -> str:
    length = round(film["duration"], 3)
    return f"{film['frames']} frames at {film['fps']:g} fps, {length:g} s, {film['width']}x{film['height']}"


def _beside(job: Job) -> list[tuple[str, str]]:
    """Return what was made beside the original and what is delivered."""
    file = job.file or {}
    shown = {file.get("url"), file.get("delivered", {}).get("url")}
    return [
        (name, what["url"]) for name, what in file.get("made", {}).items() if what.get("url", file["url"]) not in shown
    ]


def _flaws(job: Job) -> list[str]:
    """Return in what the clip is not as asked, and what could not be made of it."""
    flaws = [f"{name} was not made: {why}" for name, why in job.unmade.items()]
    return [*(job.file or {}).get("differs", []), *flaws]


def progress(job: Job) -> Text:
    """Return one line about a job under way."""
    waited = time.time() - job.moments.get("created", 0) / SECOND
    done = f" {job.progress:.0f} %" if job.progress is not None else ""
    note = f" ({job.note})" if job.note else ""
    return Text.assemble(job.id, "  ", state(job.state), done, f"  {span(waited)}", (note[:60], "dim"))


def ended(job: Job) -> RenderableType:
    """Return what came of a job."""
    at = job.moments
    took = span((at["ended"] - at["created"]) / SECOND) if "ended" in at and "created" in at else "?"
    first = Text.assemble(job.id, "  ", state(job.state), f"  {dollars(job.cost or 0)}  in {took}")
    if shared(job):
        first.append(f"  {shared(job)}", style="green")
    if job.exception is not None:
        return Group(first, Text(f"  {job.exception}", style="red"))
    lines = [first]
    if job.file:
        delivered = job.file.get("delivered", {})
        lines.append(Text(f"  {delivered.get('url', job.file['url'])}", style="bold"))
        if delivered.get("url") not in (None, job.file["url"]):
            lines += [Text(f"  {_shape(delivered)}"), Text(f"  original {job.file['url']}")]
        lines += [Text(f"  {name} {url}") for name, url in _beside(job)]
        lines += [Text(f"  {line}", style="red") for line in _flaws(job)]
        lines.append(Text(f"  sha256 {job.file['sha256']}", style="dim"))
        waited = (at.get("admitted", at["created"]) - at["created"]) / SECOND
        made = (at.get("completed", at["ended"]) - at.get("sent", at["created"])) / SECOND
        lines.append(Text(f"  waited {span(waited)}, made in {span(made)}, {size(job.file['bytes'])}", style="dim"))
    return Group(*lines)
