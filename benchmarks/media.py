"""What each step on a clip costs, beside Debian's ffmpeg doing the same: `python benchmarks/media.py`.

Five seconds of 720p at 120 frames a second, the sandbox's falling ball; a time lapse is of five minutes, too. Each step
is a process of its own, as in a worker: CPU is user and system seconds of the process and its children, memory is the
most that was resident. The best of three runs counts.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from overcrank.media.mp4 import probe
from overcrank.sandbox.clips import ClipShape, render

RUNS = 3
STEP = "import sys,json;from pathlib import Path;from overcrank.media.steps import Step;\
Step(sys.argv[1],json.loads(sys.argv[2])).run(Path(sys.argv[3]),Path(sys.argv[4]))"
FFMPEG = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-protocol_whitelist", "file,pipe"]
CODED = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0", "-threads", "2", "-movflags", "+faststart"]
SHEET = "fps=12/5,scale=320:-2,tile=4x3"


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    wall: float
    cpu: float
    memory: float
    note: str


def run(command: list[str], made: Path) -> Cost:
    """Run a command and measure it; the note says what came out."""
    best: Cost | None = None
    for _ in range(RUNS):
        made.unlink(missing_ok=True)
        began = time.perf_counter()
        pid = os.spawnvp(os.P_NOWAIT, command[0], command)
        _, status, used = os.wait4(pid, 0)
        if status:
            return Cost(0, 0, 0, "failed")
        wall = time.perf_counter() - began
        cost = Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, described(made))
        best = cost if best is None or cost.cpu < best.cpu else best
    assert best is not None
    return best


def described(made: Path) -> str:
    """Say what a step made."""
    if not made.exists():
        return ""
    if made.suffix == ".mp4":
        film = probe(made)
        return f"{float(film.duration):.3f} s, {film.frames} frames, {made.stat().st_size >> 10} KiB"
    return f"{made.stat().st_size >> 10} KiB"


def ours(step: str, options: dict[str, int], film: Path, made: Path) -> Cost:
    """Measure a step of ours."""
    return run([sys.executable, "-c", STEP, step, json.dumps(options), str(film), str(made)], made)


def looped(film: Path, to: Path, times: int) -> Path:
    """Make a long film of a short one."""
    subprocess.run([*FFMPEG, "-stream_loop", str(times - 1), "-i", str(film), "-c", "copy", str(to)], check=True)
    return to


def cases(film: Path, long: Path) -> list[tuple[str, str, dict[str, int], Path, list[str], str]]:
    """Return each step: its name, ours, and what ffmpeg is told."""
    at = str(float(probe(film).duration) / 2)
    still = ["-frames:v", "1", "-q:v", "4"]
    return [
        ("probe and decode all", "check", {}, film, ["-i", "@", "-f", "null", "-"], ".null"),
        ("slow motion 120 → 30", "slow", {"fps": 30}, film, ["-itsscale", "4", "-i", "@", "-c", "copy"], ".mp4"),
        ("downsample 120 → 30", "light", {"fps": 30}, film, ["-i", "@", "-vf", "fps=30", *CODED], ".mp4"),
        ("time lapse 10×", "lapse", {"fps": 30, "speed": 10}, film,
         ["-i", "@", "-vf", "setpts=PTS/10,fps=30", "-an", *CODED], ".mp4"),
        ("time lapse 300× of 5 min", "lapse", {"fps": 30, "speed": 300}, long,
         ["-i", "@", "-vf", "setpts=PTS/300,fps=30", "-an", *CODED], ".mp4"),
        ("hyperlapse 3×, every 12th frame", "hyper", {"fps": 30, "speed": 3}, film,
         ["-i", "@", "-vf", "select=not(mod(n\\,12)),setpts=N/30/TB,deshake", "-r", "30", *CODED], ".mp4"),
        ("poster", "poster", {}, film, ["-ss", at, "-i", "@", *still], ".jpg"),
        ("contact sheet", "sheet", {}, film, ["-i", "@", "-vf", SHEET, *still], ".jpg"),
        ("animated preview", "preview", {}, film,
         ["-t", "3", "-i", "@", "-vf", "fps=12,scale=320:-2", "-c:v", "libwebp", "-loop", "0", "-q:v", "60"], ".webp"),
    ]  # fmt: skip


def main() -> None:
    """Print a line for each step."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        film.write_bytes(render(ClipShape((1280, 720), 120, 600, 1, 9.81, "av")))
        there = shutil.which("ffmpeg")
        long = looped(film, Path(folder) / "long.mp4", 60) if there else film
        start = run([sys.executable, "-c", "import overcrank.media.pyav"], Path(folder) / "none")
        print(f"an idle process with PyAV: {start.cpu:.2f} s, {start.memory:.0f} MB; in each figure of ours\n")
        print("| step | CPU s | MB | makes | ffmpeg: CPU s | MB | makes |\n|---|---:|---:|---|---:|---:|---|")
        for name, step, options, source, told, ending in cases(film, long):
            made = Path(folder) / f"ours{'.mp4' if ending == '.null' else ending}"
            mine = ours(step, options, source, made)
            cells = [name, f"{mine.cpu:.2f}", f"{mine.memory:.0f}", mine.note]
            if there:
                theirs = Path(folder) / f"theirs{ending}"
                command = [*FFMPEG, *[str(source) if word == "@" else word for word in told]]
                its = run(command if ending == ".null" else [*command, str(theirs)], theirs)
                cells += [f"{its.cpu:.2f}", f"{its.memory:.0f}", its.note]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
