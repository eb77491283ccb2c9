"""What was done to forget somebody, signed: a file that holds no id, only the pseudonym that the person had.

With a signing key (``RECSYS_SIGNING_KEY``) anybody who knows its public half can check it; without one the installation
itself can, by the secret that its pseudonyms are made with.
"""

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from data_contracts.files import appearing
from data_contracts.manifest import canonical
from data_contracts.pseudonym import Pseudonyms
from data_contracts.signature import SigningKey
from recsys_pipelines.privacy.keeping import Held


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """A signature over the canonical bytes of everything else; ``value`` is base64 or hex."""

    alg: Literal["ed25519", "hmac-sha256-128"]
    key_id: str
    value: str


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """One store: how it was searched, and how much was taken out of how many of its keys."""

    store: str
    method: str
    keys: int
    removed: int


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """One surface: the generation that knew the person, and the one that is served instead."""

    surface: str
    before: int
    after: int


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; ``left`` is what a search afterwards still found."""

    schema: Literal["recsys.forgotten/1"] = "recsys.forgotten/1"
    tenant: str
    person: str
    at: datetime
    linked_ids: int
    stores: tuple[Cleaned, ...]
    generations: tuple[Replaced, ...]
    left: tuple[Held, ...]
    outside: tuple[str, ...]
    seal: Seal | None = None

    @property
    def removed(self) -> int:
        """How much was removed in all."""
        return sum(store.removed for store in self.stores)


def sealed(proof: Proof, key: SigningKey | None, pseudonyms: Pseudonyms) -> Proof:
    """The proof with a signature over everything else in it."""
    body = canonical(replace(proof, seal=None))
    if key is None:
        seal = Seal(alg="hmac-sha256-128", key_id=pseudonyms.key_id, value=_mac(body, pseudonyms))
    else:
        value = base64.b64encode(key.private.sign(body)).decode()
        seal = Seal(alg="ed25519", key_id=key.key_id, value=value)
    return replace(proof, seal=seal)


def is_our_own(proof: Proof, pseudonyms: Pseudonyms) -> bool:
    """Whether this installation sealed it, as it stands, without a signing key."""
    body = canonical(replace(proof, seal=None))
    return proof.seal is not None and proof.seal.value == _mac(body, pseudonyms)


def path_of(reports: Path, tenant: str, person: str) -> Path:
    """Where the proof about a person is."""
    return reports / tenant / "forgotten" / f"{person}.json"


def write(proof: Proof, reports: Path) -> Path:
    """Keep it; the path."""
    path = path_of(reports, proof.tenant, proof.person)
    with appearing(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(proof), indent=1))
    return path


def read(reports: Path, tenant: str, person: str) -> Proof | None:
    """The proof that was kept, if there is one."""
    path = path_of(reports, tenant, person)
    return msgspec.json.decode(path.read_bytes(), type=Proof) if path.exists() else None


def _mac(body: bytes, pseudonyms: Pseudonyms) -> str:
    return pseudonyms.of(f"proof:{hashlib.sha256(body).hexdigest()}")
