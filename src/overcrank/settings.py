"""Settings: nested, frozen, from the environment (`OVERCRANK_...`) and from `overcrank.toml`; the environment wins.

Built in `runtime`, in `celeryconfig.py` and by the command line, and nowhere else.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .errors import ConfigError
from .money import Money

PREFIX = "OVERCRANK_"
CONFIG = PREFIX + "CONFIG"
"""The variable that names the TOML file; without it, `overcrank.toml` in the current folder is read if it is there."""

SANDBOX_URL = "http://127.0.0.1:8787"
SANDBOX_KEY = "sandbox-key"
LIVE_URL = "https://api.holysheep.ai"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BROKERS = frozenset({"redis", "rediss", "unix", "sentinel", "amqp", "amqps", "pyamqp"})
"""How the URL of a broker may begin: Redis, or RabbitMQ."""


def _seconds(value: Any) -> Any:
    """Read a number, or text that is one, as seconds; pydantic's own forms such as `PT30S` work too."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    try:
        return timedelta(seconds=value)
    except OverflowError:
        raise ValueError("it has to be shorter than a few million years") from None


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("it has to be longer than nothing")
    return value


def _whole(value: timedelta) -> timedelta:
    if value % timedelta(seconds=1):
        raise ValueError("it has to be whole seconds")
    return value


def _http(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it has to begin with http:// or https://")
    if parts.username or parts.password:
        raise ValueError("it must not hold a user or a password")
    return value


def _url(value: str) -> str:
    return _http(value).rstrip("/").removesuffix("/v1")


def _listed(value: Any) -> Any:
    """Read `a, b` as a list, besides the JSON form `["a", "b"]` and what TOML gives."""
    if not isinstance(value, str):
        return value
    if value.strip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("it has to be a list such as a, b") from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _named(value: Any) -> Any:
    """Read `{"film": 20}` as a mapping; TOML gives one as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError('it has to be a mapping such as {"film": 20}') from None


Seconds = Annotated[timedelta, BeforeValidator(_seconds), AfterValidator(_positive)]
WholeSeconds = Annotated[Seconds, AfterValidator(_whole)]
Url = Annotated[str, AfterValidator(_url)]
Http = Annotated[str, AfterValidator(_http)]
Numbers = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_listed)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


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
    projects: Annotated[dict[str, Money], NoDecode, BeforeValidator(_named)] = Field(
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


SHORTEST_KEY, SHORTEST_TEXT = 24, 16
"""Bytes of a webhook secret after whsec_, as Standard Webhooks asks for; characters of one that is plain text."""


def _signing(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for secret in value:
        text = secret.get_secret_value()
        if text.startswith("whsec_"):
            try:
                key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
            except ValueError:
                raise ValueError("after whsec_ it has to be base64") from None
            if len(key) < SHORTEST_KEY:
                raise ValueError(
                    f"after whsec_ it has to be at least {SHORTEST_KEY} bytes in base64: it could be guessed"
                )
        elif len(text) < SHORTEST_TEXT:
            raise ValueError(f"it has to be at least {SHORTEST_TEXT} characters long, or it could be guessed")
    return value


class WebhookSettings(_Part):
    """How the vendor tells us that a clip is ready. Without it, it is asked."""

    public_url: Url | None = Field(None, description="where the vendor reaches `overcrank hooks`")
    secret: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_signing)] = Field(
        (), description="what the vendor signs with; several, separated by commas, while it is changed"
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets as text, each of which is right."""
        return tuple(secret.get_secret_value() for secret in self.secret)


_PASSWORD = re.compile(r"^[\w+.-]+://[^:@/]*:(.+)@[^@]*$")
"""The password of a URL, whatever characters it holds."""


class Settings(BaseSettings):
    """Everything that can be set. Each field is `OVERCRANK_<FIELD>`, or `OVERCRANK_<PART>__<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    redis_url: str = Field(  # it may hold a password, so no repr shows it
        "redis://127.0.0.1:6379/0", repr=False, description="the server that holds jobs and money"
    )
    broker_url: str | None = Field(None, repr=False, description="the Celery broker; without it, the same server")
    namespace: str = Field(
        "overcrank",
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="the first part of every key; one for each account, with a broker of its own",
    )
    data_dir: Path = Field(Path("overcrank-data"), description="where files go that are not told to go elsewhere")
    provider: ProviderSettings = Field(default_factory=ProviderSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    media: MediaSettings = Field(default_factory=MediaSettings)
    prices: PriceSettings = Field(default_factory=PriceSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)

    @property
    def broker(self) -> str:
        """The Celery broker's URL."""
        return self.broker_url or self.redis_url

    @property
    def provider_url(self) -> str:
        """The vendor's base URL, without /v1."""
        return self.provider.base_url or (LIVE_URL if self.provider.live else SANDBOX_URL)

    @property
    def provider_key(self) -> SecretStr:
        """The vendor's key; the sandbox's own where none is set, or a blank one."""
        key = self.provider.api_key
        return key if key is not None and key.get_secret_value().strip() else SecretStr(SANDBOX_KEY)

    @property
    def storage_url(self) -> str:
        """Where clips are kept, as a URL."""
        return self.storage.url or (self.data_dir.absolute() / "clips").as_uri()

    @property
    def archive_url(self) -> str:
        """Where a summary of every ended job stays, as a URL."""
        return self.archive.url or f"sqlite://{self.data_dir.absolute() / 'archive.sqlite'}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in the settings that no log may show: keys, what signs, passwords, addresses that are secret."""
        signing = (self.budget.alert_secret, *self.webhook.secret)
        urls = (self.redis_url, self.broker, self.archive_url, self.storage_url)
        passwords = [found[1] for url in urls if (found := _PASSWORD.search(url))]
        said = [self.provider_key.get_secret_value(), *(one.get_secret_value() for one in signing if one), *passwords]
        return tuple(said + [unquote(one) for one in said if "%" in one] + [self.budget.alert_url or ""])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the signature is the library's)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then the TOML file."""
        path = _config_file(os.environ)
        toml = [TomlConfigSettingsSource(settings_cls, path)] if path else []
        return (init_settings, env_settings, *toml)


def _config_file(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG)
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"{CONFIG} names {named}, and there is no such file")
        return Path(named)
    return Path("overcrank.toml") if Path("overcrank.toml").is_file() else None


