"""Two namespaces never share a broker's queues."""

from collections.abc import Callable

import pytest
from redis import Redis

from overcrank.client import Client
from overcrank.errors import ConfigError
from overcrank.settings import Settings
from overcrank.store.queues import MARK


def test_a_second_namespace_on_a_broker_is_refused(
    redis: Redis, configured: Callable[..., Settings], server_url: str
) -> None:
    """Its messages would be taken by the other's workers, which know none of its jobs; nothing of it is written."""
    Client(configured()).submit("a ball")
    other = configured(namespace="other")
    with pytest.raises(ConfigError, match="OVERCRANK_BROKER_URL"):
        Client(other).submit("a ball")
    assert [] == list(redis.scan_iter("{other}:*"))
    Client(configured(namespace="other", broker_url=server_url.replace("/0", "/1"))).submit("a ball")
    Client(configured()).submit("another")
    assert "overcrank" == redis.get(MARK)
    redis.flushall()
