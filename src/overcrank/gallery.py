"""The gallery: one static HTML page of a batch, with posters, previews, cost and time, that opens from the disk."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from .clock import SECOND
from .job import Job
from .lifecycle import State
from .media.steps import Step
from .money import dollars

BESIDE = {"composite", "light", "poster", "preview", "sheet"}
"""What is made of a clip and has a link of its own."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#667;--paper:#f5f5f2;--card:#fff;--line:#0001;
--good:#0a7d4f;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e6;--soft:#99a;--paper:#141518;--card:#1e2024;--line:#fff1;
--good:#4cc38a;--bad:#ff8a80}}
*{box-sizing:border-box}body{margin:0;padding:2rem clamp(1rem,4vw,3rem);background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}h1{margin:0 0 .2rem;font-size:1.5rem}.sum{color:var(--soft);margin:0 0 1.6rem}
main{display:grid;gap:1.2rem;grid-template-columns:repeat(auto-fill,minmax(280px,1fr))}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;display:flex;
flex-direction:column}.see{position:relative;aspect-ratio:16/9;background:#000;display:grid;place-items:center;color:#fff9}
.see video,.see img{width:100%;height:100%;object-fit:contain;display:block}
.see .moves{position:absolute;inset:0;opacity:0;transition:opacity .15s;pointer-events:none;background:#000}
.see:hover:not(:focus-within) .moves{opacity:1}.see:has(video:playing) .moves{opacity:0!important}
.text{padding:.8rem 1rem 1rem;display:flex;flex-direction:column;gap:.35rem;flex:1}
h2{font-size:1rem;margin:0;font-weight:600;overflow-wrap:anywhere}.facts{color:var(--soft);font-size:.87rem;margin:0}
.facts b{color:var(--ink);font-weight:600}.facts .bad,.facts.bad{color:var(--bad)}.facts .good{color:var(--good)}
nav{display:flex;gap:.9rem;flex-wrap:wrap;margin-top:auto;font-size:.87rem}a{color:inherit}
""".strip()


Bring = Callable[[str], Path | None]
"""What gives a file of this disk with the content that is kept as a name, or None where it can not be had."""


def write(jobs: Iterable[Job], to: Path, title: str = "Overcrank", bring: Bring | None = None) -> int:
    """Write the page of *jobs* to the file *to*, and return how many are on it.

    No browser opens what is kept in a bucket: where *bring* is given, that is copied into a folder beside the page.
    """
    shown = list(jobs)
    to.parent.mkdir(parents=True, exist_ok=True)
    here = _copied(shown, to.with_name(f"{to.stem}-files"), bring) if bring else {}
    near = to.with_name(f".{to.name}.{os.getpid()}")
    near.write_text(page(shown, to.absolute().parent, title, here), "utf-8")
    near.replace(to)
    return len(shown)


def _copied(jobs: Sequence[Job], folder: Path, bring: Bring) -> dict[str, Path]:
    """Copy what the jobs keep in a bucket into *folder*; return where each URL's file is now."""
    here: dict[str, Path] = {}
    for job in jobs:
        for name, url in _kept(job).items():
            if urlsplit(url).scheme != "s3" or url in here or (found := bring(name)) is None:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            here[url] = (folder / name).absolute()
            shutil.copyfile(found, here[url])
    return here


def _kept(job: Job) -> dict[str, str]:
    """Return the URL of each name that a job that has ended keeps."""
    if not job.ended or not job.file:
        return {}
    made = {f"{job.id}{Step(name, {}).ending}": what.get("url") for name, what in job.file.get("made", {}).items()}
    return {name: url for name, url in {f"{job.id}.mp4": job.file.get("url"), **made}.items() if url}


def page(jobs: Sequence[Job], folder: Path, title: str, here: Mapping[str, Path] | None = None) -> str:
    """Return the page as it is to lie in *folder*: links to files on this disk are relative to it.

    *here* says of which URLs there is a copy on this disk.
    """
    cards = "\n".join(_card(job, folder, here or {}) for job in jobs)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src * data:; media-src *; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        f'<p class="sum">{escape(_sum(jobs))}</p>\n<main>\n{cards}\n</main>\n</body></html>\n'
    )


def _sum(jobs: Sequence[Job]) -> str:
    states = Counter(str(job.state) for job in jobs)
    counted = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "no clips"
    cost, price = sum(job.cost or 0 for job in jobs), sum(job.quote for job in jobs)
    saved = sum(job.saved or 0 for job in jobs)
    spared = f", {dollars(saved)} saved by paying for nothing twice" if saved else ""
    clips = "1 clip" if len(jobs) == 1 else f"{len(jobs)} clips"
    return f"{clips}: {counted} · {dollars(cost)} charged, {dollars(price)} by the price book{spared}"


def _card(job: Job, folder: Path, here: Mapping[str, Path]) -> str:
    file: Mapping[str, Any] = job.file or {}
    made: Mapping[str, Any] = file.get("made", {})
    delivered: Mapping[str, Any] = file.get("delivered") or {"url": file.get("url"), **file.get("film", {})}

    def link(entry: Mapping[str, Any]) -> str:
        return escape(_link(str(entry["url"]), folder, here)) if entry.get("url") else ""

    def shown(entry: Mapping[str, Any]) -> str:
        href = link(entry)
        return "" if href.startswith("s3:") else href

    poster, preview = shown(made.get("poster", {})), shown(made.get("preview", {}))
    film = shown(delivered)
    if film:
        still = f' poster="{poster}"' if poster else ""
        see = f'<video controls preload="{"none" if poster else "metadata"}"{still} src="{film}"></video>'
    else:
        kept = "kept in a bucket: add --copy to see it here" if link(delivered) else str(job.state)
        see = f"<span>{escape(kept)}</span>"
    if preview:
        see += f'<img class="moves" loading="lazy" alt="" src="{preview}">'
    links = {"delivered": link(delivered) if made else "", "original": link(file)}
    links |= {name: link(entry) for name, entry in made.items() if name in BESIDE}
    listed = "".join(f'<a href="{href}">{name}</a>' for name, href in links.items() if href)
    return (
        f'<article id="{escape(job.id)}"><div class="see">{see}</div><div class="text"><h2>{escape(_words(job))}</h2>'
        f"{_facts(job, delivered)}{_wrong(job, made)}<nav>{listed}</nav></div></article>"
    )


def _facts(job: Job, delivered: Mapping[str, Any]) -> str:
    clip = job.clip
    state = "good" if job.state is State.SUCCEEDED else "bad" if job.ended else ""
    cost = dollars(job.quote if job.cost is None else job.cost)
    facts = [f'<b class="{state}">{escape(str(job.state))}</b>', f"<b>{cost}</b>"]
    if job.saved is not None:
        facts.append(f'<span class="good">{dollars(job.saved)} saved</span>')
    if job.share is not None:
        facts.append(f"{dollars(job.share)} of its background")
    begun, ended = job.moments.get("created"), job.moments.get("ended")
    if begun is not None and ended is not None:
        facts.append(f"in {(ended - begun) / SECOND:.1f} s")
    asked = f"asked {clip.duration:g} s at {clip.fps} fps, {clip.resolution}, {str(clip.mode).replace('_', ' ')}"
    lines = [" · ".join(facts), escape(asked)]
    if "duration" in delivered:
        lines.append(
            f"delivered {round(delivered['duration'], 3):g} s at {delivered['fps']:g} fps, "
            f"{delivered['width']}x{delivered['height']}"
        )
    return "".join(f'<p class="facts">{line}</p>' for line in lines)


def _wrong(job: Job, made: Mapping[str, Any]) -> str:
    """Return what is not as it should be: the job's error, or those of single steps."""
    said = [str(job.error[1])] if job.error else []
    said += (job.file or {}).get("differs", [])
    said += [f"{name}: {entry['error']}" for name, entry in made.items() if "error" in entry]
    return "".join(f'<p class="facts bad">{escape(line)}</p>' for line in said)


def _words(job: Job) -> str:
    words = " ".join(job.clip.prompt.split())
    return words if len(words) <= 140 else words[:139].rstrip() + "…"


def _link(url: str, folder: Path, here: Mapping[str, Path]) -> str:
    """Return a URL as the page may name it: a file of this disk by its way from the page's folder."""
    if url in here:
        return quote(os.path.relpath(here[url], folder))
    parts = urlsplit(url)
    if parts.scheme != "file":
        return url if parts.scheme in {"http", "https", "s3"} else ""
    return quote(os.path.relpath(unquote(parts.path), folder))
