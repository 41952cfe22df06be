"""`overcrank budget`: see the money, and decide about it. Every command may be run twice."""

import csv
import json
import sys
from decimal import Decimal
from typing import Any

import click

from .root import JSON, Group
from .standing import books, parts


class Dollars(click.ParamType[int]):
    """An amount of money, in dollars."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return micro-dollars."""
        from ..money import micros

        try:
            return value if isinstance(value, int) else micros(Decimal(str(value).strip().lstrip("$")))
        except (ArithmeticError, ValueError):
            self.fail(f"{value} is no amount of dollars", param, ctx)


USD = Dollars()


def _say(context: click.Context, document: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(document) if context.meta.get(JSON) else text)


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def budget(context: click.Context) -> None:
    """Show the budget, and change, pause, audit, rebuild or export it."""
    if context.invoked_subcommand is None:
        _show(context)


@budget.command()
@click.pass_context
def show(context: click.Context) -> None:
    """Show this window, the last one, every cap, and what is to come."""
    _show(context)


def _show(context: click.Context) -> None:
    found, runtime = parts()
    document = books(found, runtime)
    from ..clock import iso
    from ..money import plain

    document["outlook"] = runtime.foresight.outlook().as_dict()
    document["paused"] = runtime.caps.paused()
    document["parked"] = runtime.parking.counts()
    told = runtime.ledger.books()
    document["closed"] = None
    if "closed_through" in told:
        document["closed"] = {
            "through": iso(told["closed_through"]),
            "differences": told.get("closed_differences", 0),
            "wrong_now": told.get("wrong", 0),
        }
    document["caps"] = [
        {
            "span": cap.span,
            **{
                name: amount if amount is None or cap.span == "lane/urgent" else plain(amount)
                for name, amount in (("counts", cap.counts), ("configured", cap.configured), ("override", cap.override))
            },
        }
        for cap in runtime.caps.all()
    ]
    if context.meta.get(JSON):
        click.echo(json.dumps(document))
        return
    from ..console.standing import budget_view
    from ..console.style import console

    console().print(budget_view(document))


@budget.command("set")
@click.argument("span")
@click.argument("usd")
@click.option("--this-window", is_flag=True, help="For the current window or day alone.")
@click.pass_context
def set_(context: click.Context, span: str, usd: str, this_window: bool) -> None:
    """Set the cap of a SPAN to USD from now on; `default` goes back to the settings.

    SPAN is lane/window, lane/day, project:NAME/window, project:NAME/day, project:*/window; or lane/urgent, a percent.
    """
    from ..admission.caps import URGENT
    from ..money import dollars, plain

    _, runtime = parts()
    if usd == "default":
        amount = None
    elif span == URGENT:
        amount = int(click.IntRange(0, 100)(usd, ctx=context))
    else:
        amount = USD.convert(usd, None, context)
    caps = runtime.caps
    changed = caps.set_now(span, amount).changed if this_window else caps.set(span, amount)
    said = "the settings count" if amount is None else f"{amount} %" if span == URGENT else dollars(amount)
    document = {"span": span, "changed": changed, "this_window": this_window}
    document["said"] = None if amount is None else amount if span == URGENT else plain(amount)
    _say(
        context,
        document,
        f"{span}: {said}{' for this one alone' if this_window else ''}{'' if changed else ', as before'}",
    )


@budget.command("raise")
@click.argument("usd", type=USD)
@click.argument("span", default="lane/window")
@click.pass_context
def raise_(context: click.Context, usd: int, span: str) -> None:
    """Raise the cap of the current window (or another SPAN) to USD, for this one alone; never lower it."""
    from ..money import dollars, plain

    _, runtime = parts()
    granted = runtime.caps.set_now(span, usd, higher=True)
    before, now, changed = granted.before or 0, granted.counts or 0, granted.changed
    document = {"span": span, "changed": changed, "from_usd": plain(before), "cap_usd": plain(now)}
    _say(
        context,
        document,
        f"{span}: {dollars(before)} to {dollars(now)}" if changed else f"{span}: {dollars(now)}, as before",
    )


