"""The root of the command line: help, options that every command has, errors and exit codes."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from kombu.exceptions import OperationalError

from overcrank import errors
from overcrank.cli.exits import Exit, code_of
from overcrank.cli.root import COMMANDS, Root, cli


def commands() -> list[click.Command]:
    """Return every command that does something, those in groups too."""
    context = click.Context(cli)
    found = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found += command.commands.values() if isinstance(command, click.Group) else [command]
    return found


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it wrote."""
    result = CliRunner().invoke(cli, list(arguments), prog_name="overcrank")
    return result.exit_code, result.stdout, result.stderr


def test_help_names_every_command():
    """`overcrank --help` lists all there is."""
    done = subprocess.run([sys.executable, "-m", "overcrank", "--help"], capture_output=True, text=True, check=True)
    assert [] == [name for name in COMMANDS if f"\n  {name} " not in done.stdout]


def test_help_imports_nothing_heavy():
    """Help needs neither Celery nor Redis nor pydantic nor rich, so it answers in a third of a second."""
    look = (
        "import sys; from overcrank.cli.root import cli; cli.main(['--help'], standalone_mode=False) if 0 else None; "
        "import click; c = click.Context(cli); [cli.get_command(c, n) for n in cli.list_commands(c)]; "
        "print([m for m in ('celery', 'redis', 'pydantic', 'rich', 'requests', 'tornado') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_every_command_takes_the_shared_options(command: click.Command):
    """`--json`, `--config` and `--debug` go with every command, and each says what it does."""
    names = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--config", "--debug"} <= names
    assert command.help


def test_every_option_is_explained_once():
    """No command has two options of one name."""
    for command in commands():
        options = [option for parameter in command.params for option in parameter.opts]
        assert len(options) == len(set(options)), command.name


def test_an_unknown_command_is_a_usage_error():
    """A misspelt command ends with 2 and one line that names the near one, in a group too."""
    for arguments, near in ((["submitt"], "submit"), (["jobs", "lst"], "list")):
        code, out, err = run(*arguments)
        assert (Exit.USAGE, "", 1) == (code, out, err.count("\n"))
        assert err.startswith(f"error: No such command '{arguments[-1]}'; did you mean {near}?")


def test_an_unknown_option_names_the_near_one():
    """A misspelt option ends with 2, one line, and a hint."""
    code, _, err = run("submit", "x", "--prioritty", "urgent")
    assert Exit.USAGE == code
    assert "--priority" in err
    assert 1 == err.count("\n")


def test_version_is_that_of_the_package():
    """`--version` prints the version and nothing else."""
    from overcrank import __version__

    assert (0, f"{__version__}\n", "") == run("--version")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), Exit.CONFIG),
        (errors.StoreUnavailable("x"), Exit.STORE),
        (errors.UnknownJob("x"), Exit.NOT_FOUND),
        (errors.TooLate("x"), Exit.TOO_LATE),
        (errors.WaitTimeout("x"), Exit.TIMEOUT),
        (errors.InvalidClip("x"), Exit.USAGE),
        (errors.OverBudget("x"), Exit.USAGE),
        (errors.GenerationFailed("x"), Exit.FAILED),
        (RuntimeError("x"), Exit.INTERNAL),
    ],
)
def test_each_error_has_its_code(error: Exception, code: Exit):
    """A script can tell errors apart by the exit code alone."""
    assert code == code_of(error)


def test_exit_codes_do_not_change():
    """The codes are an interface: scripts rely on the numbers."""
    assert {
        "OK": 0, "FAILED": 1, "USAGE": 2, "STORE": 3, "CONFIG": 4, "NOT_FOUND": 5, "TOO_LATE": 6, "TIMEOUT": 7,
        "CRASHED": 8, "INTERNAL": 70, "INTERRUPTED": 130,
    } == {code.name: int(code) for code in Exit}  # fmt: skip


def _failing(error: BaseException) -> Root:
    @click.command()
    def broken() -> None:
        raise error

    group = Root("overcrank")
    group.get_command = lambda _context, _name: broken  # type: ignore[method-assign]
    return group


def test_a_fault_of_ours_is_one_line_without_a_traceback():
    """An unexpected error ends with 70 and a line that tells how to see more."""
    result = CliRunner().invoke(_failing(ZeroDivisionError("oh")), ["broken"])
    assert (Exit.INTERNAL, "error: ZeroDivisionError: oh (--debug shows where)\n") == (result.exit_code, result.stderr)


def test_debug_shows_the_traceback():
    """`--debug` shows where an error is from, before the line."""
    result = CliRunner().invoke(_failing(ZeroDivisionError("oh")), ["--debug", "broken"])
    assert result.stderr.startswith("Traceback")


def test_ctrl_c_ends_with_130():
    """An interrupted command says so and ends as shells expect."""
    result = CliRunner().invoke(_failing(KeyboardInterrupt()), ["broken"])
    assert (Exit.INTERRUPTED, "error: interrupted") == (result.exit_code, result.stderr.strip())


def test_no_error_shows_a_password():
    """What an error says goes through the same redaction as a log line."""
    result = CliRunner().invoke(_failing(errors.StoreUnavailable("at redis://:hunter2hunter2@host/0")), ["broken"])
    assert "hunter2" not in result.stderr


def test_a_misspelt_setting_is_named(monkeypatch: pytest.MonkeyPatch):
    """An unknown OVERCRANK_ name ends with 4 and the near one."""
    monkeypatch.setenv("OVERCRANK_BUDGET__CAPP", "5")
    code, _, err = run("stats")
    assert (Exit.CONFIG, True) == (code, "did you mean OVERCRANK_BUDGET__CAP?" in err)


def test_a_config_file_that_is_not_there_is_named(tmp_path):
    """`--config` with no such file ends with 4."""
    code, _, err = run("stats", "--config", str(tmp_path / "none.toml"))
    assert (Exit.CONFIG, True) == (code, "there is no such file" in err)


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """Without a server, commands end with 3 and say what to set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERCRANK_REDIS_URL", "redis://127.0.0.1:1/0")
    for arguments in (["stats"], ["budget"], ["limits"], ["resume"], ["jobs", "list"], ["submit", "x"], ["worker"]):
        code, out, err = run(*arguments)
        assert (Exit.STORE, "", 1) == (code, out, err.count("\n")), arguments
        assert "OVERCRANK_REDIS_URL" in err, arguments


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (["stats", "--json"], "StoreUnavailable", Exit.STORE),
        (["submit", "x", "--fps", "7", "--json"], "StoreUnavailable", Exit.STORE),
        (["nonsense", "--json"], "UsageError", Exit.USAGE),
        (["jobs", "list", "--limit", "0", "--json"], "UsageError", Exit.USAGE),
    ],
)
def test_an_error_is_a_document_where_documents_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path, arguments: list[str], kind: str, code: Exit
):
    """With `--json` an error is one line of JSON on standard error, with its name, its words and the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERCRANK_REDIS_URL", "redis://127.0.0.1:1/0")
    found, out, err = run(*arguments)
    told = json.loads(err)["error"]
    assert (code, "", kind, int(code)) == (found, out, told["type"], told["exit_code"])
    assert told["message"]


def test_a_broker_that_is_away_is_named_by_its_own_variable():
    """Not by that of Redis."""
    result = CliRunner().invoke(_failing(OperationalError("refused")), ["broken"])
    assert (Exit.STORE, True) == (result.exit_code, "OVERCRANK_BROKER_URL" in result.stderr)
