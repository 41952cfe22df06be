"""The parts of the settings: what each may hold, what it is by default, and what it means."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ..money import Money
from .kinds import Amounts, Http, Names, Numbers, Seconds, Signing, Url, WholeSeconds


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class ProviderSettings(_Part):
    """Which vendor makes the clips, and how it is spoken to."""

    name: Literal["holysheep", "sandbox"] = Field(
        "holysheep", description="the dialect; the sandbox speaks HolySheep's"
    )
    base_url: Url | None = Field(None, description="up to and without /v1; the sandbox's unless live")
    api_key: SecretStr | None = Field(None, description="the vendor's key")
    live: bool = Field(False, description="true: spend real money; without it only a loopback address is called")
    model: str = Field("pixverse-v6-physics", description="a model of the price book")
    replay: bool = Field(True, description="the vendor answers a repeated idempotency key with its first answer")
    lookup: bool = Field(True, description="the vendor finds a generation by its idempotency key")
    poll_interval: Seconds = Field(timedelta(seconds=2), description="between two status calls for one job, at first")
    poll_slowest: Seconds = Field(timedelta(seconds=20), description="between two status calls, at last")
    connect_timeout: Seconds = Field(timedelta(seconds=5), description="to open a connection")
    read_timeout: Seconds = Field(timedelta(seconds=20), description="for an answer, or for the next bytes of one")
    fetch_timeout: Seconds = Field(timedelta(minutes=10), description="for one whole download")
    horizon: Seconds = Field(timedelta(minutes=15), description="after this the vendor surely renders no more")
    doubt_window: Seconds = Field(
        timedelta(seconds=60), description="an empty look-up proves nothing before the request is this old"
    )
    keeps: Seconds = Field(timedelta(hours=24), description="how long the vendor keeps a finished clip")
    largest: int = Field(2 * 1024**3, gt=0, description="bytes; a larger clip is not downloaded")
    download_hosts: Names = Field((), description="hosts to download from, besides the vendor's own")


class LimitSettings(_Part):
    """What the vendor allows this account, over all workers."""

    rate: float = Field(10, ge=0, le=100_000, description="calls a second; 0: no limit")
    burst: int = Field(15, ge=1, le=1_000_000, description="calls at once after a pause")
    concurrency: int = Field(15, ge=0, le=10_000_000, description="generations at once; 0: no limit")
    breaker: int = Field(5, ge=0, description="calls in a row that fail before nobody calls for a while; 0: no limit")
    breaker_pause: Seconds = Field(
        timedelta(seconds=2), description="the first such pause; each next one is twice as long"
    )
    breaker_longest: Seconds = Field(timedelta(minutes=1), description="the longest such pause")


class BudgetSettings(_Part):
    """How much may be spent in a window of time."""

    cap: Money = Field(50, description="dollars a window")
    window: WholeSeconds = Field(
        timedelta(hours=1), description="whole seconds; windows begin at multiples of it since 1970, UTC"
    )
    warn_at: Numbers = Field((50, 80, 100), description="percent of the cap at which to warn")
    day_cap: Money | None = Field(None, description="dollars a day, UTC; without it only the window counts")
    project_cap: Money | None = Field(None, description="dollars a window for each project")
    project_day_cap: Money | None = Field(None, description="dollars a day for each project")
    projects: Amounts = Field(
        default_factory=dict, description='dollars a window by project, as {"film": 20}; counts before project_cap'
    )
    urgent_share: int = Field(0, ge=0, le=100, description="percent of each of the lane's windows kept for urgent jobs")
    calibrate: bool = Field(True, description="reserve more than the price where the vendor has been charging more")
    calibrate_quantile: int = Field(95, ge=50, le=100, description="percent of past charges a reservation has to cover")
    calibrate_most: float = Field(3.0, ge=1, le=10, description="a reservation is never more than this times the price")
    believed: float = Field(10, ge=1, description="a charge of more than this many times the price is not believed")
    alert_url: Http | None = Field(None, repr=False, description="where to POST warnings, as Standard Webhooks")
    alert_secret: SecretStr | None = Field(None, description="what signs them: whsec_ and base64, or any text")


class StorageSettings(_Part):
    """Where clips are kept."""

    url: str | None = Field(
        None,
        repr=False,
        description="file:///an/absolute/folder or s3://bucket/prefix; without it, clips/ in the data folder",
    )
    keep_for: Seconds | None = Field(None, description="a job's files are removed after this; without it, never")
    keep_bytes: int | None = Field(None, gt=0, description="the oldest jobs' files are removed where all take more")


class MediaSettings(_Part):
    """What is done to clips that are here."""

    check: bool = Field(
        True,
        description="decode every clip to its end, where the extra video is installed; "
        "false: only those of which something is made",
    )
    patience: Seconds = Field(timedelta(minutes=5), description="a step on one clip that takes longer is ended")


class PriceSettings(_Part):
    """Which price book quotes."""

    file: Path | None = Field(None, description="a TOML file; without it, the one of the package")


class RetrySettings(_Part):
    """How often a job is tried."""

    attempts: int = Field(5, ge=1, le=100, description="tries that bought nothing, before a job fails")
    base: Seconds = Field(timedelta(seconds=1), description="bound of the first wait between tries")
    cap: Seconds = Field(timedelta(seconds=60), description="bound of every wait between tries")
    within: Seconds = Field(timedelta(hours=6), description="after the first try that bought nothing no more are made")
    spend_cap: Money | None = Field(
        None,
        description="dollars all attempts of a job may cost together, the first one too; "
        "without it no charged failure is tried again",
    )


class WorkerSettings(_Part):
    """How workers wait, renew and recover."""

    heartbeat: Seconds = Field(timedelta(seconds=1.5), description="between two renewals of what a worker has in hand")
    lease: Seconds = Field(timedelta(seconds=8), description="without a renewal for this long a worker counts as dead")
    hold: Seconds = Field(timedelta(minutes=5), description="how long a message is held before it is handed back")
    permit: Seconds = Field(timedelta(seconds=2), description="a permit not used for this long is returned")
    visibility: Seconds = Field(timedelta(minutes=15), description="Redis redelivers a message unacknowledged for this")
    deaths: int = Field(2, ge=1, description="workers a job may stop before it is set aside")


class RetentionSettings(_Part):
    """How long ended things stay in Redis."""

    jobs: Seconds = Field(timedelta(days=7), description="ended jobs, their attempts and results")
    windows: Seconds = Field(timedelta(days=40), description="closed budget windows")
    journal: int = Field(
        1_000_000, ge=1000, description="entries of the journal, about; today's and those of open attempts stay"
    )


class ArchiveSettings(_Part):
    """Where a summary of every ended job stays."""

    url: str | None = Field(
        None,
        repr=False,
        description="sqlite:///an/absolute/path or postgresql://...; else archive.sqlite in the data folder",
    )


class WebhookSettings(_Part):
    """How the vendor tells us that a clip is ready. Without it, it is asked."""

    public_url: Url | None = Field(None, description="where the vendor reaches `overcrank hooks`")
    secret: Signing = Field(
        (), description="what the vendor signs with; several, separated by commas, while it is changed"
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets as text, each of which is right."""
        return tuple(secret.get_secret_value() for secret in self.secret)
