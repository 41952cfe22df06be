"""The command line, `overcrank`. Heavy modules are imported inside commands, so that `--help` is quick."""


def main() -> None:
    """Run the command line; it ends the process with one of the codes in `exits.Exit`."""
    from .root import cli

    cli.main(prog_name="overcrank")
