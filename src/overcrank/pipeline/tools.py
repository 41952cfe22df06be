"""What the stages work with. `runtime` builds it; a test may build it from parts of its own."""

from dataclasses import dataclass

from ..admission.alarm import Alarms
from ..admission.calibration import Calibration
from ..admission.gate import Gate
from ..admission.lane import Lane
from ..admission.ledger import Ledger
from ..backoff import Backoff
from ..clock import Clock
from ..providers.base import Provider
from ..settings import Settings
from ..storage.base import Storage
from ..store.jobs import Jobs


@dataclass(frozen=True)
class Tools:
    """Everything a stage may touch."""

    settings: Settings
    clock: Clock
    jobs: Jobs
    gate: Gate
    lane: Lane
    ledger: Ledger
    calibration: Calibration
    alarms: Alarms
    provider: Provider
    storage: Storage

    @property
    def retries(self) -> Backoff:
        """The waits between tries that bought nothing."""
        retry = self.settings.retry
        return Backoff(retry.base.total_seconds(), retry.cap.total_seconds(), retry.attempts)

    @property
    def lease(self) -> float:
        """Seconds after which a worker that says nothing counts as dead."""
        return self.settings.worker.lease.total_seconds()
