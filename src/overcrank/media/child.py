"""The process in which films are decoded: `python -m overcrank.media.child`, started by `render`.

It reads one line, the steps; it writes one line a step, what it made or what went wrong. It has no settings, no keys
and no connections; its memory is bounded, and it ends when whoever started it does.
"""

import json
import os
import resource
import sys
import threading
from pathlib import Path
from typing import Any

from ..errors import OvercrankError
from .mp4 import NotAFilm
from .steps import Step

MEMORY = 4 * 1024**3


def main() -> None:
    """Do the steps that the first line of standard input names."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for entry in asked:
        answers.write(json.dumps(_done(entry)) + "\n")
        answers.flush()


def _done(entry: dict[str, Any]) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    try:
        made = Step(entry["name"], entry["options"]).run(Path(entry["film"]), Path(entry["to"]))
    except (OvercrankError, NotAFilm, MemoryError, OSError) as error:
        return {
            "name": entry["name"],
            "error": type(error).__name__,
            "message": str(error) or "there is too little memory",
        }
    except Exception as error:  # noqa: BLE001  (a decoder fails in many ways; the next step may work)
        return {"name": entry["name"], "error": "NotAFilm", "message": f"it can not be decoded: {error}"}
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"name": entry["name"], "made": made, "cpu": round(cpu, 3), "memory": _peak()}


def _peak() -> int:
    """Return the most KiB that this process has taken.

    What the system counts for a process begins with the one that started it, so where it can be told apart it is.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // 1024 if sys.platform == "darwin" else most  # there it is bytes
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
