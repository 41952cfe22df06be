"""The HTTP side: raw bytes in, checked before anything is parsed, answered at once."""

import logging
import time
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..server import OUTAGE
from .mark import Marker
from .signature import flaw

logger = logging.getLogger(__name__)

LARGEST = 64 * 1024
"""Bytes of a body; no more are ever held."""


def application(marker: Marker, keys: Sequence[bytes]) -> Starlette:
    """Return the application that the provider calls."""

    async def receive(request: Request) -> Response:
        try:
            body = await _body(request)
        except ClientDisconnect:
            return _say(400, "it was cut off")
        if body is None:
            return _say(413, "it is too large")
        headers = dict(request.scope["headers"])
        message_id = headers.get(b"webhook-id", b"")
        timestamp, signatures = headers.get(b"webhook-timestamp", b""), headers.get(b"webhook-signature", b"")
        why = flaw(keys, message_id, timestamp, signatures, body, time.time())
        if why:
            return _say(401, why)
        try:
            said = await run_in_threadpool(_mark, message_id, request.path_params["job_id"], body)
        except OUTAGE as error:
            logger.warning("a webhook could not be noted: %s", error)
            return _say(503, "try again")  # and if nobody does: the job is looked at all the same
        if said is None:
            return _say(503, "it is not known yet that this was begun; try again")
        return _say(200, said)

    def _mark(message_id: bytes, job_id: str, body: bytes) -> str | None:
        if marker.seen(message_id):
            return "it came before"
        said = marker.mark(job_id, body)
        if said is not None:
            marker.remember(message_id)
        return said

    async def health(_: Request) -> Response:
        return _say(200, "ok")

    routes = [Route("/hooks/{job_id}", receive, methods=["POST"]), Route("/healthz", health, methods=["GET"])]
    return Starlette(routes=routes)


async def _body(request: Request) -> bytes | None:
    """Return the body, or None as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared[:20]) > LARGEST:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return body


def _say(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status)
