"""Alarms: what people should know of now. Said in the log, on a channel, and, where an address is set, by a webhook.

A webhook is best effort: it is sent from a thread of its own, tried a few times, and never holds up what raised it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import queue
import threading
import time
from typing import Any

from ..clock import iso
from ..ids import new_id
from ..keys import Keys
from ..server import Server
from ..settings import BudgetSettings

logger = logging.getLogger(__name__)

MOST = 100
"""Webhooks that wait to be sent; when there are more, the newest are only in the log."""

TRIES, TIMEOUT = 3, 5.0


class Alarms:
    """Tells people."""

    def __init__(self, redis: Server, keys: Keys, budget: BudgetSettings) -> None:
        self._redis, self._keys = redis, keys
        self._url = budget.alert_url
        self._secret = budget.alert_secret.get_secret_value() if budget.alert_secret else ""
        self._waiting: queue.Queue[tuple[str, bytes]] = queue.Queue(MOST)
        self._sender: threading.Thread | None = None

    def tell(self, kind: str, text: str, **data: Any) -> None:
        """Tell that something of a *kind* (`budget.threshold`, `budget.overrun`, ...) happened."""
        logger.warning("%s: %s", kind, text)
        now = time.time_ns() // 1000
        message = json.dumps({"type": kind, "timestamp": iso(now), "data": {"text": text, **data}})
        self._redis.publish(self._keys.alerts, message)
        if self._url is None:
            return
        try:
            self._waiting.put_nowait((f"msg_{new_id()}", message.encode()))
        except queue.Full:
            logger.warning("too many alarms wait to be sent to the webhook; this one is not")
            return
        if self._sender is None:
            self._sender = threading.Thread(target=self._send_all, name="overcrank-alarms", daemon=True)
            self._sender.start()

    def _send_all(self) -> None:
        while True:
            message_id, body = self._waiting.get()
            for tried in range(TRIES):
                if self._send(message_id, body):
                    break
                time.sleep(2.0**tried)
            else:
                logger.warning("the webhook for alarms did not take one of them in %d tries", TRIES)
            self._waiting.task_done()

    def _send(self, message_id: str, body: bytes) -> bool:
        import requests  # most workers never tell anybody, and it takes 3 MB

        at = int(time.time())
        headers = {"content-type": "application/json", "webhook-id": message_id, "webhook-timestamp": str(at)}
        if self._secret:
            headers["webhook-signature"] = sign(self._secret, message_id, at, body)
        try:
            answer = requests.post(str(self._url), data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException:
            return False
        return answer.ok


def sign(secret: str, message_id: str, at: int, body: bytes) -> str:
    """Return the signature header of a Standard Webhook: HMAC-SHA256 of id, time and body."""
    try:
        key = (
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            if secret.startswith("whsec_")
            else secret.encode()
        )
    except binascii.Error:
        key = secret.encode()
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
