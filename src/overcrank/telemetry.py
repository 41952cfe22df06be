"""Logs: one line an event, and never a secret in it."""

import logging
import re
import sys

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_SECRETS = (
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer\s+)?)[^\s'\",}]+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{6,}"), r"\1***"),
    (re.compile(r"(?i)([?&](?:[\w-]*(?:sig|signature|token|key|expires|credential)[\w-]*)=)[^&\s'\"]+"), r"\1***"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^:@/\s]*:)[^/\s'\"]+@"), r"\1***@"),
    (re.compile(r"\b(whsec_|sk-|hs-)[A-Za-z0-9_-]{6,}"), r"\1***"),
)


def redact(text: str, *secrets: str) -> str:
    """Return *text* without anything that looks like a key, a signature or a password, and without *secrets*."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Redacting(logging.Formatter):
    """A formatter that removes secrets from the finished line, tracebacks and all."""

    def __init__(self, *secrets: str) -> None:
        super().__init__(FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line."""
        return redact(super().format(record), *self._secrets)


def start_logging(level: str, *secrets: str) -> None:
    """Send every log line of this process to standard error, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Redacting(*secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("urllib3", "amqp", "kombu", "celery.redirected"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
