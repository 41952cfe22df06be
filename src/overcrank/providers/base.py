"""What a provider is to the rest of the program, in our words. No vendor's word gets past this seam.

Answers are values, classed by their consequence, so that no stage has to know an HTTP status.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from ..clip import Clip
from .identity import Identity


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider offers to somebody who lost its answer.

    Attributes:
        replay: the same idempotency key again returns the first answer and buys nothing.
        lookup: a generation can be found by the idempotency key it was made with.
    """

    replay: bool
    lookup: bool


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """One paid attempt, frozen before its first byte leaves; the same each time it is sent.

    Attributes:
        body: what goes over the wire, as it was written down with the attempt; empty before that.
        latest: the moment by this process's steady clock after which its first byte may not leave any more.
    """

    clip: Clip
    model: str
    job_id: str
    idempotency_key: str
    callback_url: str | None = None
    body: str = ""
    latest: float = field(default=math.inf, compare=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was bought: the provider's id for it, where to ask, and when it may be done (seconds from now)."""

    generation_id: str
    status_url: str | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Throttled:
    """Nothing was bought: too many calls, or too many at once. *retry_after* is in seconds, where it was said."""

    retry_after: float | None
    kind: Literal["rate", "concurrency"] = "rate"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nothing was bought and this request never will be: it is invalid, or not allowed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing was bought and nothing will be, for anybody: the key is wrong, or the balance is gone."""

    reason: Literal["key", "balance"]
    message: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing was bought: the request certainly did not reach the provider."""

    message: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may have been bought: the answer was lost or can not be read."""

    message: str


@dataclass(frozen=True, slots=True)
class Running:
    """The provider is at work; *progress* is 0 to 100, *eta* seconds from now, where known."""

    progress: float | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """The clip exists. *cost* is micro-dollars, where the provider said one; *url* is secret and does not last.

    *note* is what was wrong with what it said.
    """

    url: str
    sha256: str | None = None
    cost: int | None = None
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider gave up. *cost* is micro-dollars charged all the same (0: nothing), None where it was not said.

    *note* is what was wrong with what it said.
    """

    code: str
    message: str
    cost: int | None = None
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """The provider knows no such generation (any more)."""

    message: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The question was not answered; it buys nothing to ask again, after *retry_after* seconds where it was said."""

    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up found for a key."""

    generation_id: str
    status_url: str | None
    state: Running | Completed | Failed


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The bytes are on disk: how many, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The address no longer works: ask the status for a fresh one."""

    message: str


@dataclass(frozen=True, slots=True)
class Broken:
    """What came is not the whole clip; what is there of it may be resumed or was thrown away."""

    message: str


CreateAnswer = Accepted | Throttled | Rejected | Stopped | NotSent | InDoubt
StatusAnswer = Running | Completed | Failed | Missing | Unavailable | Stopped
LookupAnswer = list[Found] | Unavailable | Stopped
DownloadAnswer = Downloaded | Expired | Broken | Unavailable


class Provider(Protocol):
    """One account at one vendor. Safe to use from many threads; made after a fork, never before."""

    name: str
    model: str
    identity: Identity
    capabilities: Capabilities

    def body(self, request: CreateRequest) -> str:
        """Return what would go over the wire for an attempt, to be kept with it."""
        ...

    def create(self, request: CreateRequest) -> CreateAnswer:
        """Ask for a clip, once; this may buy it. Never raises for what the wire or the vendor does."""
        ...

    def status(self, generation_id: str, status_url: str | None) -> StatusAnswer:
        """Ask how a generation is doing. Buys nothing."""
        ...

    def lookup(self, idempotency_key: str, job_id: str) -> LookupAnswer:
        """Ask which generations were made with this key (the key decides; the id is a help). Buys nothing."""
        ...

    def download(self, url: str, to: Path, sha256: str | None = None) -> DownloadAnswer:
        """Write the clip's bytes to *to* (resuming what is there), check and fsync them. Buys nothing."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
