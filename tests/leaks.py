"""A look for keys that nobody will ever remove."""

from redis import Redis

from overcrank.keys import PERMANENT, Keys
from overcrank.lifecycle import ENDS, State


def leaks(redis: Redis) -> list[str]:
    """Return the keys that neither expire nor are bounded: named in `keys.py`, or belonging to a job in flight."""
    living = {str(state) for state in State} - {str(state) for state in ENDS}
    found = []
    for key in redis.scan_iter(count=1000):
        prefix, _, name = key.rpartition("}:")
        if not prefix.startswith("{") or redis.ttl(key) != -1:
            continue
        keys = Keys(prefix.removeprefix("{"))
        if name in PERMANENT or key in keys.states().values():
            continue
        kind, _, rest = name.partition(":")
        job_id = rest if kind == "job" else redis.hget(key, "job") if kind == "attempt" else None
        if kind == "unique":
            job_id = redis.get(key)
        if job_id and redis.hget(keys.job(job_id), "state") in living:
            continue
        if kind == "parked" and redis.sismember(keys.parks, rest):
            continue  # it goes with its last job, and each project in it is named there
        if kind == "window" and int(redis.hget(key, "reserved") or 0) > 0:
            continue  # it expires when what it reserves is settled
        found.append(key)
    return found
