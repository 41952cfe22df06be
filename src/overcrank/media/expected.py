"""What films a request leads to, had the provider made exactly what was asked for: to compare with what came."""

from fractions import Fraction

from ..clip import Clip
from . import crop
from .mp4 import Film
from .steps import Step
from .timing import sampled


def asked(clip: Clip) -> Film:
    """Return the film that was asked of the provider."""
    width, height = map(int, clip.resolution.split("x"))
    frames = round(clip.duration * clip.fps)
    return Film(Fraction(frames, clip.fps), Fraction(clip.fps), frames, width, height, "")


def after(film: Film, step: Step) -> Film:
    """Return the film that *step* makes of *film*.

    Raises:
        Impossible: there is none.
    """
    fps = step.options["fps"]
    if step.name == "slow":
        return Film(Fraction(film.frames, fps), Fraction(fps), film.frames, film.width, film.height, "")
    frames = sampled(film, fps, step.options.get("speed", 1))
    size = crop.kept(film.width, film.height) if step.name == "hyper" else (film.width & ~1, film.height & ~1)
    return Film(Fraction(frames, fps), Fraction(fps), frames, *size, "")
