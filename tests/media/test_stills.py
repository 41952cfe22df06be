"""Pictures of a film."""

from hashlib import sha256

import pytest

pytest.importorskip("av")

import numpy as np
from filming import drawn, looped, numbered
from PIL import Image

from overcrank.media.stills import poster, preview, sheet


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Four seconds that grow lighter from frame to frame."""
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    return drawn(path, numbered(120, (640, 360)), 30)


def test_a_poster_is_the_middle_of_the_film(film, tmp_path) -> None:
    """It has the film's size, and shows its middle frame."""
    size = poster(film, tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as picture:
        assert ((640, 360), (640, 360), "JPEG") == (size, picture.size, picture.format)
        assert pytest.approx(16 + 60, abs=3) == np.asarray(picture).mean()


def test_a_sheet_shows_the_film_in_order(film, tmp_path) -> None:
    """Twelve pictures, four in a row, each later than the one before it."""
    size = sheet(film, tmp_path / "sheet.jpg")
    pixels = np.asarray(Image.open(tmp_path / "sheet.jpg").convert("L"))
    greys = [pixels[90 + row * 180, 160 + column * 320] for row in range(3) for column in range(4)]
    assert ((1280, 540), sorted(set(greys))) == (size, greys)


def test_a_preview_moves(film, tmp_path) -> None:
    """It plays the first three seconds at the film's own speed, again and again."""
    size = preview(film, tmp_path / "preview.webp")
    with Image.open(tmp_path / "preview.webp") as picture:
        lengths = []
        for number in range(picture.n_frames):
            picture.seek(number)
            picture.load()
            lengths.append(picture.info["duration"])
        assert ((320, 180), 36 * 83, 0, True) == (size, sum(lengths), picture.info["loop"], len(lengths) > 5)


def test_a_small_film_is_not_enlarged(tmp_path) -> None:
    """Pictures are no larger than the film."""
    film = drawn(tmp_path / "a.mp4", numbered(5))
    assert [(64, 48), (64, 48), (256, 144)] == [
        poster(film, tmp_path / "a.jpg"), preview(film, tmp_path / "a.webp"), sheet(film, tmp_path / "b.jpg")
    ]  # fmt: skip


def test_pictures_twice_are_the_same_files(film, tmp_path) -> None:
    """The same film gives the same bytes."""

    def made(name: str) -> list[str]:
        steps = ((poster, ".jpg"), (sheet, ".jpg"), (preview, ".webp"))
        for step, ending in steps:
            step(film, tmp_path / f"{name}-{step.__name__}{ending}")
        return [sha256(path.read_bytes()).hexdigest() for path in sorted(tmp_path.glob(f"{name}-*"))]

    assert made("first") == made("second")


def test_a_long_film_takes_no_longer_way(film, tmp_path) -> None:
    """A picture of ten minutes is found by seeking: the sheet is of the whole length."""
    long = looped(film, tmp_path / "long.mp4", 150)
    assert (1280, 540) == sheet(long, tmp_path / "sheet.jpg")
