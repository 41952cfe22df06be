"""What processes cost, from /proc: CPU seconds and proportional memory of a process and all it started."""

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

TICK = os.sysconf("SC_CLK_TCK")


def family(roots: Iterable[int]) -> list[int]:
    """Return the processes *roots* and all their descendants that are alive."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            parents.setdefault(int(stat[1]), []).append(int(entry.name))
    found = list(roots)
    for pid in found:
        found += parents.get(pid, [])
    return [pid for pid in found if _stat(pid)]


def cpu(pids: Iterable[int]) -> float:
    """Return user and system seconds of processes, with those of their children that have ended."""
    return sum(sum(map(int, stat[11:15])) for pid in pids if (stat := _stat(pid))) / TICK


def pss(pids: Iterable[int]) -> float:
    """Return proportional set size in MB."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, or nothing where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@dataclass
class Watch:
    """Samples memory while a run goes on; use it in a with statement."""

    roots: list[int]
    every: float = 0.5
    peak: float = 0.0
    seconds: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._before = cpu(family(self.roots))
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.seconds = cpu(family(self.roots)) - self._before

    def _sample(self) -> None:
        while not self._stop.wait(self.every):
            self.peak = max(self.peak, pss(family(self.roots)))
