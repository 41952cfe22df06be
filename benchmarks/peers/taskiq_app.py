"""The same work in taskiq's idiom: one event loop a worker, aiohttp, and a task that waits without holding a thread."""

import asyncio
import os

import aiohttp
from taskiq import SimpleRetryMiddleware, TaskiqEvents, TaskiqState
from taskiq_redis import ListQueueBroker

PROVIDER, REDIS = os.environ["BENCH_PROVIDER"], os.environ["BENCH_REDIS"]
# it waits in an endless BRPOP: redis-py's own time-out, 5 s since version 8, would end an idle worker and all its tasks
broker = ListQueueBroker(REDIS, queue_name="taskiq", socket_timeout=None).with_middlewares(
    SimpleRetryMiddleware(default_retry_count=20)
)
AUTH = {"Authorization": "Bearer sandbox-key"}
DONE = "bench:done"


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def open_session(state: TaskiqState) -> None:
    """Open the session that all tasks share, and the rate they share in this process."""
    state.http = aiohttp.ClientSession(headers=AUTH, connector=aiohttp.TCPConnector(limit=0))
    print("taskiq ready", flush=True)


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close_session(state: TaskiqState) -> None:
    """Close it."""
    await state.http.close()


RATE, WORKERS = float(os.environ["BENCH_RATE"]), int(os.environ["BENCH_WORKERS"])
_next = 0.0


async def turn() -> None:
    """Wait for this process's share of the rate."""
    global _next  # noqa: PLW0603  (one rate a process)
    if RATE:
        loop = asyncio.get_running_loop()
        _next = max(_next + WORKERS / RATE, loop.time())
        await asyncio.sleep(_next - loop.time())


@broker.task(task_name="clip", retry_on_error=True)
async def clip(prompt: str, key: str) -> dict[str, object]:
    """Generate a clip and return what it is."""
    http: aiohttp.ClientSession = broker.state.http
    body = {
        "model": "pixverse-v6-physics", "prompt": prompt, "mode": "slow_motion", "duration": 5, "fps": 120,
        "resolution": "1920x1080", "metadata": {"job_id": key},
    }  # fmt: skip
    while True:
        await turn()
        async with http.post(f"{PROVIDER}/v1/video/generate", json=body, headers={"Idempotency-Key": key}) as answer:
            if answer.status == 429:
                await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
                continue
            answer.raise_for_status()
            made = await answer.json()
            break
    await asyncio.sleep(made.get("eta_seconds") or 0)
    while True:
        async with http.get(f"{PROVIDER}/v1/video/status/{made['id']}") as status:
            found = await status.json()
        if found["status"] == "completed":
            break
        if found["status"] == "failed":
            raise RuntimeError(found["error"]["message"])
        await asyncio.sleep(2)
    async with http.get(found["video_url"]) as content:
        size = len(await content.read())
    return {"id": made["id"], "bytes": size, "cost": found.get("cost_usd")}
