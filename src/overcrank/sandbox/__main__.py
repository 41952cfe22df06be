"""`python -m overcrank.sandbox`: the simulated vendor as a process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from overcrank.sandbox.config import SandboxConfig
from overcrank.sandbox.process import LINE, serve


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, serve until a signal, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m overcrank.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, help="the port; 0 picks a free one")
    parser.add_argument("--host", help="the address to listen on")
    parser.add_argument("--config", default="{}", help="a JSON object, or @ and the name of a file with one")
    options = parser.parse_args(arguments)
    text: str = options.config
    try:
        config = SandboxConfig.from_json(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
        given = {name: getattr(options, name) for name in ("port", "host") if getattr(options, name) is not None}
        config = config.changed(given, fixed=())
        serve(config, lambda port: _say(f"{LINE}http://{config.host}:{port}"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
