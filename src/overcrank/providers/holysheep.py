"""HolySheep: asks for clips, asks how they are, finds lost ones, fetches them.

What may have been bought decides every answer. Only an answer that says so proves that nothing was bought; whatever
else goes wrong once a byte has left is `InDoubt`.
"""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from .. import __version__
from ..clip import Mode
from ..errors import ConfigError
from ..settings import Settings
from .address import Allowed, Origin
from .answers import (
    LONGEST_URL,
    Unreadable,
    error_of,
    eta_of,
    found_of,
    id_of,
    read_object,
    state_of,
    text_of,
)
from .base import (
    Accepted,
    Capabilities,
    CreateAnswer,
    CreateRequest,
    DownloadAnswer,
    Found,
    InDoubt,
    LookupAnswer,
    Missing,
    NotSent,
    Rejected,
    StatusAnswer,
    Stopped,
    Throttled,
    Unavailable,
)
from .dialect import Dialect
from .download import download
from .http import Http, Reply, TransportError, parse_retry_after
from .identity import Identity
from .redact import clean

REFUSED = frozenset({400, 422})
"""Answers by which the vendor says that it did not take a request. A gateway's 404, 408 or 499 proves nothing."""


def payload(request: CreateRequest, words: Dialect) -> dict[str, Any]:
    """Return the body of a create call."""
    clip = request.clip
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": clip.prompt,
        "negative_prompt": clip.negative_prompt,
        "duration": _whole(clip.duration),
        "fps": clip.fps,
        "resolution": clip.resolution,
        "guidance_scale": _whole(clip.guidance_scale),
        "physics_continuity": {
            "enabled": clip.physics_strength > 0,
            "strength": _whole(clip.physics_strength),
            "conservation_laws": list(words.laws),
        },
        "metadata": {"job_id": request.job_id},
    }
    if clip.mode is not Mode.PLAIN:  # the vendor knows three modes, and a plain clip is none of them
        body["mode"] = str(clip.mode)
    if clip.seed is not None:
        body["seed"] = clip.seed
    if request.callback_url is not None:
        body["callback_url"] = request.callback_url
    return body


def _whole(number: float) -> float:
    """Return 5.0 as 5, as the vendor's own example writes it."""
    return int(number) if number == int(number) else number


