"""Publishing, over every store, one publisher at a time."""

from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data_contracts.errors import BlobCorrupt, InvalidDocument, InvalidName
from data_contracts.generations import numbers, pointed, read_manifest
from data_contracts.layout import blobs_prefix, manifest_key, outbox_key, pointer_key
from data_contracts.manifest import Canary, Refreshed, canonical, decode, files_of
from data_contracts.signature import SigningKey, key_id, require_signed
from recsys_pipelines.pointers import Place, moves
from recsys_pipelines.publish import OlderWindow, PublishRefused

DAY = timedelta(days=1)


def signing_key():
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return SigningKey(key_id(public), private), {key_id(public): public}


def test_the_first_generation_has_no_parent_and_the_next_has(press):
    first = press.serve("i-1")
    second = press.serve("i-2")

    assert (first.generation, first.manifest.parent, first.unchanged) == (1, None, False)
    assert (second.generation, second.manifest.parent, second.unchanged) == (2, 1, False)
    assert press.served() == 2


def test_what_is_stored_is_what_was_returned(press):
    published = press.publish(press.candidate(reason="better")).manifest

    assert read_manifest(press.blobs, "demo", "home", 1) == published
    assert all(press.blobs.size(file.uri) == file.bytes for file in files_of(published))
    assert [artifact.name for artifact in published.artifacts] == ["items", "popularity"]
    assert published.evaluation.metrics == {"ndcg@10": 0.25}
    assert published.created_at == press.now


def test_the_move_is_recorded_and_announced(press):
    press.publish(press.candidate("i-1", reason="first night"))
    press.publish(press.candidate("i-2", reason="second night"), now=press.now + DAY, by="ana")

    lines = [
        (m.action, m.from_generation, m.to_generation, m.by, m.reason)
        for m in moves(Place(press.blobs, "demo", "home"))
    ]
    event = decode(press.blobs.read(outbox_key("demo", "home", 2)), Refreshed, "event")
    assert lines == [("publish", None, 1, "test", "first night"), ("publish", 1, 2, "ana", "second night")]
    assert (event.generation, event.at, event.by) == (2, press.now + DAY, "ana")
    assert event.sha256 == pointed(press.blobs, "demo", "home").pointer.sha256


def test_the_same_content_is_not_published_twice(press):
    press.serve()
    before = press.state()

    lineage = msgspec.structs.replace(press.candidate().lineage, dagster_run_id="another")
    again = press.publish(press.candidate(lineage=lineage), now=press.now + DAY)

    assert (again.generation, again.unchanged) == (1, True)
    assert press.state() == before


def test_another_configuration_is_another_generation(press):
    press.serve()

    other = press.publish(press.candidate(document=press.document(description="changed")))

    assert (other.generation, other.unchanged) == (2, False)


def test_publishing_again_repairs_a_blob_that_was_lost(press):
    published = press.serve().manifest
    press.blobs.delete(published.artifacts[0].files[0].uri)

    again = press.serve()

    assert again.unchanged
    assert press.blobs.size(published.artifacts[0].files[0].uri) == published.artifacts[0].files[0].bytes


def test_surfaces_of_a_tenant_share_blobs_and_count_on_their_own(press):
    press.serve()
    before = [entry.key for entry in press.blobs.entries(blobs_prefix("demo"))]

    cart = press.publish(press.candidate(surface="cart"))

    assert cart.generation == 1
    assert [entry.key for entry in press.blobs.entries(blobs_prefix("demo"))] == before


@pytest.mark.parametrize(
    ("decision", "reason", "message"),
    [
        pytest.param("rejected", "ndcg fell by 12%", "ndcg fell by 12%", id="rejected"),
        pytest.param("suspicious", "ndcg doubled", "ndcg doubled", id="suspicious"),
        pytest.param("ungated", " ", "needs a reason", id="ungated without a reason"),
    ],
)
def test_without_the_gates_consent_the_pointer_stays(press, decision, reason, message):
    press.serve("i-1")
    before = {key: body for key, body in press.state().items() if not key.startswith(("blobs/", "manifests/"))}

    with pytest.raises(PublishRefused, match=f"demo/home: .*{message}"):
        press.publish(press.candidate("i-2", decision=decision, reason=reason))

    after = {key: body for key, body in press.state().items() if not key.startswith(("blobs/", "manifests/"))}
    assert after == before
    assert read_manifest(press.blobs, "demo", "home", 2).evaluation.decision == decision


