"""Jobs whose clip is a real film, and damage done to it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import Bench

from overcrank.job import Job
from overcrank.outcome import Next
from overcrank.pipeline import flow


def fetched(bench: Bench, **fields: Any) -> Job:
    """Return a job whose clip is here and waits to be rendered."""
    job, _ = bench.start(**{"fps": 120, "duration": 2.0, **fields})
    bench.attend(job)
    assert Next("render") == flow.deliver(bench.jobs.get(job.id), bench.tools)
    return bench.jobs.get(job.id)


def place(url: str) -> Path:
    """Return where a file's URL points."""
    return Path(urlsplit(url).path)


def files(job: Job) -> list[str]:
    """Return what is kept of a job, by the part of its name after its id."""
    folder = place((job.file or {})["url"]).parent
    return sorted(path.name.removeprefix(job.id) for path in folder.glob(f"{job.id}*") if path.suffix != ".json")


def damaged(film: bytes) -> bytes:
    """Return a film whose index is whole and some of whose frames are not."""
    middle = film.index(b"mdat") + 1000
    return film[:middle] + b"\xff" * 2000 + film[middle + 2000 :]


def uneven(path: Path, count: int = 80) -> bytes:
    """Return a film of which every second frame stays four times as long."""
    import av

    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=120)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number + number // 2 * 3, Fraction(1, 120)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path.read_bytes()
