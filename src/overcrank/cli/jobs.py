"""`overcrank jobs`: list, show and cancel."""

import json
from typing import Any

import click

from .exits import Exit, code_of
from .root import JSON, Group, report

STATES = (
    "queued", "parked", "following", "admitted", "submitting", "in_doubt", "generating", "undelivered", "fetched",
    "succeeded", "failed", "refused", "cancelled", "discarded",
)  # fmt: skip


@click.group(cls=Group)
def jobs() -> None:
    """List, show and cancel jobs."""


def _client() -> Any:
    from ..client import Client
    from .attach import settings

    return Client(settings())


@jobs.command("list")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only these; all by itself.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@click.pass_context
def list_(context: click.Context, states: tuple[str, ...], limit: int) -> None:
    """List jobs, the youngest first; with --json a line each."""
    found = _client().latest(states or STATES, limit)
    if context.meta.get(JSON):
        for job in found:
            click.echo(json.dumps(job.as_dict()))
        return
    from ..console.jobs import jobs_list
    from ..console.style import console

    console().print(jobs_list(found) if found else "no jobs")


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.pass_context
def show(context: click.Context, job_id: str) -> None:
    """Show all there is to say about a job."""
    job = _client().get(job_id)
    if context.meta.get(JSON):
        click.echo(json.dumps(job.as_dict()))
        return
    from ..console.jobs import job_card
    from ..console.style import console

    console().print(job_card(job))


@jobs.command()
@click.argument("job_id", metavar="ID")
@click.option("--extras", help="Made beside it: any of light,poster,preview,sheet.")
@click.option("--deliver-fps", type=int, help="Frames a second of what is delivered: slows a slow motion down.")
@click.option("--speed", type=int, help="How many times as fast a time lapse or hyperlapse is delivered.")
@click.option("--background", help="The id or unique key of the job whose clip is put behind it.")
@click.option("--key", help="What the background is seen through: green, blue, black, white, #rrggbb or alpha.")
@click.option("--key-tolerance", type=float, help="How far from that colour is seen through, 0 to 1.")
@click.option("--key-softness", type=float, help="How far beyond that it fades into the clip, 0 to 1.")
@click.pass_context
def render(context: click.Context, /, job_id: str, **given: Any) -> None:
    """Make more of a clip that is here, by a job of its own: nothing is paid for it."""
    wishes = {name: value for name, value in given.items() if value is not None}
    if not wishes:
        raise click.UsageError("say what is to be made of it: --extras, --deliver-fps, --speed or --background")
    job = _client().render(job_id, **wishes)
    if context.meta.get(JSON):
        click.echo(json.dumps(job.as_dict()))
        return
    from ..console.jobs import shared

    click.echo(f"{job.id}  {job.state}  {shared(job)}")


@jobs.command()
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@click.pass_context
def cancel(context: click.Context, job_ids: tuple[str, ...]) -> int:
    """Cancel jobs that have not been sent; what is at the provider is paid for and will be delivered."""
    from ..errors import TooLate, UnknownJob

    client, worst = _client(), Exit.OK
    for job_id in job_ids:
        try:
            job = client.cancel(job_id)
        except (TooLate, UnknownJob) as error:
            report(error, machine=bool(context.meta.get(JSON)), job=job_id)
            worst = max(worst, code_of(error))
            continue
        click.echo(json.dumps(job.as_dict()) if context.meta.get(JSON) else f"{job.id}  {job.state}")
    return worst


@jobs.command()
@click.argument("job_id", metavar="[ID]", required=False)
@click.option("--accept", "decision", flag_value="accept", help="It was charged and will not come: end it so.")
@click.option(
    "--write-off", "decision", flag_value="write_off", help="It was not charged and will not come: end it so."
)
@click.option("--retry", "decision", flag_value="retry", help="Pay for another attempt, at your own risk.")
@click.pass_context
def doubt(context: click.Context, job_id: str | None, decision: Any) -> None:
    """List jobs whose money is or may be spent and whose clip is not here; or decide on one."""
    client = _client()
    if job_id and decision:
        job = client.decide(job_id, decision)
        click.echo(
            json.dumps(job.as_dict())
            if context.meta.get(JSON)
            else f"{job.id}  {job.state}: {job.exception or job.note}"
        )
        return
    if job_id or decision:
        raise click.UsageError("to decide on a job, name it and one of --accept, --write-off and --retry")
    found = client.doubtful(1000)
    if context.meta.get(JSON):
        for job in found:
            click.echo(json.dumps(job.as_dict()))
        return
    from ..money import dollars

    for job in found:
        money = "booked as charged" if job.assumed or job.cost else "reserved"
        click.echo(f"{job.id}  {job.state}  {dollars(job.cost or job.quote)} {money}  {job.note or ''}")
    if not found:
        click.echo("nothing is in doubt")
