"""What every clip shows: a ball that is dropped, bounces and is dropped again, true to physics at any frame rate.

The height at a frame is a closed form of its time, so there is no integrator whose error depends on the frame rate.
The scale is known: `Scene.pixels_per_metre`. So a test can measure gravity from the pixels of a delivered clip, and a
picture with ticks every half metre on its left shows what it should find.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from overcrank.sandbox.chance import draw

#: Speed after a bounce over speed before it.
RESTITUTION = 0.8

#: Metres between the floor and the top of the picture, as far as the lowest point of the ball can go.
CEILING = 2.0

BALL, FLOOR, TICK, SKY_TOP, SKY_BOTTOM = 235, 45, 125, 60, 105
SKY_BLUE, SKY_RED = 140, 120

_MACROBLOCK = 16

#: A rectangle in pixels: left, top, right, bottom; the last two are outside.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """One ball in one picture size.

    Attributes:
        width: pixels.
        height: pixels.
        fps: frames per second.
        gravity: m/s².
        variant: which of the possible drops; it sets the drop height and the path.
    """

    width: int
    height: int
    fps: int
    gravity: float = 9.81
    variant: int = 0

    @cached_property
    def radius(self) -> int:
        """Of the ball, in pixels."""
        return max(3, self.height // 22)

    @cached_property
    def floor(self) -> int:
        """The first row of the floor, counted from the top."""
        return self.height * 9 // 10

    @cached_property
    def pixels_per_metre(self) -> float:
        """The scale of the picture."""
        return (self.floor - 2 * self.radius - 2) / CEILING

    @cached_property
    def drop_height(self) -> float:
        """Metres between the ball's lowest point and the floor when it is let go."""
        return CEILING * (0.85 + 0.15 * draw("drop", self.variant))

    @cached_property
    def fall_seconds(self) -> float:
        """From letting go to the first contact."""
        return math.sqrt(2 * self.drop_height / self.gravity)

    @cached_property
    def cycle_frames(self) -> int:
        """Frames until the ball has come to rest and is dropped again."""
        seconds = self.fall_seconds * (1 + 2 * RESTITUTION / (1 - RESTITUTION)) + 0.25
        return math.ceil(seconds * self.fps)

    def height_at(self, seconds: float) -> float:
        """Metres above the floor, this long after letting go."""
        if seconds < self.fall_seconds:
            return self.drop_height - self.gravity * seconds * seconds / 2
        # Flight n lasts e**n times the first one; which n it is follows from the sum of a geometric series.
        flight = 2 * RESTITUTION * self.fall_seconds
        since = seconds - self.fall_seconds
        left = 1 - since * (1 - RESTITUTION) / flight
        if left <= 1e-6:
            return 0.0
        bounce = int(math.log(left) / math.log(RESTITUTION))
        since -= flight * (1 - RESTITUTION**bounce) / (1 - RESTITUTION)
        speed = self.gravity * self.fall_seconds * RESTITUTION ** (bounce + 1)
        return max(0.0, speed * since - self.gravity * since * since / 2)

    def centre(self, frame: int) -> tuple[float, float]:
        """Where the ball's centre is in a frame: pixels from the left and from the top."""
        step = frame % self.cycle_frames
        height = self.height_at(step / self.fps)
        start = 0.2 + 0.1 * draw("path", self.variant)
        x = self.width * (start + 0.55 * step / self.cycle_frames)
        return x, self.floor - self.radius - height * self.pixels_per_metre

    def frames(self, count: int) -> Iterator[tuple[Canvas, Box | None]]:
        """Draw frame after frame on one canvas; each with the box that changed, or None."""
        canvas = Canvas(self)
        shown: tuple[float, float] | None = None
        box: Box | None = None
        for frame in range(count):
            centre = self.centre(frame)
            if centre == shown:
                yield canvas, None
                continue
            changed = canvas.move(box, centre)
            box, shown = canvas.box(centre), centre
            yield canvas, changed


class Canvas:
    """The planes of one picture (4:2:0), each padded to whole macroblocks."""

    def __init__(self, scene: Scene) -> None:
        self.width = _padded(scene.width)
        self.height = _padded(scene.height)
        self.radius = scene.radius
        self._empty = self._background(scene)
        self.luma = bytearray(self._empty)
        quarter = self.width * self.height // 4
        self.blue, self.red = bytes([SKY_BLUE]) * quarter, bytes([SKY_RED]) * quarter

    def box(self, centre: tuple[float, float]) -> Box:
        """The pixels that a ball with this centre touches."""
        reach = self.radius + 1
        x, y = math.floor(centre[0]), math.floor(centre[1])
        return (
            max(0, x - reach),
            max(0, y - reach),
            min(self.width, x + reach + 2),
            min(self.height, y + reach + 2),
        )

    def move(self, old: Box | None, centre: tuple[float, float]) -> Box:
        """Wipe the old box, draw the ball at its new centre, and return the box around both."""
        if old is not None:
            left, top, right, bottom = old
            for row in range(top * self.width, bottom * self.width, self.width):
                self.luma[row + left : row + right] = self._empty[row + left : row + right]
        new = self.box(centre)
        self._draw(new, centre)
        if old is None:
            return new
        return min(old[0], new[0]), min(old[1], new[1]), max(old[2], new[2]), max(old[3], new[3])

    def _draw(self, box: Box, centre: tuple[float, float]) -> None:
        left, top, right, bottom = box
        inner = self.radius - 1
        for y in range(top, bottom):
            row, dy = y * self.width, y - centre[1]
            core = math.isqrt(max(0, int(inner * inner - dy * dy))) if abs(dy) < inner else 0
            full_from, full_to = math.ceil(centre[0] - core), math.floor(centre[0] + core)
            if core and full_from < full_to:
                self.luma[row + full_from : row + full_to] = bytes([BALL]) * (full_to - full_from)
            else:
                full_from = full_to = right
            for x in (*range(left, full_from), *range(full_to, right)):
                share = self.radius + 0.5 - math.hypot(x - centre[0], dy)
                if share > 0:
                    below = self._empty[row + x]
                    self.luma[row + x] = below + round((BALL - below) * min(1.0, share))

    def _background(self, scene: Scene) -> bytes:
        plane = bytearray()
        bottom = scene.floor - 1
        for y in range(self.height):
            shade = SKY_TOP + (SKY_BOTTOM - SKY_TOP) * y // scene.floor if y < scene.floor else FLOOR
            plane += bytes([shade]) * self.width
        for half_metres in range(int(CEILING * 2) + 1):
            row = round(bottom - half_metres * scene.pixels_per_metre / 2) * self.width
            plane[row + 2 : row + 2 + max(4, scene.width // 24)] = bytes([TICK]) * max(4, scene.width // 24)
        return bytes(plane)


def _padded(size: int) -> int:
    return -(-size // _MACROBLOCK) * _MACROBLOCK
