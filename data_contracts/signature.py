"""Optional Ed25519 signatures of manifests, so that a server loads only what its own publisher wrote.

Keys are PEM files (``openssl genpkey -algorithm ed25519``). A key's id is the beginning of the SHA-256 of its public
bytes; to change keys, let readers know both for a while. Once a reader knows any key, it refuses unsigned manifests:
whoever can write the store could otherwise simply leave the signature out.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from data_contracts.errors import BlobCorrupt, InvalidStore
from data_contracts.manifest import Manifest, Signature, canonical, decode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# cryptography is imported inside the functions: it costs 40 ms, and most installations do not sign.


@dataclass(frozen=True)
class SigningKey:
    """A private key and the id that manifests name it by."""

    key_id: str
    private: "Ed25519PrivateKey" = field(repr=False)


def signing_key(environ: Mapping[str, str]) -> SigningKey | None:
    """The key in the file ``RECSYS_SIGNING_KEY``, if any. Raises ``InvalidStore`` if there is none but should be."""
    if path := environ.get("RECSYS_SIGNING_KEY"):
        return load_signing_key(Path(path))
    _require_none_is_fine(environ, "RECSYS_SIGNING_KEY names no key to sign with")
    return None


def verify_keys(environ: Mapping[str, str]) -> dict[str, bytes] | None:
    """Public keys by id, from ``RECSYS_VERIFY_KEYS``: PEM files separated by commas, or folders of ``*.pem``.

    None if it is not set. Raises ``InvalidStore`` for what holds no key, and with ``RECSYS_REQUIRE_SIGNATURE=1`` also
    when it is not set.
    """
    if places := environ.get("RECSYS_VERIFY_KEYS"):
        keys = [load_public_key(path) for place in places.split(",") for path in _pem_files(Path(place.strip()))]
        return {key_id(key): key for key in keys}
    _require_none_is_fine(environ, "RECSYS_VERIFY_KEYS names no key to verify with")
    return None


def load_signing_key(path: Path) -> SigningKey:
    """The Ed25519 private key of a PEM file without a password. Raises ``InvalidStore``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidStore(f"{path} holds no private key without a password: {type(error).__name__}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidStore(f"{path} holds another kind of key than Ed25519")
    return SigningKey(key_id(private.public_key().public_bytes_raw()), private)


def load_public_key(path: Path) -> bytes:
    """The 32 bytes of the Ed25519 public key in a PEM file. Raises ``InvalidStore``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        public = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidStore(f"{path} holds no public key: {type(error).__name__}") from error
    if not isinstance(public, Ed25519PublicKey):
        raise InvalidStore(f"{path} holds another kind of key than Ed25519")
    return public.public_bytes_raw()


def key_id(public: bytes) -> str:
    """The id of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def sign(manifest: Manifest, key: SigningKey) -> Manifest:
    """The same manifest with a signature over everything else in it."""
    unsigned = msgspec.structs.replace(manifest, signature=None)
    value = base64.b64encode(key.private.sign(canonical(unsigned))).decode()
    return msgspec.structs.replace(unsigned, signature=Signature(key_id=key.key_id, value=value))


def require_signed(body: bytes, keys: Mapping[str, bytes], origin: str) -> None:
    """Raises ``BlobCorrupt`` unless the manifest was signed, as it stands, by one of these keys.

    It is the stored bytes that count, not the record made of them: fields added by a later version change nothing.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    signature = decode(body, Manifest, origin).signature
    if signature is None:
        raise BlobCorrupt(f"{origin} is not signed, and this reader knows keys: {_names(keys)}")
    if signature.key_id not in keys:
        raise BlobCorrupt(f"{origin} is signed with key {signature.key_id}, and this reader knows {_names(keys)}")
    signed = msgspec.json.encode(msgspec.json.decode(body) | {"signature": None}, order="sorted")
    try:
        value = base64.b64decode(signature.value, validate=True)
        Ed25519PublicKey.from_public_bytes(keys[signature.key_id]).verify(value, signed)
    except (InvalidSignature, ValueError) as error:
        raise BlobCorrupt(f"{origin} is not what key {signature.key_id} signed") from error


def _names(keys: Mapping[str, bytes]) -> str:
    return ", ".join(sorted(keys)) or "none"


def _pem_files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    found = sorted(place.glob("*.pem"))
    if not found:
        raise InvalidStore(f"{place} holds no *.pem file")
    yield from found


def _require_none_is_fine(environ: Mapping[str, str], problem: str) -> None:
    if environ.get("RECSYS_REQUIRE_SIGNATURE") == "1":
        raise InvalidStore(f"RECSYS_REQUIRE_SIGNATURE=1, but {problem}")
