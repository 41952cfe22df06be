"""Who was asked: what an attempt remembers of the vendor it was sent to, without a word that is secret."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from ..settings import Settings


@dataclass(frozen=True, slots=True)
class Identity:
    """One account at one vendor: the name of its dialect, and what stands for its address and for address and key.

    The two are too little of a hash to be either.
    """

    name: str
    site: str
    account: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return whom these settings ask."""
        url = settings.provider_url
        return cls(settings.provider.name, _mark(url), _mark(f"{url} {settings.provider_key.get_secret_value()}"))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return what `str` has written, or None where nothing was."""
        parts = text.split()
        return cls(*parts) if len(parts) == 3 else None

    def __str__(self) -> str:
        return f"{self.name} {self.site} {self.account}"

    def stranger(self, sent_to: str) -> str:
        """Return in what this is another than an attempt was sent to, or nothing; `key` is the least of it."""
        other = type(self).read(sent_to)
        if other is None:
            return "unknown"
        if (other.name, other.site) != (self.name, self.site):
            return "vendor"
        return "" if other.account == self.account else "key"


def _mark(said: str) -> str:
    return blake2b(said.encode(), digest_size=4, key=b"overcrank account").hexdigest()
