"""`python -m workers` starts a worker, and only what it needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_worker_loads_no_command_line_of_others() -> None:
    """Neither Flower nor a shell is in a worker's memory."""
    others = {"tornado", "prompt_toolkit", "requests"}
    code = f"import sys, workers.__main__, tasks.ticks, workers.lifecycle; print(sorted({others} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert "[]\n" == done.stdout, done.stderr


def test_all_threads_of_a_worker_share_one_result_backend() -> None:
    """Celery makes one for each thread by itself, with a pool of connections and their buffers."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor; from threading import Barrier\n"
        "from workers.app import app\n"
        "first, met = app.backend, Barrier(4)\n"
        "def own(_): met.wait(10); return app.backend is first\n"
        "print(list(ThreadPoolExecutor(4).map(own, range(4))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert "[True, True, True, True]\n" == done.stdout, done.stderr
