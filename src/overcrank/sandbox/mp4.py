"""An MP4 around H.264 units: one track, constant frame rate, the index before the data."""

from __future__ import annotations

import struct

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_TICKS = 512  # per frame


def wrap(units: list[tuple[bytes, bool]], sps: bytes, pps: bytes, size: tuple[int, int], fps: int) -> bytes:
    """The bytes of a file.

    Args:
        units: one per frame, each with whether a player can start at it.
        sps: the sequence parameter set.
        pps: the picture parameter set.
        size: width and height in pixels.
        fps: frames per second.
    """
    samples = [struct.pack(">I", len(unit)) + unit for unit, _ in units]
    ftyp = _box("ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    sizes = [len(sample) for sample in samples]
    keys = [number for number, (_, key) in enumerate(units, 1) if key]

    def moov(offset: int) -> bytes:
        table = _sample_table(sizes, keys, _description(sps, pps, size), offset)
        return _movie(len(units), size, fps, table)

    offset = len(ftyp) + len(moov(0)) + 8
    return ftyp + moov(offset) + _box("mdat", b"".join(samples))


def _box(kind: str, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind.encode()) + b"".join(parts)


def _full(kind: str, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


def _numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _movie(count: int, size: tuple[int, int], fps: int, table: bytes) -> bytes:
    scale, length = fps * _TICKS, count * _TICKS
    header = _full(
        "mvhd",
        _numbers(0, 0, scale, length, 0x10000),
        struct.pack(">H10x", 0x100),
        _MATRIX,
        bytes(24),
        _numbers(2),
    )
    track_header = _full(
        "tkhd",
        _numbers(0, 0, 1, 0, length),
        bytes(16),
        _MATRIX,
        _numbers(size[0] << 16, size[1] << 16),
        flags=3,
    )
    reference = _full("dref", _numbers(1), _full("url ", flags=1))
    media = _box(
        "mdia",
        _full("mdhd", _numbers(0, 0, scale, length), struct.pack(">HH", 0x55C4, 0)),
        _full("hdlr", _numbers(0), b"vide", bytes(12), b"video\0"),
        _box("minf", _full("vmhd", bytes(8), flags=1), _box("dinf", reference), table),
    )
    return _box("moov", header, _box("trak", track_header, media))


def _sample_table(sizes: list[int], keys: list[int], description: bytes, offset: int) -> bytes:
    return _box(
        "stbl",
        _full("stsd", _numbers(1), description),
        _full("stts", _numbers(1, len(sizes), _TICKS)),
        _full("stss", _numbers(len(keys), *keys)),
        _full("stsc", _numbers(1, 1, len(sizes), 1)),
        _full("stsz", _numbers(0, len(sizes), *sizes)),
        _full("stco", _numbers(1, offset)),
    )


def _description(sps: bytes, pps: bytes, size: tuple[int, int]) -> bytes:
    configuration = _box(
        "avcC",
        bytes([1]) + sps[1:4] + b"\xff\xe1",
        struct.pack(">H", len(sps)) + sps,
        b"\x01" + struct.pack(">H", len(pps)) + pps,
    )
    entry = struct.pack(">6xH16xHHIIIH32xHh", 1, *size, 0x480000, 0x480000, 0, 1, 24, -1)
    return _box("avc1", entry, configuration)
