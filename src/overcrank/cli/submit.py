"""`overcrank submit`: enqueue clips, and follow them if asked to."""

import json
import time
from contextlib import nullcontext
from typing import Any

import click

from .exits import Exit
from .plan import options as plan_options
from .plan import planned
from .root import JSON, Command

LOOK = 0.5
"""Seconds between two looks at a job that is waited for."""


def _meta(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in values:
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{entry!r} is not KEY=VALUE")
        found[key] = value
    return found


@click.command(cls=Command)
@click.argument("prompt")
@click.option("--duration", type=float, help="Seconds, 1 to 60.")
@click.option("--fps", type=int, help="Frames a second, 24 to 240.")
@click.option("--resolution", help="720p, 1080p or 4K.")
@click.option("--mode", help="slow_motion, time_lapse, hyperlapse or plain.")
@click.option("--negative", "negative_prompt", help="What is not to be seen.")
@click.option("--seed", type=int)
@click.option("--guidance", "guidance_scale", type=float, help="How closely it follows the prompt.")
@click.option("--physics", "physics_strength", type=float, help="0 (off) to 1; the prompt tells by itself.")
@click.option("--deliver-fps", type=int, help="Frames a second of what is delivered: slows a slow motion down.")
@click.option("--speed", type=int, help="How many times as fast a time lapse or hyperlapse is delivered.")
@click.option("--extras", help="Made beside it: any of light,poster,preview,sheet.")
@click.option("--background", help="The id or unique key of the job whose clip is put behind it.")
@click.option("--key", help="What the background is seen through: green, blue, black, white, #rrggbb or alpha.")
@click.option("--key-tolerance", type=float, help="How far from that colour is seen through, 0 to 1.")
@click.option("--key-softness", type=float, help="How far beyond that it fades into the clip, 0 to 1.")
@click.option(
    "--background-hold",
    "background_loop",
    flag_value=False,
    type=bool,
    default=None,
    help="A background that is shorter stands still at its end; by itself it begins anew.",
)
@click.option("--reuse", help="Which clip paid for already will do: never, same (with a seed) or any.")
@click.option("--priority", help="urgent, normal or bulk; or 1 to 10, 1 the most urgent.")
@click.option("--project", help="Whose clip it is.")
@click.option("--unique-key", help="The same key twice is the same job.")
@click.option("--deadline", help="Do not start it after this, as 2027-01-31T12:00:00Z.")
@click.option("--meta", "metadata", multiple=True, metavar="KEY=VALUE", callback=_meta, help="Kept with the job.")
@click.option("--plan", "plan_it", is_flag=True, help="Let the planner choose what is not said; see `plan --help`.")
@plan_options
@click.option("--count", type=click.IntRange(1, 100_000), default=1, help="So many of it.")
@click.option("--wait", is_flag=True, help="Wait for the clips.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds to wait at most.")
@click.pass_context
def submit(
    context: click.Context, /, count: int, wait: bool, timeout: float | None, plan_it: bool, **given: Any
) -> int:
    """Enqueue the clip that PROMPT describes, and print the job's id and price.

    The exit code is 0 where every awaited clip came home, 1 where one did not or could not be made what --deliver-fps
    or --speed asked for, 7 where the time was up.
    """
    from ..client import Client
    from .attach import settings

    machine = bool(context.meta.get(JSON))
    told = {name: given.pop(name) for name in ("purpose", "quality", "budget", "ready_in", "scene")}
    fields = {name: value for name, value in given.items() if value not in (None, {})}
    if str(fields.get("priority", "")).isdigit():
        fields["priority"] = int(fields["priority"])
    if count > 1:  # so many are meant, not one of them so many times
        fields.setdefault("reuse", "never")
    if count > 1 and "unique_key" in fields:
        raise click.UsageError("--unique-key makes one job of them all, so it can not go with --count")
    found = settings()
    client = Client(found)
    if plan_it or any(value is not None for value in told.values()):
        choice = planned(client, fields, told)
        fields |= choice.clip.model_dump(exclude_unset=True, mode="json")
        if not machine:
            click.echo(f"planned: {choice.chosen.name}, {choice.compared}")
    jobs = []
    entered = client.submit_many(dict(fields) for _ in range(count)) if count > 1 else [client.submit(fields)]
    for job in entered:
        jobs.append(job)
        if not machine:
            _say(job, live=found.provider.live)
        elif not wait:
            click.echo(json.dumps(job.as_dict()))
    return _follow(client, jobs, timeout, machine=machine) if wait else Exit.OK


def _say(job: Any, *, live: bool) -> None:
    from ..console.jobs import shared
    from ..money import dollars

    badge = click.style("LIVE ", fg="red", bold=True) if live else ""
    price = shared(job) if job.leader else dollars(job.quote)
    click.echo(f"{job.id}  {badge}{job.state}  {price}  {job.clip.line}")


def _follow(client: Any, jobs: list[Any], timeout: float | None, *, machine: bool) -> Exit:
    """Wait for the jobs, showing where they are, and print what came of each: those that are not done in time too."""
    from ..console.jobs import ended, progress
    from ..console.style import console
    from ..errors import WaitTimeout

    until = None if timeout is None else time.monotonic() + timeout
    out, wait = console(), _Wait(client, machine=machine)
    worst, late = Exit.OK, 0
    for number, job in enumerate(jobs):
        try:
            done = wait.until(job, until)
        except KeyboardInterrupt:
            for left in jobs[number:] if machine else ():  # they go on, so whoever stops waiting has to know them
                click.echo(json.dumps(left.as_dict()))
            raise
        late += not done.ended
        if machine:
            click.echo(json.dumps(done.as_dict()))
        else:
            out.print(ended(done) if done.ended else progress(done))
        if done.state != "succeeded" or done.falls_short:
            worst = Exit.FAILED
    if late:
        many = f"{jobs[0].id} is {done.state}" if len(jobs) == 1 else f"{late} of {len(jobs)} jobs had not ended"
        raise WaitTimeout(f"{many} after {timeout:g} s; it goes on{stopped(client)}")
    return worst


class _Wait:
    """Waits for jobs, and says on the way where each is and what keeps all of them."""

    def __init__(self, client: Any, *, machine: bool) -> None:
        from ..console.style import console

        self._client, self._warned = client, False
        self._out = console(error=True)
        self._shown = not machine and self._out.is_terminal

    def until(self, job: Any, end: float | None) -> Any:
        """Return a job when it has ended, or as it is when the time is up."""
        from ..console.jobs import progress
        from ..errors import WaitTimeout

        with self._out.status("") if self._shown else nullcontext() as status:
            while True:
                left = LOOK if end is None else min(LOOK, max(0.001, end - time.monotonic()))
                try:
                    return self._client.wait(job, left)
                except WaitTimeout:
                    now = self._client.get(job.id)
                    if now.ended or (end is not None and time.monotonic() >= end):
                        return now
                    if status is not None:
                        status.update(progress(now))
                    self._warn(now)

    def _warn(self, job: Any) -> None:
        if not self._warned and job.state == "queued" and (why := stopped(self._client)):
            self._warned = True
            click.echo(f"warning: it waits{why}", err=True)


def stopped(client: Any) -> str:
    """Return in words that the lane is stopped, and why; nothing where it is not."""
    from ..telemetry import redact

    why = client.stats()["lane"]["stopped"]
    return f"; the lane is stopped ({redact(why)}), so nothing is sent before `overcrank resume`" if why else ""
