"""Settings: nested, frozen, from the environment (`OVERCRANK_...`) and from `overcrank.toml`; the environment wins.

Built in `runtime`, in `celeryconfig.py` and by the command line, and nowhere else.
"""

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
from .reading import load, names
from .sense import BROKERS, LOOPBACK
from .whole import CONFIG, LIVE_URL, PREFIX, SANDBOX_KEY, SANDBOX_URL, Settings

__all__ = [
    "BROKERS",
    "CONFIG",
    "LIVE_URL",
    "LOOPBACK",
    "PREFIX",
    "SANDBOX_KEY",
    "SANDBOX_URL",
    "ArchiveSettings",
    "BudgetSettings",
    "LimitSettings",
    "MediaSettings",
    "PriceSettings",
    "ProviderSettings",
    "RetentionSettings",
    "RetrySettings",
    "Settings",
    "StorageSettings",
    "WebhookSettings",
    "WorkerSettings",
    "load",
    "names",
]
