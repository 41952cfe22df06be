"""What the URL of a bucket names: `s3://bucket/prefix?endpoint=http://host:port&region=name`."""

import os
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import ConfigError

OPTIONS = ("endpoint", "region")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a URL names. The credentials come from the environment, as for every S3 tool: `AWS_ACCESS_KEY_ID`, ..."""

    name: str
    prefix: str
    endpoint: str | None
    region: str

    @classmethod
    def read(cls, url: str) -> "Bucket":
        """Return what `s3://bucket/prefix?endpoint=http://host:port&region=name` names.

        Raises:
            ConfigError: it is not such a URL, or holds a secret.
        """
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.username or parts.password:
            raise ConfigError("OVERCRANK_STORAGE__URL must not hold a key: set AWS_ACCESS_KEY_ID and its secret")
        if unknown := set(asked) - set(OPTIONS):
            raise ConfigError(
                f"OVERCRANK_STORAGE__URL: {', '.join(sorted(unknown))} is no option; there is {', '.join(OPTIONS)}"
            )
        endpoint = asked.get("endpoint")
        if not parts.netloc or (endpoint and urlsplit(endpoint).scheme not in {"http", "https"}):
            raise ConfigError("OVERCRANK_STORAGE__URL: use s3://bucket/prefix?endpoint=https://host")
        region = asked.get("region") or os.environ.get("AWS_REGION") or "us-east-1"
        return cls(parts.netloc, unquote(parts.path).strip("/"), endpoint, region)