def test_a_refused_candidate_is_recorded_once_however_often_it_comes_back(press):
    for _ in range(3):
        with pytest.raises(PublishRefused):
            press.publish(press.candidate(decision="rejected", reason="worse"))

    assert numbers(press.blobs, "demo", "home") == [1]


def test_what_was_refused_once_and_promoted_later_gets_a_manifest_that_says_so(press):
    with pytest.raises(PublishRefused):
        press.publish(press.candidate(decision="rejected", reason="worse"))

    published = press.serve()

    assert (published.generation, published.manifest.evaluation.decision) == (2, "promoted")


def test_an_ungated_candidate_with_a_reason_is_served(press):
    assert press.publish(press.candidate(decision="ungated", reason="the first one")).generation == 1


def test_a_candidate_that_knows_less_is_refused_unless_it_is_wanted(press):
    press.publish(press.candidate("i-1", end=press.now))
    before = press.state()

    with pytest.raises(OlderWindow, match=r"up to 2020-02-29 02:00, and generation 1 .* up to 2020-03-01 02:00"):
        press.publish(press.candidate("i-2", end=press.now - DAY))

    assert press.state() == before
    assert press.publish(press.candidate("i-2", end=press.now - DAY, allow_older=True)).generation == 2


def test_the_same_window_may_be_published_again(press):
    press.publish(press.candidate("i-1", end=press.now))

    assert press.publish(press.candidate("i-2", end=press.now)).generation == 2


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"tenant": "../x"}, id="a tenant that is no name"),
        pytest.param({"surface": "pdp"}, id="a surface that the document does not have"),
        pytest.param({"document": b"{}"}, id="no document"),
        pytest.param({"decision": "fine"}, id="a decision that does not exist"),
    ],
)
def test_a_candidate_that_no_server_could_read_is_refused(press, changes):
    with pytest.raises((InvalidDocument, InvalidName)):
        press.publish(press.candidate(**changes))
    assert not [key for key in press.state() if not key.startswith("blobs/")]


def test_the_document_has_to_be_the_tenants_own(press):
    with pytest.raises(InvalidDocument, match="document of 'other'"):
        press.publish(press.candidate(document=press.document("other")))


def test_bytes_that_arrive_wrong_never_get_a_manifest(press):
    wanted = press.candidate()
    key = press.publish(wanted).manifest.artifacts[0].files[0].uri
    for name in [*press.state()]:
        press.blobs.delete(name)
    press.blobs.create(key, b"x" * 160)

    with pytest.raises(BlobCorrupt, match=key):
        press.publish(wanted)
    assert numbers(press.blobs, "demo", "home") == []


def test_a_blob_that_was_cut_short_is_named_even_if_nothing_else_changed(press):
    file = press.serve().manifest.artifacts[0].files[0]
    press.blobs.delete(file.uri)
    press.blobs.create(file.uri, b"short")

    with pytest.raises(BlobCorrupt, match=f"{file.uri} .* has 5 bytes instead of {file.bytes}"):
        press.serve()


def test_a_canary_survives_a_publish(press):
    press.serve("i-1")
    press.serve("i-2")
    at = pointed(press.blobs, "demo", "home")
    with_canary = msgspec.structs.replace(at.pointer, canary=Canary(generation=1, percent=5, salt="s"))
    press.blobs.replace(pointer_key("demo", "home"), canonical(with_canary), at.tag)

    press.serve("i-3")

    assert pointed(press.blobs, "demo", "home").pointer.canary.generation == 1


def test_a_signing_key_signs_and_a_new_one_signs_again(press):
    unsigned = press.serve()
    (first, first_keys), (second, second_keys) = signing_key(), signing_key()

    published = [press.serve(signing=key) for key in (first, first, second)]

    assert [(each.generation, each.unchanged) for each in (unsigned, *published)] == [
        (1, False),
        (2, False),
        (2, True),
        (3, False),
    ]
    require_signed(press.blobs.read(manifest_key("demo", "home", 2)), first_keys, "manifest")
    require_signed(press.blobs.read(manifest_key("demo", "home", 3)), second_keys, "manifest")
