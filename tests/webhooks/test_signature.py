"""Whether a call is the provider's: over the raw bytes, with every secret, and without ever raising."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overcrank.sandbox.webhooks import sign
from overcrank.webhooks.signature import TOLERANCE, flaw, key_of

NOW, BODY = 1_790_000_000, b'{"data": {"id": "g"}}'
NEW = "whsec_" + base64.b64encode(b"a new secret").decode()
KEYS = [key_of("an old secret"), key_of(NEW)]


def said(secret: str, *, at: int = NOW, body: bytes = BODY, message_id: str = "m") -> str | None:
    """Return what is wrong with a call that was signed with *secret* for BODY."""
    signature = sign(secret, message_id, at, BODY).encode()
    return flaw(KEYS, message_id.encode(), str(at).encode(), signature, body, NOW)


@pytest.mark.parametrize("secret", ["an old secret", NEW])
def test_either_secret_is_right_while_it_is_changed(secret: str) -> None:
    """The old secret and the new one are both believed."""
    assert said(secret) is None


def test_a_forged_call_is_not_believed() -> None:
    """Another secret, and another body than was signed, are refused."""
    assert ("the signature is not right",) * 2 == (said("a guess"), said(NEW, body=BODY + b" "))


@pytest.mark.parametrize("off", [-TOLERANCE - 1, TOLERANCE + 1])
def test_an_old_call_is_not_believed(off: int) -> None:
    """A call from long ago, or from the future, may be a recorded one."""
    assert "it is too old" == said(NEW, at=NOW + off)


def test_several_signatures_may_come_in_one_header() -> None:
    """One right signature among others is enough, as while the sender changes its secret."""
    signatures = f"v1,bm8= v2,x {sign(NEW, 'm', NOW, BODY)}".encode()
    assert flaw(KEYS, b"m", str(NOW).encode(), signatures, BODY, NOW) is None


@given(st.binary(max_size=300), st.binary(max_size=30), st.binary(max_size=100), st.binary(max_size=100))
def test_garbage_is_refused_and_never_raises(message_id: bytes, stamp: bytes, signatures: bytes, body: bytes) -> None:
    """Whatever comes in the headers and the body, the answer is a reason."""
    assert isinstance(flaw(KEYS, message_id, stamp, signatures, body, NOW), str)


def test_a_secret_that_is_no_base64_is_told() -> None:
    """A mistyped secret is found when it is read, not when the first call comes."""
    with pytest.raises(ValueError, match="base64"):
        key_of("whsec_***")
