"""What a vendor says, made fit for messages and logs: short, printable, without keys and signatures."""

import re

LONGEST = 300

_HIDDEN = "[hidden]"
_AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+")
_QUERY = re.compile(r"(?i)(https?://[^\s?#\"'<>]*)[?#][^\s\"'<>]*")
_PARAMETER = re.compile(
    r"(?i)\b([\w.-]*(?:sig|signature|token|api[_-]?key|secret|credential|password|policy)[\w.-]*\s*[=:]\s*[\"']?)[^\s&\"',;}]+"
)
_USER = re.compile(r"(?i)(https?://)[^\s/@\"']+@")


def clean(text: object, *secrets: str) -> str:
    """Return *text* as one printable line of at most 300 characters, with everything secret hidden."""
    said = text if isinstance(text, str) else ""
    for secret in secrets:
        if secret:
            said = said.replace(secret, _HIDDEN)
    said = " ".join("".join(char if char.isprintable() else " " for char in said).split())[: 20 * LONGEST]
    said = _USER.sub(r"\1", said)
    said = _QUERY.sub(r"\1?…", said)
    said = _AUTHORIZATION.sub(rf"\1 {_HIDDEN}", said)
    said = _PARAMETER.sub(rf"\1{_HIDDEN}", said)
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
