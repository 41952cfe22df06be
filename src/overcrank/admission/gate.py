"""The gate: the one place that lets a job through to the provider. It asks; one script decides."""

from dataclasses import dataclass
from datetime import timedelta

from ..clock import SECOND, Clock
from ..errors import OverBudget
from ..job import Job, read_job
from ..keys import Period
from ..money import dollars
from ..scripts import Scripts, keep_for
from ..settings import Settings
from .calibration import Calibration

PATIENCE = 3.0
"""Seconds after which a holder asks again at the latest; the gate stops counting on one that does not."""

NEVER = 1_000_000_000
"""So many bad calls in a row that it does not come to that."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The job has a permit, a slot and its quote reserved, since *at* (µs); *job* is its record as it is now."""

    at: int
    job: Job


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not yet: which limit, when to ask again, and the server's time (µs)."""

    limit: str
    retry_at: int
    now: int

    @property
    def wait(self) -> float:
        """Seconds until asking again can help."""
        return max(0.0, (self.retry_at - self.now) / SECOND)


@dataclass(frozen=True, slots=True)
class Parked:
    """Not yet, for this project alone: which limit. The job waits among the parked, without a message."""

    limit: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The job is no longer as the caller thought: somebody else moved it to *state*."""

    state: str


@dataclass(frozen=True, slots=True)
class Go:
    """The caller, and nobody else, may send the attempt now; *troubled*: the breaker wants to hear of a good answer."""

    version: int
    at: int
    troubled: bool = False


@dataclass(frozen=True, slots=True)
class Aged:
    """The permit was not used in time, or not in the window it was reserved in; it is to be given back."""

    version: int


class Gate:
    """Admission over all workers of one account."""

    def __init__(
        self, scripts: Scripts, settings: Settings, clock: Clock, worker: str, calibration: Calibration
    ) -> None:
        self._scripts, self._worker, self._calibration = scripts, worker, calibration
        self._limits = settings.limits
        self._lease_us = _us(settings.worker.lease)
        self._permit_us = _us(settings.worker.permit)
        # the call itself may take as long as its time-outs, and only then does the provider begin
        longest_call = settings.provider.connect_timeout + settings.provider.read_timeout
        self._horizon_us = _us(settings.provider.horizon + longest_call)
        self._probe_us = self._permit_us + _us(longest_call) + SECOND
        self._window_ttl_s = keep_for(settings.retention).window_s
        self._period = Period.at(clock.now(), _us(settings.budget.window))
        self._spend_cap = settings.retry.spend_cap

    def admit(self, job: Job) -> Admitted | Deferred | Parked | Elsewhere:
        """Ask for a permit, a slot and the job's quote from every budget, all or nothing.

        Raises:
            OverBudget: the quote is more than a whole window's cap, or all the job's attempts together would come to
                more than one job may cost; waiting would never help.
        """
        amount = self._calibration.amount(job.clip, job.quote)
        if self._spend_cap is not None and job.paid + amount > self._spend_cap and not job.own_risk:
            before = f", after {dollars(job.paid)} for attempts before it," if job.paid else ""
            raise OverBudget(
                f"{dollars(amount)} would be reserved{before} and a job may cost {dollars(self._spend_cap)} in all: "
                "raise OVERCRANK_RETRY__SPEND_CAP or ask for a cheaper clip"
            )
        while True:
            answer, stored = self._scripts.admit(
                job.id,
                job.attempt,
                job.attempt_no,
                job.priority,
                project=job.project,
                worker=self._worker,
                quote=job.quote,
                amount=amount,
                period=self._period,
                horizon_us=self._horizon_us,
                lease_us=self._lease_us,
                patience_us=round(PATIENCE * SECOND),
                probe_us=self._probe_us,
                window_ttl_s=self._window_ttl_s,
                beside=(("HGETALL", self._scripts.keys.job(job.id)),),
            )
            match answer:
                case ["admitted", at, _]:
                    return Admitted(int(at), read_job(job.id, stored))
                case ["deferred", limit, retry_at, now]:
                    return Deferred(limit, int(retry_at), int(now))
                case ["parked", limit]:
                    return Parked(limit)
                case ["window", *period]:  # the server's window is another: its clock and settings decide
                    self._period = Period(*map(int, period))
                case ["refused", cap, whose]:
                    raise OverBudget(
                        f"the clip costs {dollars(job.quote)} and a whole budget window "
                        f"{'' if whose == 'lane' else f'of the project {job.project} '}holds {dollars(int(cap))}: "
                        "raise the cap or ask for a cheaper clip"
                    )
                case _:
                    return Elsewhere(answer[1])

    def claim(self, job: Job, *, sent_to: str = "", model: str = "", body: str = "") -> Go | Aged | Elsewhere:
        """Decide, just before the first byte leaves, whether this worker may send the attempt; freeze what it is."""
        while True:
            answer = self._scripts.claim(
                job.id, job.attempt, project=job.project, worker=self._worker, period=self._period,
                permit_us=self._permit_us, lease_us=self._lease_us, sent_to=sent_to, model=model, body=body,
            )  # fmt: skip
            match answer:
                case ["go", version, at, troubled]:
                    return Go(int(version), int(at), bool(int(troubled)))
                case ["aged", version]:
                    return Aged(int(version))
                case ["window", *period]:
                    self._period = Period(*map(int, period))
                case _:
                    return Elsewhere(answer[1])

    def leave(self, job: Job) -> None:
        """Give up the job's place among those that ask."""
        self._scripts.leave(job.id)

    def resend(self, job: Job) -> Go | Deferred | Elsewhere:
        """Ask for a permit to send an attempt once more with its own key, and for a slot where its own has lapsed.

        What it has booked comes along into the current window, so the job is another afterwards: read it again.
        """
        if job.books is None:
            raise AssertionError(f"{job.id} is in doubt and has nothing reserved")
        while True:
            answer = self._scripts.resend(
                job.attempt, job.id, job.version, job.project, job.books, period=self._period,
                horizon_us=self._horizon_us, probe_us=self._probe_us, window_ttl_s=self._window_ttl_s,
            )  # fmt: skip
            match answer:
                case ["go", at, version]:
                    return Go(int(version), int(at), troubled=True)
                case ["deferred", limit, retry_at, now]:
                    return Deferred(limit, int(retry_at), int(now))
                case ["window", *period]:
                    self._period = Period(*map(int, period))
                case _:
                    return Elsewhere(answer[1])

    def heard(self, job: Job, *, good: bool, again: bool = False) -> None:
        """Tell the breaker whether a call was answered as it should be.

        One job's key that is sent *again* may be what the provider can not answer: it never opens the breaker.
        """
        limits = self._limits
        threshold = NEVER if again and limits.breaker else limits.breaker
        self._scripts.heard(
            job.attempt, good=good, admitted_us=job.let_through, threshold=threshold,
            pause_us=_us(limits.breaker_pause), longest_us=_us(limits.breaker_longest),
        )  # fmt: skip


def _us(span: timedelta) -> int:
    return round(span.total_seconds() * SECOND)
