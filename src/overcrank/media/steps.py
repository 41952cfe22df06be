"""What is made of a film, as steps: each takes the film's path and writes one file, and the same step twice is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .mp4 import Film, probe

FILM, PICTURE = "film", "picture"
MAKERS = {
    "check": ("check", "check", FILM),
    "composite": ("composite", "composite", FILM),
    "slow": ("retime", "retime", FILM),
    "lapse": ("resample", "resample", FILM),
    "hyper": ("hyperlapse", "hyperlapse", FILM),
    "light": ("resample", "resample", FILM),
    "poster": ("stills", "poster", PICTURE),
    "preview": ("stills", "preview", PICTURE),
    "sheet": ("stills", "sheet", PICTURE),
}
"""Every step: its module, its function there, and what it makes."""

ENDINGS = {"poster": "jpg", "preview": "webp", "sheet": "jpg"}

DELIVERIES = ("slow", "lapse", "hyper")
"""Steps that make what is delivered in the original's stead; a recipe has one of them at most."""

EXTRAS = ("light", "poster", "preview", "sheet")
"""Steps that make something beside it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make.

    Attributes:
        name: a key of `MAKERS`.
        options: arguments of its function: `fps`, `speed`, and what a background is and how it is seen.
    """

    name: str
    options: Mapping[str, Any]

    @property
    def ending(self) -> str:
        """What follows the job's id in the name of its file."""
        return f"-{self.name}.{ENDINGS.get(self.name, 'mp4')}"

    def maker(self) -> Callable[..., Any]:
        """Return its function; only a process that may decode asks for it."""
        from importlib import import_module

        module, name, _ = MAKERS[self.name]
        made: Callable[..., Any] = getattr(import_module(f".{module}", __package__), name)
        return made

    def run(self, film: Path, to: Path) -> dict[str, Any]:
        """Do it in this process, and return what it made as plain data."""
        if self.name == "check":
            done = self.maker()(film)
            return {"decoded": done.decoded, "steady": done.steady, **described(done.film)}
        made = self.maker()(film, to, **self.options)
        if MAKERS[self.name][2] == PICTURE:
            return {"width": made[0], "height": made[1]}
        before = probe(film)
        lost: dict[str, Any] = {}
        if before.sound and not made.sound:  # at another speed it would be another sound
            lost["audio"] = "dropped"
        if self.name == "hyper":
            lost["cropped"] = f"{before.width}x{before.height} to {made.width}x{made.height}"
        return {**described(made), **lost}


def described(film: Film) -> dict[str, Any]:
    """Return what a film is, as plain data; sound is named where there is some."""
    return {
        "codec": film.codec,
        "width": film.width,
        "height": film.height,
        "frames": film.frames,
        "fps": round(float(film.fps), 3),
        "duration": round(float(film.duration), 6),
        **({"audio": "kept"} if film.sound else {}),
    }
