"""Where requests may go: to the vendor itself, and to hosts that a person named. Vendors' answers hold URLs."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import urlsplit

LONGEST_URL = 4000
PORTS = {"http": 80, "https": 443}
REMEMBERED = 128
"""URLs of which the origin is remembered: one is looked at from three sides before a request goes there."""

_UNSAFE = re.compile(r"[^!-~]")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what decides who receives a request."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Return the origin of an absolute http(s) URL; None for anything that two parsers could read differently."""
        parts = _split(url)
        return None if parts is None else cls(*parts)


@lru_cache(REMEMBERED)
def _split(url: str) -> tuple[str, str, int] | None:
    if not 0 < len(url) <= LONGEST_URL or "\\" in url or _UNSAFE.search(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc or port == 0:
        return None
    return parts.scheme, parts.hostname.lower().rstrip("."), port or PORTS[parts.scheme]


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet, however it is wrapped."""
    try:
        parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not parsed.is_multicast


def _resolved(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Allowed:
    """The hosts that clips are fetched from.

    Args:
        own: the vendor's base URL. Its host may have any address; where it is https, everything is.
        hosts: "host" (at the scheme's own port), "host:port", or ".suffix" for every host below a name.
    """

    def __init__(self, own: str, hosts: Iterable[str] = ()) -> None:
        origin = Origin.of(own)
        if origin is None:
            raise ValueError("the vendor's address is not an http:// or https:// URL")
        self.own = origin
        self._exact: set[tuple[str, int | None]] = set()
        self._below: set[tuple[str, int | None]] = set()
        for entry in hosts:
            try:
                parts = urlsplit("//" + entry.strip().lower())
                name, port = (parts.hostname or "").rstrip("."), parts.port
            except ValueError:
                name, port = "", None
            if not name.strip(".") or parts.path or parts.query or "@" in parts.netloc:
                raise ValueError(f"{entry!r} is no host: write host, host:port or .suffix")
            (self._below if name.startswith(".") else self._exact).add((name, port))

    def trouble(self, url: str) -> str | None:
        """Return why *url* must not be fetched, or None."""
        origin = Origin.of(url)
        if origin is None:
            return "the clip's address is not an http:// or https:// URL"
        if self.own.scheme == "https" and origin.scheme != "https":
            return "the clip's address is not https"
        if origin == self.own or self._named(origin):
            return None
        return (
            f"the clip is at {origin.host}:{origin.port}, which is not the vendor's own host: "
            "if that is right, add it to OVERCRANK_PROVIDER__DOWNLOAD_HOSTS"
        )

    def _named(self, origin: Origin) -> bool:
        def fits(port: int | None) -> bool:
            return origin.port == (PORTS[origin.scheme] if port is None else port)

        return any(origin.host == name and fits(port) for name, port in self._exact) or any(
            origin.host.endswith(name) and fits(port) for name, port in self._below
        )

    def private_ok(self, url: str) -> bool:
        """Tell whether *url* may lead to an address that is not public: only the vendor's own host may."""
        origin = Origin.of(url)
        return origin is not None and origin.host == self.own.host

    def leads_inside(self, url: str) -> bool:
        """Tell whether the host of *url* has an address that is not public, and must not have one.

        The connection looks again at the address it got: a name may change between the two.

        Raises:
            OSError: the name can not be resolved.
        """
        origin = Origin.of(url)
        if origin is None or self.private_ok(url):
            return False
        return not all(is_public(address) for address in _resolved(origin.host, origin.port))
