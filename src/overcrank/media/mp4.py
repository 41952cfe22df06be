"""Looks into an MP4 without decoding it: is it whole, and what does it hold?

The file comes from elsewhere, so nothing in it is believed: every size is checked against what is there, no count
decides how much memory is taken, and whatever is wrong ends as `NotAFilm`. ISO/IEC 14496-12 names the boxes.
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

LARGEST_INDEX = 16 * 1024 * 1024
MOST_BOXES = 10_000
MOST_ROWS = 250_000
MOST_TRACKS = 32


class NotAFilm(ValueError):
    """The file is not a whole MP4 film; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Film:
    """What a film holds.

    Attributes:
        duration: seconds it plays.
        fps: frames a second, on average.
        frames: how many there are, each wholly inside the file.
        width: of the picture, in pixels.
        height: likewise.
        codec: the four characters that name it: `avc1` is H.264.
        sound: whether it can be heard, too.
    """

    duration: Fraction
    fps: Fraction
    frames: int
    width: int
    height: int
    codec: str
    sound: bool = False


@dataclass(frozen=True, slots=True)
class _Track:
    kind: bytes
    timescale: int
    ticks: int
    frames: int
    entry: bytes


def probe(path: Path) -> Film:
    """Return what the film at *path* holds, having checked that every sample of it is there.

    Raises:
        NotAFilm: it is no MP4, it is damaged or cut off, or nothing moves in it.
        OSError: the file can not be read.
    """
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        index, spans = _top(file, length)
    tracks = []
    for kind, body in _boxes(index):
        if kind == b"trak":
            tracks.append(_track(body, spans))
            if len(tracks) > MOST_TRACKS:
                raise NotAFilm("it has too many tracks")
    sound = any(track.kind == b"soun" for track in tracks)
    for track in tracks:
        if track.kind == b"vide":
            return _film(track, sound)
    raise NotAFilm("it has no video track")


def _film(track: _Track, sound: bool) -> Film:
    if track.frames == 0 or track.ticks == 0:
        raise NotAFilm("it has no frames; a film in fragments is not supported")
    codec = track.entry[4:8].decode("latin-1")
    if not (codec.isascii() and codec.isprintable()):
        raise NotAFilm("its codec has no name")
    if len(track.entry) < 36:
        raise NotAFilm("its video description is too short")
    width, height = struct.unpack_from(">HH", track.entry, 32)
    if width == 0 or height == 0:
        raise NotAFilm("its picture has no size")
    duration = Fraction(track.ticks, track.timescale)
    return Film(duration, track.frames / duration, track.frames, width, height, codec, sound)


def _top(file: BinaryIO, length: int) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the index (`moov`) and where media data is, from the boxes of the whole file."""
    if length == 0:
        raise NotAFilm("it is empty")
    index: bytes | None = None
    spans: list[tuple[int, int]] = []
    at, count = 0, 0
    while at < length:
        count += 1
        if count > MOST_BOXES:
            raise NotAFilm("it has too many boxes")
        file.seek(at)
        head = file.read(16)
        kind, start, end = _head(head, at, length)
        if count == 1 and kind != b"ftyp":
            raise NotAFilm("it does not begin as an MP4 does")
        if kind == b"mdat":
            spans.append((start, end))
        elif kind == b"moov":
            if index is not None:
                raise NotAFilm("it has two indexes")
            if end - start > LARGEST_INDEX:
                raise NotAFilm("its index is too large")
            file.seek(start)
            index = file.read(end - start)
            if len(index) != end - start:
                raise NotAFilm("its index is cut off")
        at = end
    if index is None:
        raise NotAFilm("it has no index: it is cut off, or was never finished")
    if not spans:
        raise NotAFilm("it has no media data")
    return index, spans


def _head(head: bytes, at: int, limit: int) -> tuple[bytes, int, int]:
    """Return a box's kind, and where its body starts and ends."""
    if len(head) < 8:
        raise NotAFilm("it is cut off inside a box's head")
    size, kind = int.from_bytes(head[:4]), head[4:8]
    start = at + 8
    if size == 1:
        if len(head) < 16:
            raise NotAFilm("it is cut off inside a box's head")
        size, start = int.from_bytes(head[8:16]), at + 16
    elif size == 0:
        size = limit - at
    end = at + size
    if end < start or end > limit:
        raise NotAFilm(
            f"its {_named(kind)} box says {size} bytes, and {limit - at} are there: it is cut off or damaged"
        )
    return kind, start, end