@budget.command()
@click.argument("owner", default="lane")
@click.option("--why", default="an operator paused it", show_default=True)
@click.pass_context
def pause(context: click.Context, owner: str, why: str) -> None:
    """Admit nothing more of the lane, or of project:NAME; what is in flight goes on."""
    _, runtime = parts()
    changed = runtime.caps.pause(owner, why)
    _say(context, {"owner": owner, "paused": True, "changed": changed}, f"{owner} is paused")


@budget.command()
@click.argument("owner", default="lane")
@click.pass_context
def resume(context: click.Context, owner: str) -> None:
    """End a pause of the lane or of project:NAME."""
    _, runtime = parts()
    changed = runtime.caps.resume(owner)
    _say(
        context,
        {"owner": owner, "paused": False, "changed": changed},
        f"{owner} goes on" if changed else f"{owner} was not paused",
    )


@budget.command()
@click.pass_context
def audit(context: click.Context) -> int:
    """Prove that the books are the replay of the journal; the exit code is 1 where they are not."""
    from ..money import dollars

    _, runtime = parts()
    verdict = runtime.audit.check()
    lines = []
    for each in verdict.differences:
        said = dollars if each.what in {"reserved", "spent", "urgent", "open", "cost"} else str
        stored = "no amount" if each.stored is None else said(each.stored)
        lines.append(f"{each.where} {each.what}: stored {stored}, journal {said(each.journal)}")
    lines.append(
        f"{verdict.books} books are the replay of {verdict.entries} entries"
        if verdict.ok
        else f"{len(verdict.differences)} differences: `overcrank budget rebuild` puts the books back"
    )
    _say(context, verdict.as_dict(), "\n".join(lines))
    return 0 if verdict.ok else 1


@budget.command()
@click.pass_context
def rebuild(context: click.Context) -> None:
    """Put the books back as the journal has them, under a new epoch; meanwhile nothing is admitted."""
    _, runtime = parts()
    epoch, restored = runtime.rebuild.run()
    runtime.configure()
    _say(context, {"epoch": epoch, "restored": restored}, f"{restored} books and attempts are put back; epoch {epoch}")


@budget.command()
@click.argument("attempt")
@click.argument("usd", type=USD)
@click.pass_context
def correct(context: click.Context, attempt: str, usd: int) -> None:
    """Book what an ATTEMPT (a job's id, a dot, and its number) was charged in truth; once, and for good."""
    from ..money import dollars, plain

    _, runtime = parts()
    changed = runtime.ledger.correct(attempt, usd)
    document = {"attempt": attempt, "cost_usd": plain(usd), "changed": changed}
    _say(context, document, f"{attempt} cost {dollars(usd)}" if changed else f"{attempt} was corrected already")


@budget.command()
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--output", type=click.File("w", lazy=False), default="-", help="A file; standard output by itself.")
@click.pass_context
def export(context: click.Context, form: str, output: Any) -> None:
    """Write the journal out, entry by entry; with --json as JSON Lines."""
    _, runtime = parts()
    rows = runtime.journal.exported()
    if form == "jsonl" or context.meta.get(JSON):
        for row in rows:
            output.write(json.dumps(row) + "\n")
        return
    target = sys.stdout if output.name == "<stdout>" else output
    writer: Any = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(output, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    target.flush()


@budget.command("try")
@click.argument("usd", type=USD)
@click.pass_context
def try_(context: click.Context, usd: int) -> None:
    """Say what would be admitted in this window if the lane's cap were USD; nothing is changed."""
    _, runtime = parts()
    found = runtime.foresight.would(usd)
    text = (
        f"at ${found['cap_usd']} a window: {found['admitted']} of {found['waiting']} waiting jobs "
        f"(${found['admitted_usd']}) in this window, and all of them in {found['windows']}"
    )
    if found["never"]:
        text += f"; {found['never']} of them never: no window has room for what they cost"
    _say(context, found, text)
