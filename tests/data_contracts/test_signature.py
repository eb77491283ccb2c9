from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from data_contracts.errors import BlobCorrupt, InvalidStore
from data_contracts.manifest import Evaluation, File, Lineage, Manifest, Window, canonical
from data_contracts.signature import require_signed, sign, signing_key, verify_keys

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MANIFEST = Manifest(
    schema="recsys.manifest/2",
    tenant="demo",
    surface="home",
    generation=1,
    parent=None,
    created_at=NOW,
    engine_api=">=1,<2",
    window=Window(NOW, NOW),
    config=File(name="tenant.json", uri="u", sha256="ab" * 32, bytes=1),
    artifacts=(),
    lineage=Lineage(data_fingerprint="d", config_hash="c"),
    evaluation=Evaluation(decision="promoted", metrics={"ndcg@10": 0.1}),
)


def write_pair(folder, name, key=None):
    """The paths of a private and a public key."""
    private = key or Ed25519PrivateKey.generate()
    secret, public = folder / f"{name}.key", folder / f"{name}.pem"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


@pytest.fixture
def pair(tmp_path):
    secret, public = write_pair(tmp_path, "ours")
    return signing_key({"RECSYS_SIGNING_KEY": str(secret)}), verify_keys({"RECSYS_VERIFY_KEYS": str(public)})


def test_a_signed_manifest_is_accepted_and_names_its_key(pair):
    key, keys = pair
    signed = sign(MANIFEST, key)

    require_signed(canonical(signed), keys, "manifest 1")

    assert signed.signature.key_id == key.key_id
    assert msgspec.structs.replace(signed, signature=None) == MANIFEST


def test_signing_again_replaces_the_signature(pair):
    key, _ = pair

    assert sign(sign(MANIFEST, key), key) == sign(MANIFEST, key)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"tenant": "other"}, id="the tenant"),
        pytest.param({"generation": 2}, id="the generation"),
        pytest.param({"parent": 1}, id="the parent"),
        pytest.param({"evaluation": Evaluation(decision="promoted", metrics={"ndcg@10": 0.2})}, id="a metric"),
    ],
)
def test_any_change_after_signing_is_noticed(pair, change):
    key, keys = pair
    changed = msgspec.structs.replace(sign(MANIFEST, key), **change)

    with pytest.raises(BlobCorrupt, match=f"manifest 1 is not what key {key.key_id} signed"):
        require_signed(canonical(changed), keys, "manifest 1")


def test_an_unsigned_manifest_is_refused_once_keys_are_known(pair):
    with pytest.raises(BlobCorrupt, match="not signed"):
        require_signed(canonical(MANIFEST), pair[1], "manifest 1")


def test_a_signature_by_a_stranger_is_refused(pair, tmp_path):
    secret, _ = write_pair(tmp_path, "stranger")
    signed = sign(MANIFEST, signing_key({"RECSYS_SIGNING_KEY": str(secret)}))

    with pytest.raises(BlobCorrupt, match=f"{signed.signature.key_id}, and this reader knows {pair[0].key_id}"):
        require_signed(canonical(signed), pair[1], "manifest 1")


@pytest.mark.parametrize("value", ["", "!!", "c2ln", "ä"])
def test_a_signature_that_is_none_is_refused(pair, value):
    key, keys = pair
    signed = sign(MANIFEST, key)
    broken = msgspec.structs.replace(signed, signature=msgspec.structs.replace(signed.signature, value=value))

    with pytest.raises(BlobCorrupt):
        require_signed(canonical(broken), keys, "manifest 1")


def test_keys_are_read_from_a_folder_and_from_a_list(tmp_path):
    (tmp_path / "keys").mkdir()
    paths = [write_pair(tmp_path / "keys", name)[1] for name in ("old", "new")]

    from_folder = verify_keys({"RECSYS_VERIFY_KEYS": str(tmp_path / "keys")})
    from_list = verify_keys({"RECSYS_VERIFY_KEYS": f"{paths[0]}, {paths[1]}"})

    assert from_folder == from_list
    assert len(from_list) == 2


def test_without_settings_nothing_is_signed_or_verified():
    assert (signing_key({}), verify_keys({})) == (None, None)


@pytest.mark.parametrize("read", [signing_key, verify_keys])
def test_a_required_signature_needs_a_key(read):
    with pytest.raises(InvalidStore, match="RECSYS_REQUIRE_SIGNATURE=1"):
        read({"RECSYS_REQUIRE_SIGNATURE": "1"})


@pytest.mark.parametrize("name", ["missing.pem", "text.pem", "curve.pem", "curve.key", "empty"])
@pytest.mark.parametrize(
    ("read", "setting"), [(signing_key, "RECSYS_SIGNING_KEY"), (verify_keys, "RECSYS_VERIFY_KEYS")]
)
def test_a_file_without_a_key_for_it_is_named(tmp_path, read, setting, name):
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "empty").mkdir()
    write_pair(tmp_path, "curve", generate_private_key(SECP256R1()))

    with pytest.raises(InvalidStore, match=name):
        read({setting: str(tmp_path / name)})


def test_a_private_key_is_not_shown(pair):
    assert "private" not in repr(pair[0])
