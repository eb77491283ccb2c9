"""Loading, over every store: a verified bundle, or the reason why not, and never anything in between."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data_contracts.generations import pointed
from data_contracts.layout import blob_key, manifest_key, pointer_key
from data_contracts.manifest import canonical, files_of
from data_contracts.open import open_blobs
from data_contracts.signature import SigningKey, key_id
from recsys_algo import cache, loading
from recsys_algo.loading import load, open_generation, surfaces
from recsys_algo.rank import recommend
from recsys_algo.situation import Query


@pytest.fixture
def press(loadable):
    return loadable


@pytest.fixture
def cached(press):
    return press.folder / "cache"


def pair():
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return SigningKey(key_id(public), private), {key_id(public): public}


def best(bundle):
    """The most popular item."""
    return recommend(bundle, Query(k=1, now=bundle.window_end)).items[0].item_id


def rewrite(press, change):
    """Put another manifest in the place of generation 1, with a pointer that vouches for it."""
    key = manifest_key("demo", "home", 1)
    body = change(press.blobs.read(key))
    press.blobs.delete(key)
    press.blobs.create(key, body)
    at = pointed(press.blobs, "demo", "home")
    pointer = msgspec.structs.replace(at.pointer, sha256=sha256(body).hexdigest())
    press.blobs.replace(pointer_key("demo", "home"), canonical(pointer), at.tag)


def spoil(blobs, key, body):
    blobs.delete(key)
    blobs.create(key, body)


def reason(press, cached, **options):
    """Why loading fails."""
    with pytest.raises(loading.LoadFailed) as caught:
        load(press.blobs, "demo", "home", cached, **options)
    return caught.value.reason


def test_what_was_published_is_loaded_and_ranks(press, cached):
    press.serve("i-3")

    loaded = load(press.blobs, "demo", "home", cached)

    assert (loaded.bundle.tenant, loaded.bundle.surface, loaded.bundle.generation) == ("demo", "home", 1)
    assert best(loaded.bundle) == "i-3"


def test_nothing_is_loaded_again_until_the_pointer_moves(press, cached):
    press.serve("i-3")
    first = load(press.blobs, "demo", "home", cached)

    unchanged = load(press.blobs, "demo", "home", cached, known_tag=first.pointer_tag)
    press.serve("i-2")
    second = load(press.blobs, "demo", "home", cached, known_tag=first.pointer_tag)

    assert unchanged is None
    assert (second.bundle.generation, best(second.bundle)) == (2, "i-2")


def test_each_surface_ranks_by_its_own_part_of_the_document(press, cached):
    press.serve()
    press.publish(press.candidate(surface="cart"))

    assert load(press.blobs, "demo", "home", cached).bundle.ranking.k == 20
    assert load(press.blobs, "demo", "cart", cached).bundle.ranking.k == 3


def test_another_generation_than_the_pointers_can_be_asked_for(press, cached):
    press.serve("i-1")
    press.serve("i-2")

    assert best(load(press.blobs, "demo", "home", cached, generation=1).bundle) == "i-1"


def test_the_evaluated_fit_of_a_generation_opens_beside_the_served_one(press, cached):
    manifest = press.serve("i-1").manifest

    assert best(open_generation(press.blobs, manifest, cached)) == "i-1"
    assert best(open_generation(press.blobs, manifest, cached, evaluated=True)) == "i-4"


def test_a_generation_without_an_evaluated_fit_says_so(press, cached):
    manifest = press.publish(press.candidate(evaluated=[])).manifest

    with pytest.raises(loading.BadSchema, match="generation 1 has no evaluated fit"):
        open_generation(press.blobs, manifest, cached, evaluated=True)


def test_surfaces_are_those_with_a_pointer(press):
    press.publish(press.candidate(tenant="other"))
    press.publish(press.candidate(surface="cart"))
    press.serve()
    press.blobs.create("current/README.txt", b"no pointer")

    assert surfaces(press.blobs) == [("demo", "cart"), ("demo", "home"), ("other", "home")]


def test_an_empty_store_has_no_surfaces(press):
    assert surfaces(press.blobs) == []


def test_a_surface_without_a_pointer(press, cached):
    assert reason(press, cached) == "missing_pointer"


def test_a_pointer_that_is_no_pointer(press, cached):
    press.blobs.create(pointer_key("demo", "home"), b'{"generation": "one"}')

    assert reason(press, cached) == "bad_schema"


def test_a_manifest_that_is_not_stored(press, cached):
    press.serve()
    press.blobs.delete(manifest_key("demo", "home", 1))

    assert reason(press, cached) == "missing_manifest"
    assert reason(press, cached, generation=7) == "missing_manifest"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: body[:-20], id="cut short"),
        pytest.param(lambda body: body.replace(b"0.25", b"0.26"), id="one digit changed"),
    ],
)
def test_a_manifest_with_other_bytes_than_the_pointer_promises(press, cached, change):
    press.serve()
    key = manifest_key("demo", "home", 1)
    spoil(press.blobs, key, change(press.blobs.read(key)))

    assert reason(press, cached) == "bad_hash"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda body: body.replace(b"recsys.manifest/2", b"recsys.manifest/3"), "bad_schema", id="newer"),
        pytest.param(lambda body: body.replace(b'"window"', b'"windows"'), "bad_schema", id="an unknown field"),
        pytest.param(lambda _: b"[]", "bad_schema", id="no manifest"),
        pytest.param(lambda body: body.replace(b'"tenant":"demo"', b'"tenant":"evil"'), "wrong_tenant", id="tenant"),
        pytest.param(lambda body: body.replace(b'"surface":"home"', b'"surface":"x"'), "wrong_tenant", id="surface"),
        pytest.param(lambda body: body.replace(b'"generation":1', b'"generation":2'), "wrong_tenant", id="number"),
        pytest.param(lambda body: body.replace(b"blobs/demo", b"blobs/evil"), "wrong_tenant", id="foreign blobs"),
        pytest.param(lambda body: body.replace(b">=1,<2", b">=2,<3"), "engine_api", id="an engine too new"),
    ],
)
def test_a_manifest_that_is_not_for_us(press, cached, change, expected):
    press.serve()
    rewrite(press, change)

    assert reason(press, cached) == expected


def test_a_blob_that_is_not_stored(press, cached):
    manifest = press.serve().manifest
    press.blobs.delete(manifest.artifacts[-1].files[0].uri)

    with pytest.raises(loading.MissingBlob) as caught:
        load(press.blobs, "demo", "home", cached)
    assert caught.value.kind == "popularity"


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda body: body[:-1], id="cut short"),
        pytest.param(lambda body: b"", id="empty"),
        pytest.param(lambda body: body[:-1] + bytes([body[-1] ^ 1]), id="one bit turned"),
        pytest.param(lambda body: body + b"x", id="too long"),
    ],
)
@pytest.mark.parametrize("which", ["artifact", "config"])
def test_a_blob_with_other_bytes_than_the_manifest_promises(press, cached, harm, which):
    manifest = press.serve().manifest
    file = manifest.artifacts[-1].files[-1] if which == "artifact" else manifest.config
    whole = press.blobs.read(file.uri)
    spoil(press.blobs, file.uri, harm(whole))

    failed = reason(press, cached)
    spoil(press.blobs, file.uri, whole)

    assert failed == "bad_hash"
    assert load(press.blobs, "demo", "home", cached).bundle.generation == 1


def test_a_document_of_another_tenant(press, cached):
    press.serve()
    foreign = press.document("other")
    digest = sha256(foreign).hexdigest()
    press.blobs.create(blob_key("demo", digest), foreign)

    def point_at_it(body):
        manifest = msgspec.json.decode(body)
        config = {"name": "tenant.json", "uri": blob_key("demo", digest), "sha256": digest, "bytes": len(foreign)}
        return msgspec.json.encode(manifest | {"config": config})

    rewrite(press, point_at_it)

    assert reason(press, cached) == "wrong_tenant"


def test_arrays_that_do_not_make_their_shape(press, cached, tmp_path):
    artifacts = press.candidate().artifacts
    spare = artifacts[-1]._replace(files=artifacts[-1].files[1:])
    press.publish(press.candidate(artifacts=[*artifacts[:-1], spare]))

    assert reason(press, cached) == "bad_schema"


def test_a_generation_that_recommends_nothing(press, cached, publisher):
    sold_out = publisher.encoded(press.folder / "sold out", available=False)
    press.publish(press.candidate(artifacts=sold_out))

    assert reason(press, cached) == "probe_empty"


def test_a_store_that_does_not_answer(press, cached, tmp_path):
    (tmp_path / "file").write_text("no store")
    unreachable = {**press.store.environ, "RECSYS_S3_ENDPOINT": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    url = press.store.url if press.store.url.startswith("s3:") else str(tmp_path / "file")
    blobs = open_blobs(url, unreachable)

    for ask in (lambda: load(blobs, "demo", "home", cached), lambda: surfaces(blobs)):
        with pytest.raises(loading.StoreDown) as caught:
            ask()
        assert caught.value.reason == "store_unavailable"


def test_a_signed_manifest_needs_a_known_key(press, cached):
    key, keys = pair()
    _, strangers = pair()
    press.serve(signing=key)

    assert load(press.blobs, "demo", "home", cached, keys=keys).bundle.generation == 1
    assert reason(press, cached, keys=strangers) == "bad_signature"
    assert reason(press, cached, keys={}) == "bad_signature"


def test_a_signed_manifest_that_was_changed(press, cached):
    key, keys = pair()
    press.serve(signing=key)
    rewrite(press, lambda body: body.replace(b"0.25", b"0.99"))

    assert reason(press, cached, keys=keys) == "bad_signature"
    assert load(press.blobs, "demo", "home", cached).bundle.generation == 1


def test_an_unsigned_manifest_when_keys_are_known(press, cached):
    press.serve()

    assert reason(press, cached, keys=pair()[1]) == "bad_signature"


def test_a_failure_changes_nothing_of_what_was_loaded(press, cached):
    press.serve("i-1")
    good = load(press.blobs, "demo", "home", cached).bundle
    manifest = press.serve("i-2").manifest
    press.blobs.delete(manifest.config.uri)
    for file in files_of(manifest):
        (cached / file.uri).unlink(missing_ok=True)

    assert reason(press, cached) == "missing_blob"
    assert best(good) == "i-1"


def test_every_blob_is_fetched_once(press, cached):
    manifest = press.serve().manifest
    load(press.blobs, "demo", "home", cached)
    for file in files_of(manifest):
        press.blobs.delete(file.uri)

    assert load(press.blobs, "demo", "home", cached).bundle.generation == 1


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path, body: path.write_bytes(body[:-1]), id="cut short"),
        pytest.param(lambda path, body: path.write_bytes(b"\0" * len(body)), id="other bytes of that size"),
        pytest.param(lambda path, body: path.unlink(), id="gone"),
    ],
)
def test_a_cached_file_that_was_harmed_is_fetched_again(press, cached, harm):
    manifest = press.serve("i-3").manifest
    load(press.blobs, "demo", "home", cached)
    for file in files_of(manifest):
        path = cached / file.uri
        if path.exists():
            harm(path, path.read_bytes())

    assert best(load(press.blobs, "demo", "home", cached).bundle) == "i-3"


def test_a_cached_file_that_only_lost_its_seal_is_not_fetched_again(press, cached):
    manifest = press.serve().manifest
    load(press.blobs, "demo", "home", cached)
    for file in files_of(manifest):
        press.blobs.delete(file.uri)
        if (cached / file.uri).exists():
            os.utime(cached / file.uri)

    assert load(press.blobs, "demo", "home", cached).bundle.generation == 1


def test_workers_that_load_at_once_share_a_cache(press, cached):
    press.serve("i-2")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: best(load(press.store.open(), "demo", "home", cached).bundle), range(4)))

    assert found == ["i-2"] * 4
    assert not list(cached.rglob(".unfinished*"))


def test_pruning_keeps_what_is_needed_and_what_is_new(press, cached):
    press.serve("i-1")
    old = load(press.blobs, "demo", "home", cached)
    press.serve("i-2")
    new = load(press.blobs, "demo", "home", cached)
    (cached / new.manifest.config.uri).with_name(".unfinished-1").write_bytes(b"of a worker that was killed")
    before, after = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))

    young = cache.prune(cached, [new.manifest], before)
    stale = cache.prune(cached, [new.manifest], after)

    kept = {path.relative_to(cached).as_posix() for path in cached.rglob("*") if path.is_file()}
    assert young == 0
    assert stale > 1
    assert kept == {file.uri for a in new.manifest.artifacts for file in a.files} | {new.manifest.config.uri}
    assert best(old.bundle) == "i-1"
