"""Exit codes: what a script can know without reading a word."""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    """It did what was asked."""

    FAILED = 1
    """A job ended without a clip, its clip could not be made what was asked for, or a check failed."""

    USAGE = 2
    """The command line or the clip is wrong; nothing was done."""

    STORE = 3
    """Redis can not be reached or used; nothing was decided, unless the message says otherwise."""

    CONFIG = 4
    """A setting is wrong, missing or misspelt; nothing was started."""

    NOT_FOUND = 5
    """There is no such job."""

    TOO_LATE = 6
    """The job is past the point where this could be done."""

    TIMEOUT = 7
    """The job had not ended in time; it goes on."""

    CRASHED = 8
    """A supervised process kept ending at once, so it was given up."""

    INTERNAL = 70
    """A fault of the program itself; `--debug` shows where."""

    INTERRUPTED = 130
    """Somebody pressed Ctrl-C."""


def code_of(error: BaseException) -> Exit:
    """Return the code that an error of ours ends the command with."""
    from .. import errors

    kinds = (
        (errors.ConfigError, Exit.CONFIG),
        (errors.StoreUnavailable, Exit.STORE),
        (errors.UnknownJob, Exit.NOT_FOUND),
        (errors.UnknownAttempt, Exit.NOT_FOUND),
        (errors.TooLate, Exit.TOO_LATE),
        (errors.WaitTimeout, Exit.TIMEOUT),
        (errors.Refused, Exit.USAGE),
        (errors.OvercrankError, Exit.FAILED),
    )
    if type(error).__module__.partition(".")[0] in {
        "redis",
        "kombu",
        "amqp",
    }:  # named, not imported: they are slow to load
        return Exit.STORE
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.INTERNAL)
