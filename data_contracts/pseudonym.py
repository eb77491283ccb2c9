"""Pseudonyms: what stands for a person in logs; the same everywhere in one tenant, and telling nothing without the key.

HMAC-SHA256 with a key of the tenant's own, derived from the installation's secret: the same id in two tenants has two
pseudonyms, and whoever destroys the secret makes them all meaningless.
"""

import hmac
import secrets
from pathlib import Path

from data_contracts.errors import InvalidStore
from data_contracts.files import settle, unfinished

MIN_SECRET_BYTES = 16
PSEUDONYM_DIGITS = 32  # 128 bits: two ids share a pseudonym once in 10^19 people


class Pseudonyms:
    """Makes the pseudonyms of one tenant; ``key_id`` names the key in records, and tells nothing of it."""

    def __init__(self, secret: bytes, tenant: str) -> None:
        self._key = hmac.digest(secret, f"recsys.pseudonym/1:{tenant}".encode(), "sha256")
        self.key_id = hmac.digest(self._key, b"key id", "sha256").hex()[:8]

    def of(self, subject: str) -> str:
        """The pseudonym of an id: 32 hex digits, always the same."""
        return hmac.digest(self._key, b"subject:" + subject.encode(), "sha256").hex()[:PSEUDONYM_DIGITS]


def secret_at(path: Path) -> bytes:
    """The installation's secret in that file; if there is none, a random one is made there, for its owner only.

    Processes that start together agree on one. Raises ``InvalidStore`` for one that is too short.
    """
    if not path.exists():
        _make_secret(path)
    secret = path.read_bytes().strip()
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidStore(f"{path} holds {len(secret)} bytes; a secret for pseudonyms has at least {MIN_SECRET_BYTES}")
    return secret


def _make_secret(path: Path) -> None:
    with unfinished(path.parent) as (draft, file):
        draft.chmod(0o600)
        file.write(secrets.token_hex(32).encode())
        settle(file)
        try:
            path.hardlink_to(draft)
        except FileExistsError:  # another process was first; its secret counts
            return
