"""No key and no signed address ever lands where others can read it."""

import pytest
from plant import clip

from overcrank.lifecycle import State

KEY = "hs-a-very-secret-key-0123456789"


def everything(redis) -> str:
    """Return all that the server holds, as one text."""
    readers = {
        "string": redis.get,
        "hash": redis.hgetall,
        "list": lambda key: redis.lrange(key, 0, -1),
        "set": redis.smembers,
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        "stream": redis.xrange,
        "none": lambda _: "gone meanwhile",
    }
    return "\n".join(f"{key} {readers[redis.type(key)](key)}" for key in redis.scan_iter(count=1000))


@pytest.mark.parametrize(
    "forced", [[], [("submit", "garbage", 1), ("content", "expired", 1), ("status", "error_500", 1)]]
)
def test_no_key_and_no_signed_address_is_left_behind(build, forced):
    """After clips that went well, badly and doubtfully, nothing in Redis, in a log or in a file holds a secret."""
    plant = build(api_key=KEY, PROVIDER__API_KEY=KEY)
    for stage, fault, count in forced:
        plant.sandbox.force(stage, fault, count)
    plant.worker("all", 4, "--loglevel", "DEBUG")
    ended = plant.ends([plant.client.submit(clip()), plant.client.submit(clip("forbidden"))])
    files = "".join(path.read_text() for path in (plant.folder / "data").rglob("*.json"))
    seen = {
        "redis": everything(plant.client._runtime.redis),
        "logs": plant.logs() + "".join(worker.log.read_text() for worker in plant._workers),
        "files": files,
        "settings": repr(plant.client.settings),
    }

    assert [State.SUCCEEDED, State.FAILED] == [job.state for job in ended]
    assert files
    assert [] == [place for place, text in seen.items() if KEY in text]
    assert [] == [place for place, text in seen.items() if "/content/" in text or "signature=" in text]


def test_a_wrong_key_is_not_repeated_in_the_reason(build):
    """The lane says that the key is wrong, and does not say the key."""
    plant = build(api_key="another-key-than-ours", PROVIDER__API_KEY=KEY)
    plant.worker()
    plant.client.submit(clip())
    stopped = plant.until(lambda: plant.client.stats()["lane"]["stopped"])

    assert stopped.startswith("key")
    assert KEY not in stopped + everything(plant.client._runtime.redis) + plant.logs()
