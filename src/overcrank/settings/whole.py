"""All settings of a process: arguments first, then the environment, then the TOML file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ..errors import ConfigError
from .parts import (
    ArchiveSettings,
    BudgetSettings,
    LimitSettings,
    MediaSettings,
    PriceSettings,
    ProviderSettings,
    RetentionSettings,
    RetrySettings,
    StorageSettings,
    WebhookSettings,
    WorkerSettings,
)

PREFIX = "OVERCRANK_"
CONFIG = PREFIX + "CONFIG"
"""The variable that names the TOML file; without it, `overcrank.toml` in the current folder is read if it is there."""

SANDBOX_URL = "http://127.0.0.1:8787"
SANDBOX_KEY = "sandbox-key"
LIVE_URL = "https://api.holysheep.ai"

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
    broker_queues: Literal["classic", "quorum"] = Field(
        "classic", description="the kind of the broker's queues, where it is RabbitMQ"
    )
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
    def broker_pushes(self) -> bool:
        """Whether the broker is RabbitMQ, which hands messages out and is not asked for them."""
        return self.broker.startswith(("amqp:", "amqps:", "pyamqp:"))

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
