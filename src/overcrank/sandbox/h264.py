"""A very small H.264 encoder in plain Python, for where PyAV is not installed.

Constrained Baseline. Every two seconds a picture of raw macroblocks (I_PCM); between them each macroblock is either
skipped (P_Skip: as in the picture before) or raw again where something moved. No loss, no search, no filter: exact
pixels, and short as long as little moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from overcrank.sandbox.ball import Box, Canvas

_KEY_FRAME_SECONDS = 2

# (level_idc, macroblocks per second, macroblocks per picture), Table A-1 of the standard.
_LEVELS = (
    (10, 1_485, 99), (11, 3_000, 396), (12, 6_000, 396), (13, 11_880, 396), (21, 19_800, 792), (22, 20_250, 1_620),
    (30, 40_500, 1_620), (31, 108_000, 3_600), (32, 216_000, 5_120), (40, 245_760, 8_192), (42, 522_240, 8_704),
    (50, 589_824, 22_080), (51, 983_040, 36_864), (52, 2_073_600, 36_864), (62, 16_711_680, 139_264),
)  # fmt: skip


class Bits:
    """Bits put one after the other, with the codes of the standard."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._value = 0
        self._count = 0

    def u(self, count: int, value: int) -> None:
        """A number of `count` bits."""
        self._value = self._value << count | value
        self._count += count

    def ue(self, value: int) -> None:
        """An unsigned Exp-Golomb code."""
        self.u(2 * (value + 1).bit_length() - 1, value + 1)

    def raw(self, data: bytes) -> None:
        """Whole bytes, after zero bits up to the next byte."""
        self._flush(stop=False)
        self._done += data

    def close(self) -> bytes:
        """All bytes, ended by a stop bit."""
        self._flush(stop=True)
        return bytes(self._done)

    def _flush(self, *, stop: bool) -> None:
        if stop:
            self.u(1, 1)
        self.u(-self._count % 8, 0)
        self._done += self._value.to_bytes(self._count // 8, "big")
        self._value = self._count = 0


def parameter_sets(width: int, height: int, fps: int) -> tuple[bytes, bytes]:
    """The sequence and the picture parameter set of a stream of this size in pixels."""
    columns, rows = -(-width // 16), -(-height // 16)
    blocks = columns * rows
    level = next((name for name, speed, size in _LEVELS if blocks * fps <= speed and blocks <= size), 62)
    sps = Bits()
    sps.u(24, 66 << 16 | 0b1100_0000 << 8 | level)
    for value in (0, 4, 2, 1):  # id, 8 bits of frame_num, output in decoding order, one reference
        sps.ue(value)
    sps.u(1, 0)
    sps.ue(columns - 1)
    sps.ue(rows - 1)
    sps.u(2, 0b11)
    right, bottom = (columns * 16 - width) // 2, (rows * 16 - height) // 2
    sps.u(1, 1)
    for value in (0, right, 0, bottom):
        sps.ue(value)
    sps.u(1, 0)
    pps = Bits()
    for code in "ee00eee000eee100":  # e: an Exp-Golomb 0; the 1: slices say how they are deblocked
        pps.u(1, int(code in "e1"))
    return nal(0x67, sps.close()), nal(0x68, pps.close())


def nal(header: int, payload: bytes) -> bytes:
    """A unit without its length: the header byte and the payload with emulation prevention."""
    return bytes([header]) + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def encode(frames: Iterable[tuple[Canvas, Box | None]], fps: int) -> list[tuple[bytes, bool]]:
    """One unit per frame, and whether a player can start at it."""
    units: list[tuple[bytes, bool]] = []
    group = _KEY_FRAME_SECONDS * fps
    for index, (canvas, box) in enumerate(frames):
        since = index % group
        if since == 0:
            units.append((nal(0x65, _key_slice(canvas, index // group)), True))
        elif box is None:
            blocks = canvas.width * canvas.height // 256
            units.append((_still(since % 256, blocks), False))
        else:
            units.append((nal(0x41, _moved_slice(canvas, box, since)), False))
    return units


def _key_slice(canvas: Canvas, number: int) -> bytes:
    bits = _header(7, 0, number)
    for block in range(canvas.width * canvas.height // 256):
        bits.ue(25)
        bits.raw(_samples(canvas, block))
    return bits.close()


def _moved_slice(canvas: Canvas, box: Box, since: int) -> bytes:
    columns = canvas.width // 16
    left, top, right, bottom = (side // 16 for side in (box[0], box[1], box[2] + 15, box[3] + 15))
    bits = _header(5, since % 256)
    following = 0
    for row in range(top, min(bottom, canvas.height // 16)):
        for block in range(row * columns + left, row * columns + min(right, columns)):
            bits.ue(block - following)
            bits.ue(30)
            bits.raw(_samples(canvas, block))
            following = block + 1
    rest = columns * (canvas.height // 16) - following
    if rest:
        bits.ue(rest)
    return bits.close()


@lru_cache(maxsize=1024)
def _still(frame_num: int, blocks: int) -> bytes:
    bits = _header(5, frame_num)
    bits.ue(blocks)
    return nal(0x41, bits.close())


def _header(slice_type: int, frame_num: int, key_number: int | None = None) -> Bits:
    bits = Bits()
    for value in (0, slice_type, 0):
        bits.ue(value)
    bits.u(8, frame_num)
    if key_number is not None:
        bits.ue(key_number % 2)
        bits.u(2, 0)
    else:
        bits.u(3, 0)
    bits.ue(0)  # the quantiser as it is
    bits.ue(1)  # no deblocking
    return bits


def _samples(canvas: Canvas, block: int) -> bytes:
    columns = canvas.width // 16
    row, column = divmod(block, columns)
    start = row * 16 * canvas.width + column * 16
    luma = b"".join(canvas.luma[at : at + 16] for at in range(start, start + 16 * canvas.width, canvas.width))
    half = canvas.width // 2
    start = row * 8 * half + column * 8
    rows = range(start, start + 8 * half, half)
    return luma + b"".join(plane[at : at + 8] for plane in (canvas.blue, canvas.red) for at in rows)
