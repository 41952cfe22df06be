"""Whether a film is what it says: its index against its packets, and its packets against a decoder."""

from dataclasses import dataclass
from pathlib import Path

from .mp4 import Film, NotAFilm
from .pyav import checked, opened, reading


@dataclass(frozen=True, slots=True)
class Checked:
    """What a film that was decoded to its end holds.

    Attributes:
        film: what its index says.
        decoded: frames that came out of the decoder.
        steady: whether all frames but the last stay equally long.
    """

    film: Film
    decoded: int
    steady: bool


def check(path: Path) -> Checked:
    """Decode every frame of *path* and compare with its index.

    Raises:
        NotAFilm: it is no film, or cut off, or some of it can not be decoded.
        TooLarge: its pictures are larger than any that can be asked for.
    """
    film = checked(path)
    packets, steady = _packets(path)
    if packets != film.frames:
        raise NotAFilm(f"its index says {film.frames} frames, and {packets} are there")
    decoded = 0
    with reading(path) as (container, video):
        for frame in container.decode(video):
            decoded += 1
            if (frame.width, frame.height) != (film.width, film.height):
                raise NotAFilm(f"frame {decoded} is {frame.width}x{frame.height}, not {film.width}x{film.height}")
    if decoded != film.frames:
        raise NotAFilm(f"{decoded} of its {film.frames} frames can be decoded")
    return Checked(film, decoded, steady)


def _packets(path: Path) -> tuple[int, bool]:
    """Return how many packets there are, and whether they are equally long."""
    count, length, last, odd = 0, None, None, 0
    with opened(path) as (container, video):
        for packet in container.demux(video):
            if not packet.size:
                continue
            count += 1
            if last is not None and length is None:
                length = last
            odd += last is not None and last != length
            last = packet.duration
    return count, odd == 0
