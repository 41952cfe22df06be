"""What is to be made of a clip: the steps that its mode and its extras come to."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..clip import Clip, Mode
from ..errors import InvalidClip
from .mp4 import Film
from .steps import Step
from .timing import sampled, slowing
from .trouble import Impossible

USUAL_FPS = 30


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

    Slow motion is slowed by a `deliver_fps`; a time lapse and a hyperlapse are sped up by a `speed`. Where neither is
    given, the original is delivered.

    Raises:
        InvalidClip: it can not be made of such a clip; the message says what can.
    """
    beside = tuple(Step(name, {"fps": USUAL_FPS} if name == "light" else {}) for name in map(str, clip.extras))
    try:
        return Recipe(_delivery(clip), beside)
    except Impossible as error:
        raise InvalidClip(f"{clip.mode}: {error}") from None


def backdrop(clip: Clip, background: Path) -> Step:
    """Return the step that puts a film behind the clip's: what is made of the clip is made of both, then."""
    seen = {"key": clip.key, "tolerance": clip.key_tolerance, "softness": clip.key_softness}
    return Step("composite", {"background": str(background), **seen, "loop": clip.background_loop})


def _delivery(clip: Clip) -> Step | None:
    frames = round(clip.duration * clip.fps)
    film = Film(Fraction(frames, clip.fps), Fraction(clip.fps), frames, 0, 0, "")
    if clip.mode is Mode.SLOW_MOTION:
        if clip.speed is not None:
            raise Impossible("it is not sped up: use time_lapse or hyperlapse, or leave speed out")
        if clip.deliver_fps is None:
            return None
        slowing(film, clip.deliver_fps)
        return Step("slow", {"fps": clip.deliver_fps})
    if clip.speed is None and clip.deliver_fps is None:
        return None
    fps, speed = clip.deliver_fps or min(clip.fps, USUAL_FPS), clip.speed or 1
    sampled(film, fps, speed)
    return Step("hyper" if clip.mode is Mode.HYPERLAPSE else "lapse", {"fps": fps, "speed": speed})
