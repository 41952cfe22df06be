"""The root of the command line: options that every command has, and errors as one line and an exit code."""

import json
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from .. import __version__
from .exits import Exit, code_of

COMMANDS = {
    "demo": "demo:demo",
    "up": "up:up",
    "submit": "submit:submit",
    "batch": "batch:batch",
    "plan": "plan:plan",
    "jobs": "jobs:jobs",
    "gallery": "gallery:gallery",
    "stats": "standing:stats",
    "budget": "budget:budget",
    "spend": "spend:spend",
    "limits": "limits:limits",
    "resume": "standing:resume",
    "worker": "run:worker",
    "beat": "run:beat",
    "flower": "run:flower",
    "hooks": "hooks:hooks",
    "sandbox": "sandbox:sandbox",
    "doctor": "doctor:doctor",
}
"""Every command, in the order of the help, and where it is."""

JSON, DEBUG = "overcrank.json", "overcrank.debug"


def _json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[JSON] = True


def _debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[DEBUG] = True


def _config(_: click.Context, __: click.Parameter, value: Path | None) -> None:
    if value is not None:
        os.environ["OVERCRANK_CONFIG"] = str(value.absolute())


def shared_options() -> list[click.Parameter]:
    """Return new ones of the options that every command has, before or after its name."""
    return [
        click.Option(["--json"], is_flag=True, expose_value=False, callback=_json, help="Print JSON, one a line."),
        click.Option(
            ["--config"], type=click.Path(path_type=Path), expose_value=False, callback=_config, is_eager=True,
            help="Read settings from this TOML file.",
        ),
        click.Option(["--debug"], is_flag=True, expose_value=False, callback=_debug, help="Show where an error is."),
    ]  # fmt: skip


class Command(click.Command):
    """A command with the options that every command has."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.params += shared_options()


class Running(Command):
    """One that runs until it is stopped, so that its output is a log."""

    def invoke(self, context: click.Context) -> Any:
        """Run it; it prints no documents."""
        if context.meta.get(JSON):
            raise click.UsageError(f"{self.name} runs until it is stopped and prints a log, no documents: omit --json")
        return super().invoke(context)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.params += shared_options()

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant; of a misspelt one, say which is near."""
        try:
            return super().resolve_command(context, args)
        except click.UsageError:
            near = get_close_matches(args[0], self.list_commands(context), n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there is {', '.join(self.list_commands(context))}"
            raise click.UsageError(f"No such command {args[0]!r}{hint}", context) from None


class Root(Group):
    """The whole command line: commands are imported when they are asked for."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command

    def main(self, args: Sequence[str] | None = None, *given: Any, **more: Any) -> Any:
        """Run a command and end the process: an error is one line on standard error, and a code."""
        given_args = list(sys.argv[1:] if args is None else args)
        options = given_args[: given_args.index("--")] if "--" in given_args else given_args
        machine = "--json" in options
        try:
            code = super().main(given_args, *given, **{**more, "standalone_mode": False})
        except Exception as error:  # noqa: BLE001  (the end of the line: everything is said here)
            code = report(error, debug="--debug" in options, machine=machine)
        except KeyboardInterrupt:
            code = report(click.Abort(), machine=machine)
        sys.exit(code if isinstance(code, int) else 0)


def report(error: Exception, *, debug: bool = False, machine: bool = False, **about: str) -> Exit:
    """Say what went wrong in one line on standard error, and return the code to end with.

    For a *machine* it is a JSON document with the error's name, its words and the code, and what it is *about*.
    """
    if debug and not isinstance(error, click.Abort | click.UsageError):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read has gone; nothing is left to say
        return Exit.OK
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not machine:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    from ..telemetry import redact

    code, said = _judged(error)
    said = redact(" ".join(said.split()))
    if machine:
        name = "UsageError" if isinstance(error, click.UsageError) else type(error).__name__
        document = {"error": {"type": name, "message": said, "exit_code": int(code), **about}}
        click.echo(json.dumps(document), err=True)
    else:
        click.echo(f"error: {said}", err=True)
    return code


def _judged(error: Exception) -> tuple[Exit, str]:
    """Return the exit code of an error, and what to say of it."""
    if isinstance(error, click.Abort):
        return Exit.INTERRUPTED, "interrupted"
    if isinstance(error, click.UsageError):
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        return Exit.USAGE, error.format_message().rstrip(".") + hint
    if isinstance(error, click.ClickException):
        return Exit.FAILED, error.format_message()
    code, library = code_of(error), type(error).__module__.partition(".")[0]
    if code is Exit.INTERNAL:
        return code, f"{type(error).__name__}: {error} (--debug shows where)"
    if library in {"kombu", "amqp"}:
        return code, f"the broker can not be used: {error}; check OVERCRANK_BROKER_URL, or `overcrank doctor`"
    if library == "redis":
        return code, f"Redis can not be used: {error}; check OVERCRANK_REDIS_URL, or `overcrank doctor`"
    return code, str(error)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="overcrank", message="%(version)s")
def cli() -> None:
    """The queue between your code and a paid, rate-limited video model.

    Never over the limit, never over the budget, never paid twice. Settings are OVERCRANK_... variables or
    overcrank.toml; `overcrank doctor` says what is wrong with them.
    """
