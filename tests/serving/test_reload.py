"""Following the store: what is good is swapped in, what is not changes nothing but the word `degraded`."""

import json
import os
import time
from hashlib import sha256

import msgspec
import pytest

from data_contracts.generations import pointed, read_manifest
from data_contracts.layout import manifest_key, pointer_key
from data_contracts.manifest import Pointer, canonical, files_of
from recsys_algo import loading


@pytest.fixture
def reloader(world):
    """Of a server that polls only when told to."""
    return world.app().state.recommender.reloader


def generations(reloader):
    return {place: served.manifest.generation for place, served in reloader.shelf.places}


def failures(reloader):
    return {place: failure.reason for place, failure in reloader.shelf.failures.items()}


def point_to(world, body, generation=2):
    """Store another manifest as that generation, with a pointer that vouches for it."""
    key = manifest_key("demo", "home", generation)
    world.store.delete(key)
    world.store.create(key, body)
    at = pointed(world.store, "demo", "home")
    pointer = msgspec.structs.replace(at.pointer, generation=generation, sha256=sha256(body).hexdigest())
    world.store.replace(pointer_key("demo", "home"), canonical(pointer), at.tag)


def changed(manifest, **changes):
    return canonical(msgspec.structs.replace(manifest, generation=2, **changes))


def test_nothing_published_is_no_failure(reloader):
    reloader.poll()

    assert (generations(reloader), reloader.shelf.degraded) == ({}, False)


def test_new_surfaces_tenants_and_generations_appear(world, reloader):
    world.publish("a")
    reloader.poll()
    first = generations(reloader)
    world.publish("b")
    world.publish("a", surface="cart")
    world.publish("a", tenant="video")
    reloader.poll()

    assert first == {("demo", "home"): 1}
    assert generations(reloader) == {("demo", "cart"): 1, ("demo", "home"): 2, ("video", "home"): 1}


def test_a_rollback_is_followed(world, reloader):
    world.publish("a")
    world.publish("b")
    reloader.poll()
    world.rollback(1)
    reloader.poll()

    assert generations(reloader) == {("demo", "home"): 1}


def test_what_has_not_changed_is_not_loaded_again(world, reloader):
    world.publish("a")
    reloader.poll()
    bundle = reloader.shelf.at(("demo", "home")).bundle
    reloader.poll()

    assert reloader.shelf.at(("demo", "home")).bundle is bundle


def test_requests_in_flight_keep_the_bundle_they_began_with(world, reloader):
    world.publish("a")
    reloader.poll()
    taken = reloader.shelf
    world.publish("b")
    reloader.poll()

    assert taken.served("demo", "home").bundle.generation == 1
    assert reloader.shelf.served("demo", "home").bundle.generation == 2


def own_blob(world, manifest):
    """A blob that no earlier generation has, so that no cache has it yet."""
    earlier = range(1, manifest.generation)
    manifests = [read_manifest(world.store, manifest.tenant, manifest.surface, number) for number in earlier]
    known = {file.uri for old in manifests for file in files_of(old)}
    return next(file.uri for file in files_of(manifest) if file.uri not in known)


def truncate(world, manifest):
    """A served blob loses its end."""
    uri = own_blob(world, manifest)
    body = world.store.read(uri)
    world.store.delete(uri)
    world.store.create(uri, body[:-1])


def replace_bytes(world, manifest):
    """A served blob holds other bytes of the same length."""
    uri = own_blob(world, manifest)
    body = world.store.read(uri)
    world.store.delete(uri)
    world.store.create(uri, body[:-1] + bytes([body[-1] ^ 1]))


def lose(world, manifest):
    """A served blob is gone."""
    world.store.delete(own_blob(world, manifest))


def other_tenant(world, manifest):
    """The manifest of another tenant in the place of ours."""
    point_to(world, changed(manifest, tenant="video"))


def newer_engine(world, manifest):
    """A manifest for a ranking core that does not exist yet."""
    point_to(world, changed(manifest, engine_api=">=2,<3"))


def newer_schema(world, manifest):
    """A manifest with a field from the future."""
    point_to(world, json.dumps(json.loads(changed(manifest)) | {"x": 1}).encode())


def other_manifest(world, manifest):
    """A manifest that is not the one that the pointer promises."""
    world.store.delete(manifest_key("demo", "home", 2))
    world.store.create(manifest_key("demo", "home", 2), changed(manifest, parent=None))


def no_manifest(world, manifest):
    """A pointer to nothing."""
    world.store.delete(manifest_key("demo", "home", 2))


def no_pointer(world, manifest):
    """The surface is gone from the store."""
    world.store.delete(pointer_key("demo", "home"))


BROKEN = {
    "bad_hash": (truncate, replace_bytes, other_manifest),
    "missing_blob": (lose,),
    "wrong_tenant": (other_tenant,),
    "engine_api": (newer_engine,),
    "bad_schema": (newer_schema,),
    "missing_manifest": (no_manifest,),
    "missing_pointer": (no_pointer,),
}
CASES = [pytest.param(spoil, reason, id=spoil.__name__) for reason, spoils in BROKEN.items() for spoil in spoils]


