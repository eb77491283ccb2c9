"""Which addresses of an S3 store are accepted: no credentials in them, and nothing in the clear beyond this machine."""

import ipaddress
from urllib.parse import urlsplit

from data_contracts.errors import InvalidName, InvalidStore
from data_contracts.layout import checked_key


def parts_of(url: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``. Raises ``InvalidStore``, without repeating what may be a secret."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if parts.scheme != "s3" or not parts.netloc or set("@:") & set(parts.netloc) or parts.query or parts.fragment:
        raise InvalidStore("a store on S3 is named s3://bucket/prefix, without credentials, port or parameters")
    try:
        return parts.netloc, checked_key(prefix) if prefix else ""
    except InvalidName as error:
        raise InvalidStore(f"the prefix of a store has to be a possible key: {error}") from error


def shown(bucket: str, prefix: str) -> str:
    """The URL again."""
    return f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"


def require_safe(endpoint: str, http_allowed: bool) -> None:
    """Raises ``InvalidStore`` for an endpoint with credentials in it, or without TLS on a network."""
    parts = urlsplit(endpoint)
    if parts.username or parts.password:
        raise InvalidStore("an S3 endpoint must not hold credentials; they are read from AWS_ACCESS_KEY_ID and so on")
    if parts.scheme != "https" and not http_allowed and not _loopback(parts.hostname or ""):
        raise InvalidStore(
            f"{parts.scheme}://{parts.hostname} would carry data in the clear; use https, "
            "or set RECSYS_S3_ALLOW_HTTP=1 if the network is trusted"
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
