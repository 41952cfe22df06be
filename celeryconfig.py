"""Celery's settings, as Celery reads them. The values come from `OVERCRANK_...` variables and `overcrank.toml`.

Celery's own rate limiter counts in each worker by itself, so it is switched off; the annotation below is still where
the limit stands, and the gate keeps it exactly, over all workers.
"""

from overcrank import transport, wire
from overcrank.clip import Priority
from overcrank.settings import load
from workers import schedule

settings = load()

broker_url = wire.broker_url(settings.broker)
result_backend = wire.broker_url(settings.redis_url)
result_expires = settings.retention.jobs
result_extended = False
result_backend_thread_safe = True  # else each thread has a backend of its own, with a pool and its buffers

# JSON only: a pickled message would run code
task_serializer = result_serializer = event_serializer = "json"
accept_content = result_accept_content = ["json"]

# one queue a priority, consumed in this order; see workers/roles.py for how many of each a worker takes
task_queues = transport.task_queues(settings)
task_default_queue = wire.COMMON_QUEUE  # what follows a clip and names no queue goes where Celery would send it
task_create_missing_queues = True  # what follows a clip may be on a queue of its sender's own; -Q says what is consumed
task_routes = {
    wire.GENERATE: {"queue": wire.QUEUES[Priority.NORMAL]},
    wire.POLL: {"queue": wire.POLL_QUEUE},
    wire.FETCH: {"queue": wire.FETCH_QUEUE},
    wire.RENDER: {"queue": wire.RENDER_QUEUE},
    wire.BUDGET_TICK: {"queue": wire.BEAT_QUEUE},
    wire.POLL_TICK: {"queue": wire.BEAT_QUEUE},
    wire.SWEEP: {"queue": wire.BEAT_QUEUE},
}

task_annotations = {
    wire.GENERATE: {
        "rate_limit": f"{settings.limits.rate:g}/s" if settings.limits.rate else None,
        "rate_burst": settings.limits.burst,
        # tries that bought nothing: exponential waits with full jitter, kept by the pipeline with the message in hand
        "max_retries": settings.retry.attempts - 1,
        "retry_backoff": settings.retry.base.total_seconds(),
        "retry_backoff_max": settings.retry.cap.total_seconds(),
        "retry_jitter": True,
    },
}
worker_disable_rate_limits = True

worker_consumer = "workers.consumer:Consumer"

# a message is acknowledged when its work is done; a lost worker's comes again, and meets the job's record
task_acks_late = True
task_reject_on_worker_lost = True
task_acks_on_failure = True
worker_prefetch_multiplier = 1
worker_cancel_long_running_tasks_on_connection_loss = False  # a paid call is never killed to be repeated

task_ignore_result = True  # but for overcrank.generate
task_track_started = False  # a job says so itself once it is in flight
worker_send_task_events = True  # for Flower; internal tasks send none
task_send_sent_event = False
worker_hijack_root_logger = False
worker_redirect_stdouts = False

broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_channel_error_retry = settings.broker_pushes  # it closes a channel that kept a message half an hour
_redis_options = {
    "queue_order_strategy": "workers.rooms:Rooms",
    "priority_steps": [0],  # priorities have queues, not steps: a message priority would outrank the queues' order
    "visibility_timeout": settings.worker.visibility.total_seconds(),
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 2,
    "health_check_interval": 15,
    "socket_keepalive": True,
    "socket_connect_timeout": 5,
    "polling_interval": 0.2,  # workers/rooms.py looks sooner where a seat may be free any moment
    # no socket_timeout: a late acknowledgement that times out would lose its slot for ever
}
broker_transport_options = transport.OPTIONS if settings.broker_pushes else _redis_options
result_backend_transport_options = {"socket_connect_timeout": 5}
redis_socket_keepalive = True

beat_schedule = schedule.beat(settings)
beat_scheduler = "workers.beat:Scheduler"
beat_max_loop_interval = 1
enable_utc = True
timezone = "UTC"
