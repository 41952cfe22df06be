"""Draws what `make bench` measured: the last run of each benchmark in a results file, as docs/bench.svg."""

import json
import sys
from pathlib import Path

from plot import Bars, write


def groups(lines: list[str]) -> list[Bars]:
    """Return the bars for the results in a file's lines."""
    found: dict[str, list[Bars]] = {}
    for line in lines:
        entry = json.loads(line)
        kind, runs = entry["title"].partition(":")[0], entry.get("runs")
        runs = [run for run in runs or () if run["done"]]  # who did not end in time has no figures
        if not runs:
            continue
        cpu = Bars(f"{entry['title']}: worker CPU", "ms a job", [(run["name"], run["cpu_ms"]) for run in runs])
        found[kind] = [cpu]
        if entry["ideal"] >= 1:
            spans = [(run["name"], run["span"]) for run in runs]
            memory = [(run["name"], run["pss_mb"]) for run in runs]
            found[kind] = [Bars(f"{entry['title']}: span", "s", spans, entry["ideal"]), cpu]
            found[kind].append(Bars("the same: peak memory of all workers", "MB", memory))
    return [bars for kind in found.values() for bars in kind]


if __name__ == "__main__":
    drawn = groups(Path(sys.argv[1]).read_text().splitlines())
    note = "Two shared cores, loopback. Overcrank keeps a ledger, checked files and results; the others keep none."
    write(Path(sys.argv[2]), drawn, note)
