"""A caller of the sandbox, as a test needs one."""

from __future__ import annotations

import itertools
from typing import Any

import requests

from overcrank.sandbox import Sandbox

BODY: dict[str, Any] = {
    "model": "pixverse-v6-physics",
    "prompt": "a ball bounces on wet stone",
    "negative_prompt": "blur",
    "mode": "slow_motion",
    "duration": 1,
    "fps": 30,
    "resolution": "1920x1080",
    "seed": 7,
    "guidance_scale": 7.5,
    "physics_continuity": {"enabled": True, "strength": 0.5, "conservation_laws": ["momentum", "energy"]},
}

_NUMBERS = itertools.count()


class Talker:
    """Speaks the dialect with one key; every call is a connection of its own, so broken ones do no harm."""

    def __init__(self, sandbox: Sandbox, api_key: str = "sandbox-key") -> None:
        self.sandbox = sandbox
        self.headers = {"Authorization": f"Bearer {api_key}", "X-Client-Version": "1"}

    def create(self, key: str | None = None, job_id: str | None = None, timeout: float = 5, **changes: Any) -> Any:
        """The response to a create of `BODY` with some fields changed; None leaves a field out."""
        body = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
        if job_id is not None:
            body["metadata"] = {"job_id": job_id}
        headers = self.headers | {"Idempotency-Key": key or f"key-{next(_NUMBERS)}"}
        return requests.post(self.sandbox.url + "/v1/video/generate", json=body, headers=headers, timeout=timeout)

    def get(self, path: str, **query: str) -> Any:
        """The response to a GET of a path, or of a whole URL."""
        url = path if path.startswith("http") else self.sandbox.url + path
        return requests.get(url, params=query, headers=self.headers, timeout=5)

    def status(self, generation_id: str) -> Any:
        """The response to a status call."""
        return self.get(f"/v1/video/status/{generation_id}")

    def made(self, **changes: Any) -> str:
        """The id of a new generation."""
        return str(self.create(**changes).json()["id"])

    def video_url(self, **changes: Any) -> str:
        """The URL of a new generation that is complete at once."""
        return str(self.status(self.made(**changes)).json()["video_url"])
