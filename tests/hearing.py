"""What was said on a channel: all of it, however long the server takes to hand it over."""

import time

from redis import Redis
from redis.client import PubSub

PATIENCE = 20.0
"""Seconds the server may take to hand it over."""

SO_FAR = "so far"


def heard(listener: PubSub) -> list[str]:
    """Return what was said since the last time: a word of our own comes behind all that was said before it."""
    said: list[str] = []
    redis = Redis(connection_pool=listener.connection_pool)
    for channel in listener.channels:
        redis.publish(channel, SO_FAR)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        message = listener.get_message(timeout=1.0)
        if message is None:  # the answer to a subscription
            continue
        if message["data"] == SO_FAR:
            return said
        said.append(message["data"])
    raise AssertionError(f"in {PATIENCE:g} s the server handed over no more than {said}")
