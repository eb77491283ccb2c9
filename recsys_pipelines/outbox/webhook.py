"""Announcements over HTTP: one POST each, signed as Standard Webhooks asks (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import stamina

from recsys_pipelines.outbox.announcements import Announcement, NotDelivered

TIMEOUT_S = 5.0
ATTEMPTS = 3  # then the next delivery tries again; nobody waits for a receiver that is down
_BUSY = (408, 429)


@dataclass(frozen=True)
class WebhookSink:
    """A URL. Any answer of 2xx takes the announcement; 5xx, 408, 429 and no answer are tried again."""

    url: str
    secret: str
    now: Callable[[], datetime]

    @property
    def name(self) -> str:
        """The host and path, without a query or an account that may hold secrets."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def send(self, announcement: Announcement) -> None:
        """Post it. Raises ``NotDelivered`` that says what came back."""
        body = announcement.envelope()
        try:
            for attempt in stamina.retry_context(on=_again, attempts=ATTEMPTS, wait_initial=0.2, wait_max=2):
                with attempt:
                    self._post(announcement.id, body)
        except httpx.HTTPStatusError as error:
            raise NotDelivered(
                f"{self.name} answered {error.response.status_code} to {announcement.id}; expected was 2xx"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(f"{self.name} cannot be reached ({type(error).__name__})") from error

    def _post(self, id: str, body: bytes) -> None:
        stamp = str(int(self.now().timestamp()))
        headers = {"content-type": "application/cloudevents+json", "webhook-id": id, "webhook-timestamp": stamp}
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, id, stamp, body)
        httpx.post(self.url, content=body, headers=headers, timeout=TIMEOUT_S).raise_for_status()


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """The header ``webhook-signature``: HMAC-SHA256 over id, timestamp and body; ``whsec_`` begins a base64 secret."""
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _again(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in _BUSY  # noqa: PLR2004
    return isinstance(error, httpx.TransportError)
