"""HolySheep's words: paths, headers and field names, all of them settable.

The vendor's tutorial gives the create call and the 429; the rest is our reading, so it is data.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where to ask, and how things are called there. A field name with a dot leads into an object."""

    create_path: str = "/v1/video/generate"
    status_path: str = "/v1/video/status/{id}"
    lookup_path: str = "/v1/video"
    lookup_parameter: str = "idempotency_key"

    authorization: str = "Bearer {key}"
    version_header: str = "X-Client-Version"
    idempotency_header: str = "Idempotency-Key"
    retry_after_header: str = "Retry-After"

    id: str = "id"
    status_url: str = "status_url"
    eta: str = "eta_seconds"
    status: str = "status"
    progress: str = "progress"
    video_url: str = "video_url"
    sha256: str = "sha256"
    cost: str = "cost_usd"
    error_code: str = "error.code"
    error_message: str = "error.message"
    entries: str = "data"
    job_id: str = "job_id"

    completed: str = "completed"
    failed: str = "failed"
    concurrency: str = "concurrency_limit"
    laws: tuple[str, ...] = ("momentum", "energy", "mass")

    status_hosts: tuple[str, ...] = ()
    """Hosts, besides the vendor's own, that a status URL may name; they are sent the key."""
