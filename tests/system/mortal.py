"""A worker that kills itself at one named point: `celery -A mortal worker`, the point in MORTAL_AT.

A point is `module:Class.method:before` or `:after`, and how-manieth call of it. The process is gone as by a power cut:
no handler runs, nothing is flushed.
"""

import functools
import importlib
import os
import signal
from typing import Any

from workers.app import app

__all__ = ["app"]


def _arm(point: str) -> None:
    module, path, when, count = point.split(":")
    owner: Any = importlib.import_module(module)
    *inside, name = path.split(".")
    for part in inside:
        owner = getattr(owner, part)
    original, left = getattr(owner, name), [int(count)]

    @functools.wraps(original)
    def mortal(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if left[0] == 0 and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, mortal)


_arm(os.environ["MORTAL_AT"])
