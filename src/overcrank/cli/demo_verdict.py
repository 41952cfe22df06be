"""Whether the demo went right: files as they lie there, our ledger against the vendor's own meter."""

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..clip import RESOLUTIONS, Extra, Mode
from ..clock import SECOND
from ..gallery import write
from ..job import Job
from ..media.mp4 import NotAFilm, probe
from ..media.recipe import delivers, recipe
from ..money import dollars, plain
from ..runtime import Runtime

SIZES = {size: name for name, size in RESOLUTIONS.items()}

BEGINS = {Extra.POSTER: b"\xff\xd8\xff", Extra.SHEET: b"\xff\xd8\xff", Extra.PREVIEW: b"RIFF", Extra.LIGHT: b"\0\0\0"}
"""The first bytes of each kind of file."""

if TYPE_CHECKING:
    from .demo import Scene


def outcome(scene: "Scene") -> dict[str, Any]:
    """Return the jobs, the windows and the facts of a played scene."""
    from .demo_plan import WINDOW

    meter = scene.vendor.meter()
    jobs = [scene.client.get(job_id) for job_id in scene.jobs]
    write(sorted(jobs, key=lambda job: not (job.file or {}).get("made")), scene.keep / "gallery.html", "The demo")
    rows = [row(job) for job in jobs]
    books = ledger_windows(Runtime(scene.settings), WINDOW)
    billed = scene.vendor.windows(WINDOW)
    cap, bill, ledger = scene.play_.cap, int(meter["total_micros"]), sum(book["spent"] for book in books.values())
    audit = Runtime(scene.settings).audit.check()
    still = sum(book["reserved"] for book in books.values())
    windows = [
        {
            "start": time.strftime("%H:%M:%S", time.localtime(index * WINDOW)),
            "accepted": billed.get(index, {}).get("accepted", 0),
            "billed": billed.get(index, {}).get("micros", 0),
            "billed_usd": plain(billed.get(index, {}).get("micros", 0)),
            "ledger_usd": plain(books.get(index, {}).get("spent", 0)),
            "cap": cap,
            "cap_usd": plain(cap),
        }
        for index in sorted({i for i, book in books.items() if book["spent"]} | set(billed))
    ]
    done = sum(job.state == "succeeded" for job in jobs)
    good = sum(row["as_asked"] for row in rows)
    wishes = [job for job in jobs if job.clip.mode is not Mode.PLAIN]
    faults = ", ".join(f"{name} ×{count}" for name, count in sorted(meter["faults"].items()))
    allowed = scene.settings.limits.concurrency
    twice = len(meter["double_paid"])
    sign = "=" if ledger == bill else "≠"
    facts = [
        fact(f"{done} of {len(jobs)} clips are home; {good} files hold what was asked for",
             done == good == len(jobs)),
        *([made(wishes)] if wishes else []),
        fact(f"{len(windows)} budget windows of {WINDOW} s were used, none for more than its cap of {dollars(cap)}",
             all(window["billed"] <= cap for window in windows) and (len(windows) > 1 or scene.play_.total <= cap)),
        fact(f"{sum(meter['faults'].values())} faults survived: {faults}", bool(meter["faults"])),
        fact(f"{meter['max_in_flight']} generations at once at the most, of {allowed} allowed",
             meter["max_in_flight"] <= allowed),
        fact("a worker was killed in the middle; its jobs went on" if scene.killed else "no worker was killed", True),
        fact(f"paid twice: {twice}", twice == 0),
        fact(f"audit: {audit.books} books are the replay of {audit.entries} journal entries" if audit.ok
             else f"audit: {len(audit.differences)} differences between books and journal", audit.ok),
        fact(f"ledger {dollars(ledger)} {sign} provider's bill {dollars(bill)}", ledger == bill and still == 0),
    ]  # fmt: skip
    return {
        "ok": all(each["ok"] for each in facts),
        "seconds": round(time.monotonic() - scene.began, 1),
        "jobs": rows,
        "windows": windows,
        "faults": meter["faults"],
        "ledger_micros": ledger,
        "bill_micros": bill,
        "paid_twice": meter["double_paid"],
        "facts": facts,
    }


def fact(text: str, ok: bool) -> dict[str, Any]:
    """Return something that can be said, and whether it is as it should be."""
    return {"text": text, "ok": ok}


def made(jobs: Sequence[Job]) -> dict[str, Any]:
    """Return whether all that was asked to be made of the jobs' clips is there, and as it was asked for."""
    flaws = [f"{job.clip.mode}: {flaw}" for job in jobs for flaw in undelivered(job)]
    names = ", ".join(str(job.clip.mode).replace("_", " ") for job in jobs)
    return fact("; ".join(flaws) or f"delivered to the frame, with their pictures: {names}", not flaws)


def undelivered(job: Job) -> list[str]:
    """Return in what the files made of a clip are not what was asked for."""
    file, wanted = job.file or {}, recipe(job.clip)
    flaws = []
    if wanted.delivery:
        frames, fps = delivers(job.clip)
        try:
            film = probe(local(file["delivered"]["url"]))
        except (NotAFilm, OSError, KeyError) as error:
            flaws.append(f"what was delivered is no film: {error}")
        else:
            found, expected = (film.frames, film.fps, film.duration), (frames, Fraction(fps), Fraction(frames, fps))
            if found != expected:
                flaws.append(
                    "delivered are {} frames at {} fps, {} s; asked for were {}, {}, {}".format(*found, *expected)
                )
    for extra in job.clip.extras:
        try:
            head = local(file["made"][extra]["url"]).read_bytes()[:12]
        except (OSError, KeyError):
            flaws.append(f"there is no {extra}")
        else:
            if not head.startswith(BEGINS[extra]):
                flaws.append(f"the {extra} is no picture of its kind")
    return flaws


def local(url: str) -> Path:
    """Return the file of this disk that a URL names."""
    return Path(unquote(urlsplit(url).path))


def row(job: Job) -> dict[str, Any]:
    """Return a job with what its file on the disk holds."""
    film: dict[str, Any] | None = None
    size = 0
    if job.file:
        place = local(job.file["url"])
        try:
            seen = probe(place)
            film = {
                "frames": seen.frames,
                "fps": float(seen.fps),
                "duration": float(seen.duration),
                "codec": seen.codec,
            }
            size = place.stat().st_size
        except (NotAFilm, OSError):
            film = None
    at, clip = job.moments, job.clip
    return {
        "id": job.id,
        "priority": str(job.priority),
        "clip": f"{clip.duration:g} s @{clip.fps} {SIZES[clip.resolution]}",
        "state": str(job.state),
        "error": str(job.exception) if job.exception else None,
        "cost_usd": plain(job.cost or 0),
        "waited": (at["admitted"] - at["created"]) / SECOND if "admitted" in at else None,
        "total": (at["ended"] - at["created"]) / SECOND if "ended" in at else None,
        "film": film,
        "bytes": size,
        "as_asked": bool(film and film["fps"] == clip.fps and film["frames"] == round(clip.fps * clip.duration)),
        "url": job.file["url"] if job.file else None,
    }


def ledger_windows(runtime: Runtime, seconds: int) -> dict[int, dict[str, int]]:
    """Return every budget window's book, by its number since 1970."""
    found = {}
    for key in runtime.redis.scan_iter(f"{runtime.keys.prefix}window:{seconds}:*"):
        book = runtime.redis.hgetall(key)
        start = int(key.rpartition(":")[2])
        found[start // seconds] = {name: int(book.get(name, 0)) for name in ("spent", "reserved")}
    return found
