"""The same work as a plain Celery application, as a good engineer writes it.

Three queues in order of priority, a rate limit by annotation, automatic retries with back-off and jitter, late
acknowledgement, one session a process. The task creates, waits for its clip in a loop, and downloads it.
"""

import os
import threading
import time

import requests
from celery import Celery
from kombu import Queue

PROVIDER, REDIS = os.environ["BENCH_PROVIDER"], os.environ["BENCH_REDIS"]
RATE, WORKERS = float(os.environ["BENCH_RATE"]), int(os.environ["BENCH_WORKERS"])
AUTH = {"Authorization": "Bearer sandbox-key"}

app = Celery("plain", broker=REDIS, backend=REDIS)
app.conf.update(
    task_queues=[Queue(name) for name in ("urgent", "normal", "bulk")],
    task_default_queue="normal",
    broker_transport_options={"queue_order_strategy": "priority", "priority_steps": [0]},
    task_annotations={"plain.clip": {"rate_limit": f"{RATE / WORKERS:g}/s"}} if RATE else {},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    result_expires=3600,
)
_local = threading.local()


def session() -> requests.Session:
    """Return this thread's session."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.headers.update(AUTH)
    return _local.session


class TooMany(Exception):
    """The provider said 429."""


@app.task(
    name="plain.clip", autoretry_for=(requests.RequestException, TooMany), retry_backoff=True,
    retry_backoff_max=60, retry_jitter=True, max_retries=20,
)  # fmt: skip
def clip(prompt: str, key: str) -> dict[str, object]:
    """Generate a clip and return what it is."""
    http = session()
    body = {
        "model": "pixverse-v6-physics", "prompt": prompt, "mode": "slow_motion", "duration": 5, "fps": 120,
        "resolution": "1920x1080", "metadata": {"job_id": key},
    }  # fmt: skip
    answer = http.post(f"{PROVIDER}/v1/video/generate", json=body, headers={"Idempotency-Key": key}, timeout=30)
    if answer.status_code == 429:
        raise TooMany(answer.headers.get("Retry-After"))
    answer.raise_for_status()
    made = answer.json()
    time.sleep(made.get("eta_seconds") or 0)
    while True:
        status = http.get(f"{PROVIDER}/v1/video/status/{made['id']}", timeout=30)
        status.raise_for_status()
        found = status.json()
        if found["status"] == "completed":
            break
        if found["status"] == "failed":
            raise RuntimeError(found["error"]["message"])
        time.sleep(2)
    content = http.get(found["video_url"], timeout=60)
    content.raise_for_status()
    return {"id": made["id"], "bytes": len(content.content), "cost": found.get("cost_usd")}
