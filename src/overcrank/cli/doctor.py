"""`overcrank doctor`: says what is wrong with the set-up, and how to mend it."""

import json
import time

import click

from .exits import Exit
from .root import JSON, Command


@click.command(cls=Command)
@click.option("--only", metavar="NAME", multiple=True, help="Only what is found under this name.")
@click.option("--strict", is_flag=True, help="Count what is doubtful as broken.")
@click.pass_context
def doctor(context: click.Context, only: tuple[str, ...], strict: bool) -> int:
    """Look at everything the queue needs; nothing is bought.

    The exit code is 1 where something is broken, and 4 where a setting is wrong.
    """
    from .checks import NAMES, Check, every

    for name in only:
        if name not in NAMES:
            raise click.UsageError(f"--only {name}: nothing is looked at by that name; there is {', '.join(NAMES)}")
    began, found = time.monotonic(), list[Check]()
    for check in every(set(only)):
        found.append(check)
        if context.meta.get(JSON):
            click.echo(json.dumps(check.as_dict()))
        else:
            from ..console.doctor import check_line
            from ..console.style import console

            console().print(check_line(check.verdict, check.name, check.text, check.mend))
    bad = {"fail", "warn"} if strict else {"fail"}
    broken = sum(check.verdict in bad for check in found)
    if not context.meta.get(JSON):
        said = f"{broken} broken" if broken else "nothing is broken"
        click.echo(f"{len(found)} checks in {time.monotonic() - began:.1f} s, {said}")
    if any(check.name == "settings" and check.verdict == "fail" for check in found):
        return Exit.CONFIG
    return Exit.FAILED if broken else Exit.OK
