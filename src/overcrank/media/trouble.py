"""What can be wrong with a film, or with what is wanted of it. The paid original is kept whatever happens."""

from ..errors import ConfigError, OvercrankError

LARGEST_PICTURE = 7680 * 4320
"""Pixels of the largest picture that is decoded."""


class MediaError(OvercrankError):
    """A step could not be done; the original is as it was."""


class Impossible(MediaError, ValueError):
    """What is wanted can not be made of this film; the message says what can."""


class TooLarge(MediaError, ValueError):
    """The film's pictures are larger than any clip that can be asked for."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(
            f"its pictures are {width}x{height}, and at most {LARGEST_PICTURE:,} pixels are decoded (as 7680x4320)"
        )


class Overdue(MediaError):
    """A step took longer than it may, or ended without a word."""


class MissingExtra(ConfigError):
    """The optional part that decodes films is not installed."""

    def __init__(self) -> None:
        super().__init__("films can not be decoded here: pip install 'overcrank[video]'")
