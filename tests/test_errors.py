"""The tree of errors: what the docstring draws is what there is."""

import inspect
import re

import pytest

from overcrank import errors
from overcrank.errors import InvalidClip, JobError, OvercrankError, Refused, job_error

CLASSES = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind)}


def drawn() -> dict[str, str | None]:
    """Return each class in the docstring's picture with the one above it."""
    above: dict[str, str | None] = {"OvercrankError": None}
    path = ["OvercrankError"]
    for indent, name in re.findall(r"^([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE):
        path = path[: 1 + len(indent) // 4]
        above[name] = path[-1]
        path.append(name)
    return above


def test_the_picture_is_the_tree() -> None:
    """Every class is in it, below its base."""
    assert {
        name: None if kind is OvercrankError else kind.__bases__[0].__name__ for name, kind in CLASSES.items()
    } == drawn()


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_says_what_it_means(name: str) -> None:
    """In a sentence of its own."""
    assert (CLASSES[name].__dict__.get("__doc__") or "").rstrip().endswith(".")


@pytest.mark.parametrize("name", [name for name, kind in CLASSES.items() if issubclass(kind, JobError)])
def test_a_jobs_error_survives_being_stored(name: str) -> None:
    """Class and message come back."""
    error = job_error(name, "why")
    assert (CLASSES[name], "why") == (type(error), str(error))


def test_an_unknown_kind_is_still_a_jobs_error() -> None:
    """A record written by a later version can be read."""
    assert JobError is type(job_error("Novel", "why"))


def test_errors_are_what_their_callers_expect() -> None:
    """A wrong value is a ValueError, a lost patience a TimeoutError."""
    assert issubclass(InvalidClip, Refused | ValueError)
    assert issubclass(InvalidClip, ValueError)
    assert issubclass(errors.WaitTimeout, TimeoutError)
