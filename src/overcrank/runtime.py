"""The one place that builds the program's parts from its settings."""

import os
import socket
from functools import cached_property

from .admission.alarm import Alarms
from .admission.audit import Audit
from .admission.calendar import Calendar
from .admission.calibration import Calibration
from .admission.caps import Caps
from .admission.foresight import Foresight
from .admission.gate import Gate
from .admission.journal import Journal
from .admission.lane import Lane
from .admission.ledger import Ledger
from .admission.parking import Parking
from .admission.reaper import Reaper
from .admission.rebuild import Rebuild
from .clock import Clock
from .ids import new_id
from .keys import Keys
from .pipeline.tools import Tools
from .prices import PriceBook
from .providers.base import Provider
from .providers.holysheep import HolySheep
from .providers.identity import Identity
from .scripts import Scripts, keep_for
from .server import Server, connect
from .settings import LimitSettings, Settings
from .storage import open_storage
from .storage.base import Storage
from .store.archive import Archive
from .store.jobs import Jobs, ServersClock
from .store.retention import Retention


class Runtime:
    """The parts of one process, each made when first asked for. Make one after a fork, never before."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self._given_clock = clock
        self.keys = Keys(settings.namespace)
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"

    @cached_property
    def clock(self) -> Clock:
        """The server's clock, unless a test gave another."""
        return self._given_clock or ServersClock(self.jobs)

    @cached_property
    def redis(self) -> Server:
        """The connection to jobs and money."""
        return connect(self.settings.redis_url)

    @cached_property
    def scripts(self) -> Scripts:
        """The scripts over it."""
        return Scripts(self.redis, self.keys)

    @cached_property
    def jobs(self) -> Jobs:
        """The job records."""
        return Jobs(self.redis, self.keys, self.scripts, self.settings, self.alarms.tell)

    @property
    def account(self) -> str:
        """What stands for the address and the key that calls are made with: too little of a hash to be either."""
        return Identity.of(self.settings).account

    @cached_property
    def lane(self) -> Lane:
        """What the provider allows."""
        return Lane(self.redis, self.keys, self.scripts, self.account, self.alarms)

    @cached_property
    def ledger(self) -> Ledger:
        """What is reserved and spent."""
        return Ledger(
            self.redis, self.keys, self.scripts, self.calendar, self.caps, self.journal, self.audit, self.alarms,
            self.settings,
        )  # fmt: skip

    @cached_property
    def calendar(self) -> Calendar:
        """Which budget windows are open."""
        return Calendar(self.redis, self.keys)

    @cached_property
    def journal(self) -> Journal:
        """What every change of the books has left."""
        return Journal(self.redis, self.keys, self.scripts, self.settings.retention)

    @cached_property
    def audit(self) -> Audit:
        """The journal's word about the books."""
        return Audit(self.redis, self.keys, self.calendar, self.journal, self.settings.retention)

    @cached_property
    def rebuild(self) -> Rebuild:
        """What puts the books back."""
        return Rebuild(self.redis, self.keys, self.scripts, self.calendar, self.journal, self.settings)

    @cached_property
    def alarms(self) -> Alarms:
        """What people are told at once."""
        return Alarms(self.redis, self.keys, self.settings.budget)

    @cached_property
    def foresight(self) -> Foresight:
        """What is to come."""
        return Foresight(self.redis, self.keys, self.calendar, self.lane, self.ledger, self.caps, self.calibration)

    @cached_property
    def caps(self) -> Caps:
        """What may be spent."""
        return Caps(self.redis, self.keys, self.scripts, keep_for(self.settings.retention).window_s)

    @cached_property
    def parking(self) -> Parking:
        """The jobs that only their project's budget stops."""
        return Parking(self.redis, self.keys, self.scripts)

    @cached_property
    def reaper(self) -> Reaper:
        """What gives back what nobody else will."""
        return Reaper(self.redis, self.keys, self.scripts, self.alarms, self.settings.retention)

    @cached_property
    def calibration(self) -> Calibration:
        """What clips were charged, compared with their price."""
        return Calibration(self.redis, self.keys, self.settings.budget, self.settings.provider.model)

    def configure(self, limits: LimitSettings | None = None) -> None:
        """Write what the settings allow to where every gate reads it."""
        self.lane.configure(limits or self.settings.limits, self.settings.budget.window)
        self.caps.configure(self.settings.budget)

    @cached_property
    def gate(self) -> Gate:
        """Who may call the provider."""
        return Gate(self.scripts, self.settings, self.clock, self.worker, self.calibration)

    @cached_property
    def archive(self) -> Archive:
        """What is kept of jobs that ended."""
        return Archive(self.settings.archive_url)

    @cached_property
    def retention(self) -> Retention:
        """What moves ended jobs there."""
        return Retention(self.redis, self.keys, self.jobs, self.archive, self.settings.provider.model)

    @cached_property
    def prices(self) -> PriceBook:
        """What clips should cost."""
        return PriceBook.load(self.settings.prices.file)

    @cached_property
    def provider(self) -> Provider:
        """The provider's adapter."""
        return HolySheep(self.settings)

    def check(self) -> None:
        """Build all that settings can make impossible: whoever starts a process finds out before its jobs do.

        Raises:
            ConfigError: the key, an address, the price book or the store can not be used.
        """
        _ = self.prices, self.provider, self.storage

    @cached_property
    def storage(self) -> Storage:
        """Where clips are kept."""
        return open_storage(self.settings.storage_url, self.settings.data_dir / "staging")

    @cached_property
    def tools(self) -> Tools:
        """What the stages work with."""
        return Tools(
            settings=self.settings,
            clock=self.clock,
            jobs=self.jobs,
            gate=self.gate,
            lane=self.lane,
            ledger=self.ledger,
            calibration=self.calibration,
            alarms=self.alarms,
            provider=self.provider,
            storage=self.storage,
        )
