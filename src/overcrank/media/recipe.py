"""What is to be made of a clip: the steps that its mode and its extras come to."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from ..clip import Clip, Extra, Mode
from ..errors import InvalidClip
from .mp4 import Film
from .steps import Step
from .timing import sampled, slowing
from .trouble import Impossible

USUAL_FPS = 30
"""Frames a second of what is delivered, where nothing is said."""

USUAL_SPEED = 4
"""How many times as fast a time lapse and a hyperlapse are, where nothing is said; any clip is long enough for it."""

SLOWED_FROM = 60
"""Frames a second from which on a slow motion is slowed by itself."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The delivery, if any, and the extras.

    Attributes:
        delivery: the step whose film is delivered instead of the original, or None.
        extras: what is made beside it.
    """

    delivery: Step | None
    extras: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of it, in the order it is done; the film is checked first."""
        return (Step("check", {}), *([self.delivery] if self.delivery else ()), *self.extras)


def recipe(clip: Clip) -> Recipe:
    """Return what is to be made of *clip*.

    Slow motion of 60 frames a second or more is slowed to a `deliver_fps`, 30 by itself; a time lapse and a hyperlapse
    are sped up by a `speed`, 4 by itself. A plain clip, and a slow motion that has too few frames and names no
    `deliver_fps`, is delivered as it comes. A light copy is made of the original, whatever is delivered.

    Raises:
        InvalidClip: it can not be made of such a clip; the message says what can.
    """
    try:
        return _made_of(clip.mode, clip.duration, clip.fps, clip.deliver_fps, clip.speed, clip.extras)
    except Impossible as error:
        raise InvalidClip(f"{clip.mode}: {error}") from None


@lru_cache(1024)
def _made_of(
    mode: Mode, duration: float, fps: int, deliver_fps: int | None, speed: int | None, extras: tuple[Extra, ...]
) -> Recipe:
    """Return what is to be made of such a clip; a batch asks for the same again and again."""
    film = _original(duration, fps)
    usual = min(fps, USUAL_FPS)  # frames are left out and never invented
    beside = tuple(Step(name, {"fps": usual} if name == "light" else {}) for name in map(str, extras))
    if Extra.LIGHT in extras:
        sampled(film, usual)
    return Recipe(_delivery(mode, film, usual, deliver_fps, speed), beside)


def backdrop(clip: Clip, background: Path) -> Step:
    """Return the step that puts a film behind the clip's: what is made of the clip is made of both, then."""
    seen = {"key": clip.key, "tolerance": clip.key_tolerance, "softness": clip.key_softness}
    return Step("composite", {"background": str(background), **seen, "loop": clip.background_loop})


def _delivery(mode: Mode, film: Film, usual: int, deliver_fps: int | None, speed: int | None) -> Step | None:
    if mode is Mode.PLAIN:
        if speed is not None or deliver_fps is not None:
            raise Impossible("it is delivered as it comes: name another mode, or leave speed and deliver_fps out")
        return None
    if mode is Mode.SLOW_MOTION:
        if speed is not None:
            raise Impossible("it is not sped up: use time_lapse or hyperlapse, or leave speed out")
        if deliver_fps is None and film.fps < SLOWED_FROM:
            return None
        fps = deliver_fps or USUAL_FPS
        slowing(film, fps)
        return Step("slow", {"fps": fps})
    fps = deliver_fps or usual
    speed = speed or USUAL_SPEED
    sampled(film, fps, speed)
    return Step("hyper" if mode is Mode.HYPERLAPSE else "lapse", {"fps": fps, "speed": speed})


def way_home(clip: Clip) -> float:
    """Return the seconds to allow for from the moment a clip is made to the moment its film is here.

    A second is for the download; each step takes a fifth of the clip's length at the most, as measured.
    """
    return 1 + clip.duration / 5 * (len(recipe(clip).steps) - 1)


def delivers(clip: Clip) -> tuple[int, int]:
    """Return how many frames are delivered of *clip*, and how many a second."""
    film, delivery = _original(clip.duration, clip.fps), recipe(clip).delivery
    if delivery is None:
        return film.frames, clip.fps
    fps = delivery.options["fps"]
    return film.frames if delivery.name == "slow" else sampled(film, fps, delivery.options["speed"]), fps


def _original(duration: float, fps: int) -> Film:
    """Return what the provider makes of such a clip."""
    frames = round(duration * fps)
    return Film(Fraction(frames, fps), Fraction(fps), frames, 0, 0, "")