@pytest.mark.parametrize(("spoil", "reason"), CASES)
def test_a_bad_generation_changes_nothing_but_the_word_degraded(world, spoil, reason):
    world.publish("a")
    with world.client(reload_every_s=3600) as client:
        manifest = world.publish("b")
        spoil(world, manifest)

        client.app.state.recommender.reloader.poll()
        answer = client.post("/v1/recommend", json={"surface": "home", "user": {"user_id": "u1"}})
        ready = client.get("/readyz")
        metrics = client.get("/metrics").text

    assert answer.status_code == 200
    assert answer.json()["meta"]["manifest_generation"] == 1
    assert all(item["item_id"].startswith("a-") for item in answer.json()["items"])
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["demo/home"]["generation"] == 1
    assert ready.json()["checks"]["demo/home"]["reason"] == reason
    failed = [line for line in metrics.splitlines() if line.startswith("recsys_artifact_load_failures_total")]
    assert len(failed) == 1
    assert f'reason="{reason}"' in failed[0]


def test_after_a_bad_generation_the_next_good_one_is_served(world, reloader):
    world.publish("a")
    reloader.poll()
    truncate(world, world.publish("b"))
    reloader.poll()
    broken = failures(reloader)
    world.publish("c")
    reloader.poll()

    assert broken == {("demo", "home"): "bad_hash"}
    assert (generations(reloader), failures(reloader)) == ({("demo", "home"): 3}, {})


def test_moving_back_to_what_is_served_ends_the_trouble(world, reloader):
    world.publish("a")
    reloader.poll()
    truncate(world, world.publish("b"))
    reloader.poll()
    world.rollback(1)
    reloader.poll()

    assert (generations(reloader), reloader.shelf.degraded) == ({("demo", "home"): 1}, False)


def test_one_bad_surface_does_not_keep_others_from_being_loaded(world, reloader):
    world.publish("a", surface="cart")
    lose(world, world.publish("b", surface="cart"))
    world.publish("a", tenant="zebra")
    reloader.poll()

    assert generations(reloader) == {("zebra", "home"): 1}
    assert failures(reloader) == {("demo", "cart"): "missing_blob"}


def test_a_store_that_does_not_answer_is_told_and_everything_is_still_served(world, reloader):
    world.publish("a")
    reloader.poll()
    (world.home / "store").rename(world.home / "elsewhere")
    (world.home / "store").write_text("a file where a folder should be")
    reloader.poll()
    failed = reloader.shelf
    (world.home / "store").unlink()
    (world.home / "elsewhere").rename(world.home / "store")
    reloader.poll()

    assert failed.store_failure.reason == "store_unavailable"
    assert failed.at(("demo", "home")) is not None
    assert not reloader.shelf.degraded


def test_a_store_that_hangs_stalls_no_request(world):
    world.publish("a")
    with world.client() as client:
        pipe = world.home / "store" / "current" / "demo" / "pdp.json"
        os.mkfifo(pipe)
        writer = opened_by_a_reader(pipe)  # from here on the poller waits for what we write
        answers = [client.get("/recs/u1").status_code for _ in range(20)]
        os.close(writer)
        pipe.unlink()

    assert answers == [200] * 20


def opened_by_a_reader(pipe):
    """The end to write to, as soon as somebody reads at the other."""
    for _ in range(400):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nobody reads the pointer")


def test_an_unexpected_error_stops_no_poll(world, reloader):
    world.publish("a", tenant="aaa")
    world.publish("b")
    reloader._cache = None  # a mistake of ours: loading breaks in a way that nobody foresaw

    reloader.poll()

    assert set(failures(reloader).values()) == {"unexpected"}


def test_only_what_was_signed_is_served_once_a_key_is_known(world, tmp_path, signing_key):
    key, environ = signing_key
    world.publish("a", signing=key)
    app = world.app(**environ)
    app.state.recommender.reloader.poll()
    world.publish("b")
    app.state.recommender.reloader.poll()

    assert generations(app.state.recommender.reloader) == {("demo", "home"): 1}
    assert failures(app.state.recommender.reloader) == {("demo", "home"): "bad_signature"}


@pytest.fixture
def signing_key(tmp_path):
    """A key to sign with, and the settings of a server that knows it."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    from data_contracts.signature import SigningKey, key_id  # noqa: PLC0415

    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(pem)
    return SigningKey(key_id(public.public_bytes_raw()), private), {"verify_keys": tmp_path / "public.pem"}


def test_every_reason_to_fail_is_tried():
    reasons = {error.reason for error in loading.LoadFailed.__subclasses__()}

    assert reasons - BROKEN.keys() == {"bad_signature", "probe_empty", "store_unavailable"}


def test_the_pointer_of_a_test_is_the_real_one(world):
    world.publish("a")

    assert isinstance(pointed(world.store, "demo", "home").pointer, Pointer)
    assert read_manifest(world.store, "demo", "home", 1).generation == 1
