"""What can go wrong, classed by its consequence.

```
OvercrankError
├── ConfigError            a setting is wrong or missing; nothing starts
├── StoreUnavailable       Redis can not be reached; nothing was decided, unless the message says otherwise
├── UnknownJob             no job has this id
├── UnknownAttempt         no attempt has this id
├── BooksLost              what was spent, or may be, is not all known; nothing was decided
├── StillOpen              the attempt's bill is still to come; nothing was booked
├── TooLate                the job is past the point where this could be done
├── WaitTimeout            the job had not ended when the caller's patience did
└── JobError               how a job ended without a clip; `AsyncResult(job_id).get()` raises these
    ├── Refused            nothing was sent, nothing was spent
    │   ├── InvalidClip    a field of the clip is wrong
    │   ├── UnknownPrice   the price book has no price for this clip
    │   └── OverBudget     the clip costs more than a whole budget window
    ├── Cancelled          somebody cancelled it before it was sent
    ├── Rejected           the provider refused it; nothing was charged
    ├── GenerationFailed   the provider accepted it and failed
    ├── Undeliverable      it was paid and its bytes can not be had
    ├── DeadlineMissed     it could not be started in time; nothing was spent
    ├── OutOfAttempts      every allowed attempt failed without buying anything
    └── Discarded          it was set aside: it stopped its worker repeatedly
```

Every message says what was wrong and what to do about it. No message holds a key, a signature or a signed URL.
"""


class OvercrankError(Exception):
    """The base of everything Overcrank raises on purpose."""


class ConfigError(OvercrankError):
    """A setting is wrong, missing or misspelt; nothing was started."""


class StoreUnavailable(OvercrankError):
    """Redis can not be reached or can not be used; nothing was decided, unless the message says otherwise."""


class UnknownJob(OvercrankError):
    """No job has this id; it never existed, or its record has been retired."""


class UnknownAttempt(OvercrankError):
    """No attempt has this id; it never was, or it ended too long ago to be corrected."""


class BooksLost(OvercrankError):
    """What was spent, or what may be spent, is not all known any more; nothing was decided."""


class StillOpen(OvercrankError):
    """The attempt is not settled yet: its bill is still to come, so there is nothing to correct."""


class TooLate(OvercrankError):
    """The job is past the point where this could still be done."""


class WaitTimeout(OvercrankError, TimeoutError):
    """The job had not ended in the time the caller was ready to wait; it goes on."""


class JobError(OvercrankError):
    """A job ended without a clip."""


class Refused(JobError):
    """Nothing was sent and nothing was spent."""


class InvalidClip(Refused, ValueError):
    """A field of the clip is wrong; the message names it and what is allowed."""


class UnknownPrice(Refused):
    """The price book has no price for this clip, so it can not be reserved for."""


class OverBudget(Refused):
    """The clip costs more than a whole budget window holds, or than one job may cost; it could never run."""


class Cancelled(JobError):
    """Somebody cancelled the job before it was sent."""


class Rejected(JobError):
    """The provider refused the request; nothing was charged."""


class GenerationFailed(JobError):
    """The provider accepted the job and then failed; the message says whether it was charged."""


class Undeliverable(JobError):
    """The clip was paid for and its bytes can no longer be had."""


class DeadlineMissed(JobError):
    """The job could not be started before its deadline; nothing was spent."""


class OutOfAttempts(JobError):
    """Every allowed attempt failed without buying anything."""


class Discarded(JobError):
    """The job was set aside because it stopped its worker repeatedly."""


_BY_NAME = {
    kind.__name__: kind
    for kind in (
        JobError, Refused, InvalidClip, UnknownPrice, OverBudget, Cancelled, Rejected, GenerationFailed, Undeliverable,
        DeadlineMissed, OutOfAttempts, Discarded,
    )
}  # fmt: skip


def job_error(kind: str, message: str) -> JobError:
    """Return the error that a job record keeps as its class name and message."""
    return _BY_NAME.get(kind, JobError)(message)
