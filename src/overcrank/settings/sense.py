"""Settings that are right each by itself, and together would spend by mistake or could never work."""

from datetime import timedelta
from urllib.parse import urlsplit

from ..errors import ConfigError
from .whole import SANDBOX_KEY, Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BROKERS = frozenset({"redis", "rediss", "unix", "sentinel", "amqp", "amqps", "pyamqp"})
"""How the URL of a broker may begin: Redis, or RabbitMQ."""
LONGEST_HOLD = timedelta(minutes=20)
"""Well below the half hour after which RabbitMQ closes the channel of whoever has not acknowledged a message."""


def check(settings: Settings) -> None:
    """Refuse such combinations.

    Raises:
        ConfigError: it says which settings, and what to set.
    """
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
    if settings.broker_queues == "quorum" and not settings.broker_pushes:
        raise ConfigError("OVERCRANK_BROKER_QUEUES is quorum, which is for RabbitMQ: set OVERCRANK_BROKER_URL to one")
    if settings.broker_pushes and settings.worker.hold > LONGEST_HOLD:
        raise ConfigError(
            "OVERCRANK_WORKER__HOLD has to be 20 minutes or less with RabbitMQ as the broker: "
            "after 30 minutes it takes a message for lost, and closes the channel"
        )
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
