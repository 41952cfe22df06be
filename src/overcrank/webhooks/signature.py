"""Signatures after the Standard Webhooks specification: bytes in, and an answer out whatever the bytes are."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

TOLERANCE = 300
"""Seconds that a call may be old, or ahead of our clock."""

PREFIX = "whsec_"
LONGEST_ID = 200


def key_of(secret: str) -> bytes:
    """Return a secret's bytes: base64 after `whsec_`, otherwise as they are.

    Raises:
        ValueError: it is not base64.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret that begins with whsec_ has to go on in base64") from None


def flaw(
    keys: Sequence[bytes], message_id: bytes, timestamp: bytes, signatures: bytes, body: bytes, now: float
) -> str | None:
    """Return why a call can not be trusted, or None.

    Every key and every signature is tried, so how long it takes says nothing about which of them is right.
    """
    if not 0 < len(message_id) <= LONGEST_ID or not timestamp.isdigit() or len(timestamp) > 12:
        return "the headers are not right"
    if abs(now - int(timestamp)) > TOLERANCE:
        return "it is too old"
    signed = message_id + b"." + timestamp + b"." + body
    wanted = [b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    given = signatures.split(b" ")[:16]
    matches = [hmac.compare_digest(one, other) for one in wanted for other in given]
    return None if any(matches) else "the signature is not right"
