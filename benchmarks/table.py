"""What came of a benchmark, as a table for people and JSON for programs."""

import json
import os
from pathlib import Path

from house import Figures, Load


def show(title: str, load: Load, figures: list[Figures]) -> None:
    """Print the table, and add it to the file that BENCH_RESULTS names."""
    print(f"\n{title}")
    columns = (
        "",
        "done",
        "span s",
        "of ideal",
        "CPU ms/job",
        "of celery",
        "peak MB",
        "429s",
        "status/job",
        "redis us/job",
        "redis cmds/job",
    )
    plain = next((each.cpu_ms for each in figures if each.name.startswith("celery")), 0.0)
    rows = [columns, *(_row(each, load, plain) for each in figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(columns))]
    for row in rows:
        print(
            "  ".join(
                cell.rjust(width) if n else cell.ljust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )
    if into := os.environ.get("BENCH_RESULTS"):
        with Path(into).open("a") as file:
            file.write(
                json.dumps({"title": title, "ideal": load.ideal, "runs": [each.as_dict() for each in figures]}) + "\n"
            )


def _row(each: Figures, load: Load, plain: float) -> tuple[str, ...]:
    return (
        each.name, str(each.done), f"{each.span:.1f}", f"{each.span / load.ideal:.2f}" if load.ideal else "-",
        f"{each.cpu_ms:.2f}", f"{each.cpu_ms / plain:.2f}" if plain else "-", f"{each.pss_mb:.0f}",
        str(each.throttled), f"{each.status_calls:.2f}", f"{each.server_us:.0f}",
        f"{each.commands:.0f}",
    )  # fmt: skip
