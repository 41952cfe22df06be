"""Whose queues a broker holds. All namespaces name their queues alike, so each needs a broker's database to itself."""

from ..errors import ConfigError
from ..server import connect
from ..settings import Settings
from ..wire import is_redis

MARK = "overcrank.namespace"
"""String in the broker's database: the namespace whose messages its queues hold. It stays; each broker has but one."""


def take_queues(settings: Settings) -> None:
    """Note whose the broker's queues are. Two namespaces on one would take and destroy each other's messages.

    Raises:
        ConfigError: they are another's.
    """
    if not is_redis(settings.broker):
        return
    namespace = settings.namespace
    with connect(settings.broker) as broker:
        owner = broker.set(MARK, namespace, nx=True, get=True)
    if owner not in (None, namespace):
        raise ConfigError(
            f"this broker's queues are those of the namespace {owner}, and yours is {namespace}: name another database "
            f"with OVERCRANK_BROKER_URL, such as redis://127.0.0.1:6379/1; or delete the key {MARK} if {owner} is gone"
        )