def _named(kind: bytes) -> str:
    return "".join(chr(code) if 32 < code < 127 else "?" for code in kind)


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and body of each box inside a box."""
    at, count = 0, 0
    while at + 8 <= len(body):
        count += 1
        if count > MOST_BOXES:
            raise NotAFilm("it has too many boxes")
        kind, start, end = _head(body[at : at + 16], at, len(body))
        yield kind, body[start:end]
        at = end


def _inside(body: bytes, *path: bytes) -> bytes:
    """Return the body of the box at *path* below *body*; the first of each kind."""
    for name in path:
        for kind, inner in _boxes(body):
            if kind == name:
                body = inner
                break
        else:
            raise NotAFilm(f"its index has no {_named(name)} box")
    return body


def _number(body: bytes, at: int, size: int = 4) -> int:
    if at + size > len(body):
        raise NotAFilm("a box of its index is too short")
    return int.from_bytes(body[at : at + size])


def _table(body: bytes, at: int, count: int, form: str) -> list[tuple[int, ...]]:
    """Return *count* rows of a table, where its box holds that many."""
    row = struct.Struct(">" + form)
    if count > MOST_ROWS:
        raise NotAFilm("a table of its index is too long")
    if count * row.size > len(body) - at:
        raise NotAFilm("a table of its index says more rows than it holds")
    return list(row.iter_unpack(body[at : at + count * row.size]))


def _track(body: bytes, spans: list[tuple[int, int]]) -> _Track:
    media = _inside(body, b"mdia")
    header = _inside(media, b"mdhd")
    timescale = _number(header, 20 if _number(header, 0, 1) == 1 else 12)
    if timescale == 0:
        raise NotAFilm("a track's clock stands still")
    kind = _inside(media, b"hdlr")[8:12]
    table = _inside(media, b"minf", b"stbl")
    frames, ticks = _times(_inside(table, b"stts"))
    _check_samples(table, frames, spans)
    description = _inside(table, b"stsd")
    if _number(description, 4) == 0:
        raise NotAFilm("a track does not say what it holds")
    size = _number(description, 8)
    if size < 16 or size > len(description) - 8:
        raise NotAFilm("a track's description is damaged")
    return _Track(kind, timescale, ticks, frames, description[8 : 8 + size])


def _times(body: bytes) -> tuple[int, int]:
    """Return how many samples there are and how many ticks they last, by `stts`."""
    runs = _table(body, 8, _number(body, 4), "II")
    frames, ticks = sum(count for count, _ in runs), sum(count * delta for count, delta in runs)
    if frames > MOST_ROWS:
        raise NotAFilm("it has too many frames")
    return frames, ticks


def _check_samples(table: bytes, frames: int, spans: list[tuple[int, int]]) -> None:
    """Check that the bytes of every sample lie in the file's media data."""
    sizes = _inside(table, b"stsz")
    uniform, count = _number(sizes, 4), _number(sizes, 8)
    if count != frames:
        raise NotAFilm("its index contradicts itself about the number of frames")
    rest = [] if uniform else [size for (size,) in _table(sizes, 12, count, "I")]
    ends: Sequence[int] = range(0, (count + 1) * uniform, uniform) if uniform else list(accumulate(rest, initial=0))
    chunks = _chunks(table)
    runs = _inside(table, b"stsc")
    rows = _table(runs, 8, _number(runs, 4), "III")
    done = 0
    for number, (first, samples, _) in enumerate(rows):
        following = rows[number + 1][0] if number + 1 < len(rows) else len(chunks) + 1
        if (number == 0 and first != 1) or not first < following <= len(chunks) + 1:
            raise NotAFilm("its index is damaged: its chunks are out of order")
        for at in chunks[first - 1 : following - 1]:
            if samples > count - done:
                raise NotAFilm("its index places more frames than there are")
            length = ends[done + samples] - ends[done]
            if not _within(at, at + length, spans):
                raise NotAFilm(f"the bytes of frame {done + 1} and on are not all there: it is cut off or damaged")
            done += samples
    if done != count:
        raise NotAFilm("its index does not say where every frame is")


def _within(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    """Tell whether bytes from *start* to *end* lie in one of the spans, which are in order."""
    place = bisect_right(spans, start, key=itemgetter(0)) - 1
    return place >= 0 and end <= spans[place][1]


def _chunks(table: bytes) -> list[int]:
    for kind, body in _boxes(table):
        if kind in {b"stco", b"co64"}:
            form = "I" if kind == b"stco" else "Q"
            return [at for (at,) in _table(body, 8, _number(body, 4), form)]
    raise NotAFilm("its index has no stco box")
