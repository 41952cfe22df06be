"""One page of a batch: what is on it, and that it opens from the disk."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from overcrank.clip import Clip, Priority
from overcrank.gallery import STYLE, page, write
from overcrank.job import Job
from overcrank.lifecycle import State

JOB = "019b1e2c-8400-7d4e-8f50-0123456789ab"


def job(state: State = State.SUCCEEDED, **given: Any) -> Job:
    """Return a job as its record says."""
    clip = Clip(**{"prompt": "a glass <falls> & breaks", **given.pop("clip", {})})
    return Job(**{
        "id": JOB, "state": state, "version": 9, "priority": Priority.NORMAL, "project": "default", "quote": 3_892_500,
        "request": clip.model_dump_json(exclude_defaults=True), "cost": 1_900_000,
        "moments": {"created": 0, "ended": 12_300_000}, **given,
    })  # fmt: skip


def film(folder: Path) -> dict[str, Any]:
    """Return what the record says of files that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        "": "x.mp4",
        "slow": "x-slow.mp4",
        "poster": "x-poster.jpg",
        "preview": "x-preview.webp",
        "sheet": "x-sheet.jpg",
    }
    urls = {}
    for step, name in names.items():
        (folder / name).write_bytes(b"x")
        urls[step] = (folder / name).as_uri()
    shape = {"duration": 20.0, "fps": 30.0, "width": 1920, "height": 1080}
    return {
        "url": urls[""], "film": {**shape, "duration": 5.0, "fps": 120.0}, "delivered": {"url": urls["slow"], **shape},
        "made": {name: {"url": urls[name]} for name in ("slow", "poster", "preview", "sheet")},
    }  # fmt: skip


class Links(HTMLParser):
    """The links and the text of a page, and whether its elements are closed in order."""

    VOID = frozenset({"meta", "img", "link", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        """Note where it leads."""
        self.links += [value for name, value in attrs if name in {"src", "href", "poster"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        """What is closed is what was opened last."""
        assert tag == self.open.pop()

    def handle_data(self, data) -> None:
        """Note what can be read."""
        self.text += data


def test_every_link_leads_to_its_file(tmp_path) -> None:
    """From where the page lies, by relative paths, also where a folder has a blank in its name."""
    shown = job(file=film(tmp_path / "my data" / "clips"))
    assert 1 == write([shown], tmp_path / "pages" / "batch.html", "Batch")
    html = Links((tmp_path / "pages" / "batch.html").read_text())
    assert len(html.links) >= 7
    assert [] == [link for link in html.links if not (tmp_path / "pages" / unquote(link)).resolve().is_file()]
    assert [] == html.open


def test_a_card_says_what_it_cost_and_took(tmp_path) -> None:
    """Cost, time, asked and delivered, in words."""
    text = Links(page([job(file=film(tmp_path))], tmp_path, "Batch")).text
    for words in (
        "a glass <falls> & breaks", "$1.90", "in 12.3 s", "asked 5 s at 120 fps, 1920x1080, slow motion",
        "delivered 20 s at 30 fps, 1920x1080", "1 clip: 1 succeeded · $1.90 charged, $3.8925 by the price book",
    ):  # fmt: skip
        assert words in text


def test_what_went_wrong_is_said(tmp_path) -> None:
    """The error of a job without a clip, and that of a step."""
    failed = job(State.FAILED, error=("Rejected", "not <this>"), file=None, cost=None)
    partly = job(file={**film(tmp_path), "made": {"slow": {"error": "no slow motion"}}})
    text = Links(page([failed, partly], tmp_path, "x")).text
    assert ("not <this>" in text, "slow: no slow motion" in text) == (True, True)


@pytest.mark.parametrize("prompt", ["<script>alert(1)</script>", '" onload="x', "</article>", "&amp;", "x" * 4000])
def test_a_prompt_is_text_and_nothing_else(tmp_path, prompt) -> None:
    """Whatever somebody writes into a prompt, it is shown and not done."""
    html = page([job(clip={"prompt": prompt})], tmp_path, prompt)
    assert "<script" not in html
    assert 'onload="x' not in html.replace("&quot;", "")
    assert [] == Links(html).open


def test_other_links_are_left_out(tmp_path) -> None:
    """Only files, the web and buckets are linked to."""
    assert "javascript" not in page([job(file={"url": "javascript:alert(1)"})], tmp_path, "x")
    assert "s3://bucket/x.mp4" in page([job(file={"url": "s3://bucket/x.mp4"})], tmp_path, "x")


def test_what_is_in_a_bucket_is_copied_beside_the_page(tmp_path) -> None:
    """No browser opens s3://, so without a copy there is no film to play, and it is said how to get one."""
    names = {"": f"{JOB}.mp4", "poster": f"{JOB}-poster.jpg"}
    file = {
        "url": f"s3://bucket/{names['']}", "delivered": {"url": f"s3://bucket/{names['']}"},
        "made": {"poster": {"url": f"s3://bucket/{names['poster']}"}},
    }  # fmt: skip
    assert "add --copy to see it here" in Links(page([job(file=file)], tmp_path, "x")).text
    assert "src=" not in page([job(file=file)], tmp_path, "x")
    source = tmp_path / "source"
    source.mkdir()
    for name in names.values():
        (source / name).write_text(name)
    write([job(file=file)], tmp_path / "g.html", "x", lambda name: source / name)
    links = Links((tmp_path / "g.html").read_text()).links
    assert sorted(names.values()) == sorted(path.name for path in (tmp_path / "g-files").iterdir())
    assert {f"g-files/{name}" for name in names.values()} == set(links)


def test_a_preview_is_not_over_a_film_that_plays() -> None:
    """Neither over one that plays nor over controls that somebody uses."""
    for rule in (".see:hover:not(:focus-within) .moves{opacity:1}", ".see:has(video:playing) .moves{opacity:0"):
        assert rule in STYLE


def test_what_differs_is_said(tmp_path) -> None:
    """What came is not always what was asked for."""
    assert (
        "fps is 60, not 120"
        in Links(page([job(file={**film(tmp_path), "differs": ["fps is 60, not 120"]})], tmp_path, "x")).text
    )


def test_the_same_batch_is_the_same_page(tmp_path) -> None:
    """Nothing in it depends on when it was made."""
    jobs = [job(file=json.loads(json.dumps(film(tmp_path))))]
    assert page(jobs, tmp_path, "x") == page(jobs, tmp_path, "x")


def test_what_was_shared_is_said(tmp_path) -> None:
    """What a film that another paid for saved, and the part of a background's cost."""
    served = page([job(cost=0, leader="x", saved=3_892_500, share=500_000, background="y")], tmp_path, "A batch")
    text = Links(served).text
    for said in ("$3.8925 saved", "$0.50 of its background", "$3.8925 saved by paying for nothing twice"):
        assert said in text
