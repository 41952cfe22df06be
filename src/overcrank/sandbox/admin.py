"""A client for whoever runs a test, in any process."""

from __future__ import annotations

from typing import Any

import requests

_TIMEOUT = 30.0


class SandboxAdmin:
    """Reads the meter of a running sandbox and changes how it behaves.

    Args:
        url: as `http://127.0.0.1:8080`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def meter(self, *, summary: bool = False) -> dict[str, Any]:
        """What the vendor would bill and how it was called; `summary` leaves the lists out."""
        return self._call("GET", "/sandbox/meter" + ("?summary=1" if summary else ""))

    def windows(self, seconds: float) -> dict[int, dict[str, int]]:
        """Per window of so many seconds (by its index since the epoch): accepted charges and micro-dollars."""
        found = self._call("GET", f"/sandbox/meter/windows?seconds={seconds}")
        return {int(index): window for index, window in found.items()}

    def configure(self, **changes: Any) -> dict[str, Any]:
        """Change fields of the configuration; the answer is all of it."""
        return self._call("POST", "/sandbox/configure", changes)

    def force(self, stage: str, fault: str, count: int = 1) -> None:
        """The next `count` calls at this stage meet this fault."""
        self._call("POST", "/sandbox/faults", {"stage": stage, "fault": fault, "count": count})

    def reset(self) -> None:
        """Be as freshly started."""
        self._call("POST", "/sandbox/reset", {})

    def healthy(self) -> bool:
        """Whether the sandbox answers."""
        try:
            return bool(self._call("GET", "/healthz")["status"] == "ok")
        except requests.RequestException:
            return False

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._session.request(method, self.url + path, json=body, timeout=_TIMEOUT)
        values: dict[str, Any] = response.json()
        if response.status_code >= 400:
            raise ValueError(values["error"]["message"])
        return values