class HolySheep:
    """One account at HolySheep, or at the sandbox. Made after a fork, never before; used from many threads.

    Raises:
        ConfigError: the key or a download host can not be used.
    """

    name = "holysheep"

    def __init__(self, settings: Settings, http: Http | None = None, words: Dialect | None = None) -> None:
        provider = settings.provider
        self.model, self.identity = provider.model, Identity.of(settings)
        self.capabilities = Capabilities(replay=provider.replay, lookup=provider.lookup)
        self._words = words or Dialect()
        self._base = settings.provider_url
        self._key = settings.provider_key
        key = self._secret
        if not key or any(not "!" <= char <= "~" for char in key):
            raise ConfigError("OVERCRANK_PROVIDER__API_KEY has to be printable ASCII without spaces: copy it again")
        try:
            self._allowed = Allowed(self._base, provider.download_hosts)
            self._asked = Allowed(self._base, self._words.status_hosts)
        except ValueError as error:
            raise ConfigError(f"OVERCRANK_PROVIDER__DOWNLOAD_HOSTS: {error}") from None
        self._largest, self._fetch = provider.largest, provider.fetch_timeout.total_seconds()
        connect, read = provider.connect_timeout.total_seconds(), provider.read_timeout.total_seconds()
        self._http = http or Http(connect=connect, read=read, total=connect + read)

    def __repr__(self) -> str:
        return f"HolySheep({self._base!r}, model={self.model!r})"

    @property
    def _secret(self) -> str:
        return self._key.get_secret_value()

    def _headers(self, **more: str) -> dict[str, str]:
        return {
            "Authorization": self._words.authorization.format(key=self._secret),
            "Accept": "application/json",
            "User-Agent": f"overcrank/{__version__}",
            self._words.version_header: f"overcrank/{__version__}",
            **more,
        }

    def _get(self, url: str) -> Reply | Unavailable | Stopped:
        """Ask something that buys nothing; return the reply where it is a whole 200, or a 404."""
        try:
            reply = self._http.call("GET", url, self._headers())
        except TransportError as error:
            return Unavailable(error.message)
        stopped = self._stopped(reply)
        if stopped is not None:
            return stopped
        if reply.status not in {200, 404, 410}:
            return Unavailable(self._said(reply), self._retry_after(reply))
        if reply.flaw is not None:
            return Unavailable(f"the vendor's answer is {reply.flaw}")
        return reply

    def _stopped(self, reply: Reply) -> Stopped | None:
        if reply.status in {401, 403}:
            return Stopped("key", f"{self._said(reply)}: check OVERCRANK_PROVIDER__API_KEY")
        if reply.status == 402:
            return Stopped("balance", f"{self._said(reply)}: the account's balance is exhausted")
        return None

    def _retry_after(self, reply: Reply) -> float | None:
        return parse_retry_after(reply.headers.get(self._words.retry_after_header), time.time())

    def _said(self, reply: Reply) -> str:
        """Return the status and what the vendor said about it, in one short line."""
        code, message = error_of(reply.body, self._words, self._secret)
        about = " ".join(part for part in (code, message) if part)
        return clean(f"the vendor answered {reply.status}" + (f" ({about[:200]})" if about else ""))

    def body(self, request: CreateRequest) -> str:
        """Return what would go over the wire for an attempt, to be kept with it."""
        return json.dumps(payload(request, self._words), separators=(",", ":"))

    def create(self, request: CreateRequest) -> CreateAnswer:
        """Ask for a clip, once; this may buy it. Never raises for what the wire or the vendor does."""
        body = (request.body or self.body(request)).encode()
        headers = self._headers(
            **{"Content-Type": "application/json", self._words.idempotency_header: request.idempotency_key}
        )
        try:
            url = self._base + self._words.create_path
            reply = self._http.call("POST", url, headers, body, latest=request.latest)
        except TransportError as error:
            return InDoubt(error.message) if error.sent else NotSent(error.message)
        if reply.flaw == "cut off":
            return InDoubt(f"the vendor answered {reply.status}, and the answer was cut off")
        if 200 <= reply.status < 300:
            return self._accepted(reply)
        return self._refused(reply)

    def _accepted(self, reply: Reply) -> Accepted | InDoubt:
        if reply.flaw is not None:
            return InDoubt(f"the vendor answered {reply.status}, and the answer is {reply.flaw}")
        try:
            said = read_object(reply.body)
        except Unreadable:
            return InDoubt(f"the vendor answered {reply.status}, and not with a JSON object")
        generation_id = id_of(said.get(self._words.id))
        if generation_id is None:
            return InDoubt(f"the vendor answered {reply.status} without a usable id")
        return Accepted(
            generation_id, self._trusted(said.get(self._words.status_url)), eta_of(said.get(self._words.eta))
        )

    def _refused(self, reply: Reply) -> CreateAnswer:
        stopped = self._stopped(reply)
        if stopped is not None:
            return stopped
        code, message = error_of(reply.body, self._words, self._secret)
        if reply.status == 429:
            kind = "concurrency" if code == self._words.concurrency else "rate"
            return Throttled(self._retry_after(reply), kind)  # type: ignore[arg-type]  # mypy widens the literal
        if reply.status in REFUSED:
            return Rejected(code or f"http_{reply.status}", message or f"the vendor answered {reply.status}")
        return InDoubt(self._said(reply))

    def status(self, generation_id: str, status_url: str | None) -> StatusAnswer:
        """Ask how a generation is doing. Buys nothing."""
        path = self._words.status_path.format(id=quote(generation_id, safe=""))
        reply = self._get(self._trusted(status_url) or self._base + path)
        if not isinstance(reply, Reply):
            return reply
        if reply.status != 200:
            return Missing(self._said(reply))
        try:
            said = read_object(reply.body)
        except Unreadable:
            return Unavailable("the vendor's status is not a JSON object")
        named = said.get(self._words.id)
        if named is not None and id_of(named) != generation_id:
            return Unavailable("the vendor's status is another generation's")
        return state_of(said, self._words, self._secret)

    def lookup(self, idempotency_key: str, job_id: str) -> LookupAnswer:
        """Ask which generations were made with this key. Buys nothing.

        An empty list is given only for a whole and readable answer that holds nothing of ours.
        """
        if not self.capabilities.lookup:
            return Unavailable("this vendor can not look a key up (OVERCRANK_PROVIDER__LOOKUP is false)")
        query = urlencode({self._words.lookup_parameter: idempotency_key})
        reply = self._get(f"{self._base}{self._words.lookup_path}?{query}")
        if not isinstance(reply, Reply):
            return reply
        try:
            entries = read_object(reply.body).get(self._words.entries)
        except Unreadable:
            entries = None
        if reply.status != 200 or not isinstance(entries, list):
            return Unavailable(f"the look-up has no list: {self._said(reply)}")
        found: dict[str, Found] = {}
        unclear: Unavailable | None = None
        for entry in entries:
            one = found_of(entry, self._words, idempotency_key, job_id, self._secret)
            if isinstance(one, Unavailable):  # not ours for certain, and no proof that nothing is
                unclear = one
            elif one is not None and one.generation_id not in found:
                found[one.generation_id] = Found(one.generation_id, self._trusted(one.status_url), one.state)
        return list(found.values()) or unclear or []

    def download(self, url: str, to: Path, sha256: str | None = None) -> DownloadAnswer:
        """Write the clip's bytes to *to* (resuming what is there), check and fsync them. Buys nothing."""
        whole = urljoin(self._base + "/", url) if url.startswith("/") else url
        return download(self._http, whole, to, sha256, allowed=self._allowed, largest=self._largest, total=self._fetch)

    def close(self) -> None:
        """Let go of every connection."""
        self._http.close()

    def _trusted(self, status_url: Any) -> str | None:
        """Return a status URL that may be sent the key: at the vendor's own origin, or at a configured host."""
        url = text_of(status_url, LONGEST_URL)
        if url is None:
            return None
        try:
            url = urljoin(self._base + "/", url) if url.startswith("/") else url
        except ValueError:
            return None
        origin = Origin.of(url)
        if origin is None or origin.scheme != self._asked.own.scheme or self._asked.trouble(url) is not None:
            return None
        return url
