"""What can be chosen for a clip, by name."""

from enum import StrEnum


class Priority(StrEnum):
    """How urgent a job is; each has its own Celery queue, consumed in this order."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


class Mode(StrEnum):
    """How the clip shows time."""

    SLOW_MOTION = "slow_motion"
    """Played slower than it was taken."""

    TIME_LAPSE = "time_lapse"
    """Played faster."""

    HYPERLAPSE = "hyperlapse"
    """Played faster, the camera held still."""

    PLAIN = "plain"
    """As it is: the vendor has no word for it, so it is sent none, and nothing is made of the clip."""


class Extra(StrEnum):
    """What can be made beside the clip, once it is here."""

    LIGHT = "light"
    """A copy at 30 frames a second."""

    POSTER = "poster"
    """A picture from its middle."""

    PREVIEW = "preview"
    """Its first seconds as a small animated picture."""

    SHEET = "sheet"
    """Twelve pictures from it on one sheet."""


class Reuse(StrEnum):
    """Which clip that was paid for already may be delivered for this one."""

    NEVER = "never"
    """None: a new one is made."""

    SAME = "same"
    """One of the same project with the same seed and the same of everything that the film depends on."""

    ANY = "any"
    """Likewise, also where no seed is given, so that another would have been made."""


RESOLUTIONS = {"720p": "1280x720", "1080p": "1920x1080", "4K": "3840x2160"}
"""The short names of the sizes the provider makes."""

COLOURS = {"green": "#00b140", "blue": "#0047bb", "black": "#000000", "white": "#ffffff"}
"""The names of the colours that are usually put behind what is to be cut out."""

ALPHA = "alpha"
"""What is seen through is said by the film itself."""