def names() -> list[str]:
    """Return every environment variable that is read, in the order of the fields."""
    found = [CONFIG]
    for name, field in Settings.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            found += [f"{PREFIX}{name}__{inner}".upper() for inner in part.model_fields]
        else:
            found.append(f"{PREFIX}{name}".upper())
    return found


def load(**given: Any) -> Settings:
    """Return the settings of this process: *given* first, then the environment, then the TOML file.

    Raises:
        ConfigError: a value is wrong, a name is misspelt, or live spending is asked for without a key.
    """
    known = names()
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; the names are {', '.join(known)}"
            raise ConfigError(f"{name} is no setting{hint}")
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    except ValueError as error:  # a TOML file that is not TOML
        raise ConfigError(f"the settings can not be read: {error}") from None
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse combinations that would spend by mistake, or could never work."""
    provider = settings.provider
    host = urlsplit(settings.provider_url).hostname or ""
    if provider.live and settings.provider_key.get_secret_value() == SANDBOX_KEY:
        raise ConfigError(
            "OVERCRANK_PROVIDER__LIVE is true and OVERCRANK_PROVIDER__API_KEY is missing, blank or the sandbox's: "
            "set the key that the vendor gave you"
        )
    if provider.live and provider.name == "sandbox":
        raise ConfigError(
            "OVERCRANK_PROVIDER__LIVE is true and OVERCRANK_PROVIDER__NAME is sandbox, where nothing can be bought: "
            "name the vendor, and set OVERCRANK_PROVIDER__BASE_URL to its address or not at all"
        )
    if not provider.live and host not in LOOPBACK and not _is_sandbox(settings, host):
        raise ConfigError(
            f"OVERCRANK_PROVIDER__BASE_URL points at {host}, which may spend real money: "
            "set OVERCRANK_PROVIDER__LIVE=true and a key to mean it, or use an address on this machine"
        )
    for name, url, schemes in (
        ("OVERCRANK_REDIS_URL", settings.redis_url, {"redis", "rediss", "unix"}),
        ("OVERCRANK_BROKER_URL", settings.broker, BROKERS),
        ("OVERCRANK_STORAGE__URL", settings.storage_url, {"file", "s3"}),
    ):
        try:
            parts = urlsplit(url)
        except ValueError:
            raise ConfigError(f"{name} is no URL") from None
        if parts.scheme not in schemes:
            raise ConfigError(f"{name} has to begin with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}")
        try:
            _ = ";" in url or parts.port  # a broker may be named several times
        except ValueError:
            raise ConfigError(f"{name}: the port has to be a number from 0 to 65535") from None
    if settings.worker.permit >= settings.worker.lease:  # else a permit could be used after it was taken back
        raise ConfigError("OVERCRANK_WORKER__PERMIT has to be shorter than OVERCRANK_WORKER__LEASE")
    longest_call = provider.connect_timeout + provider.read_timeout + settings.worker.permit
    if provider.doubt_window <= longest_call:  # else a request could arrive after an empty look-up was believed
        raise ConfigError(
            "OVERCRANK_PROVIDER__DOUBT_WINDOW has to be longer than OVERCRANK_PROVIDER__CONNECT_TIMEOUT, "
            "OVERCRANK_PROVIDER__READ_TIMEOUT and OVERCRANK_WORKER__PERMIT together"
        )
    if settings.worker.lease < 3 * settings.worker.heartbeat:
        raise ConfigError("OVERCRANK_WORKER__LEASE has to be at least three times OVERCRANK_WORKER__HEARTBEAT")


def _is_sandbox(settings: Settings, host: str) -> bool:
    """Tell whether a host can only be a sandbox: it is called one, has a container's name, and gets no real key."""
    return (
        settings.provider.name == "sandbox"
        and settings.provider_key.get_secret_value() == SANDBOX_KEY
        and not {".", ":"} & set(host)
    )


def _explain(error: ValidationError) -> str:
    said = []
    for flaw in error.errors(include_url=False, include_context=False, include_input=False):
        path = [str(part) for part in flaw["loc"]]
        name = PREFIX + "__".join(path).upper()
        if flaw["type"] == "extra_forbidden":
            near = get_close_matches(name, names(), n=1, cutoff=0.5)
            said.append(f"{'.'.join(path)} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
        else:
            said.append(f"{name}: {flaw['msg'].removeprefix('Value error, ')}{_meaning(path)}")
    return "; ".join(said)


def _meaning(path: list[str]) -> str:
    model: Any = Settings
    text = ""
    for part in path:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            break
        model, text = field.annotation, field.description or text
    return f" ({text})" if text else ""
