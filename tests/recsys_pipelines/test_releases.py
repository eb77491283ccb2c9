"""Listing, rolling back and sweeping releases, over every store."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from data_contracts.errors import BlobMissing
from data_contracts.generations import numbers, pointed, read_manifest
from data_contracts.layout import blobs_prefix, manifest_key, pointer_key
from data_contracts.manifest import Canary, canonical, files_of
from recsys_algo.loading import load
from recsys_pipelines.pointers import LostRace, Place, complete, move, moves
from recsys_pipelines.publish import PublishRefused
from recsys_pipelines.releases import BrokenRelease, NoSuchRelease, releases, rollback, sweep

DAY = timedelta(days=1)


@pytest.fixture
def later():
    """A clock by which everything that a test has written is older than the grace."""
    return datetime.now(UTC) + 2 * DAY


def back(press, to, **changes):
    circumstances = {"now": press.now + DAY, "by": "ana", "reason": "bad prices"} | changes
    return rollback(press.blobs, "demo", "home", to, **circumstances)


def point(press, **changes):
    """Change the pointer by hand."""
    at = pointed(press.blobs, "demo", "home")
    press.blobs.replace(pointer_key("demo", "home"), canonical(msgspec.structs.replace(at.pointer, **changes)), at.tag)


def stored(press):
    return [entry.key for entry in press.blobs.entries(blobs_prefix("demo"))]


def needed(press, *generations):
    """The blobs of these generations."""
    manifests = [read_manifest(press.blobs, "demo", "home", generation) for generation in generations]
    return sorted({file.uri for manifest in manifests for file in files_of(manifest)})


def test_releases_are_listed_by_surface_newest_first_with_the_served_one_marked(press):
    press.serve("i-1")
    press.serve("i-2")
    press.publish(press.candidate("i-1", surface="cart", decision="ungated", reason="first"))
    with pytest.raises(PublishRefused):
        press.publish(press.candidate("i-3", decision="rejected", reason="worse"))

    found = releases(press.blobs, "demo")

    assert [(each.surface, each.generation, each.current, each.decision) for each in found] == [
        ("cart", 1, True, "ungated"),
        ("home", 3, False, "rejected"),
        ("home", 2, True, "promoted"),
        ("home", 1, False, "promoted"),
    ]
    assert found[0].metrics == {"ndcg@10": 0.25}
    assert found[0].created_at == press.now


def test_a_tenant_without_releases_has_none(press):
    press.serve()

    assert releases(press.blobs, "other") == []


def test_a_manifest_that_cannot_be_read_is_listed_as_such(press):
    press.serve()
    press.blobs.create(manifest_key("demo", "home", 2), b"{")

    assert [(each.generation, each.decision) for each in releases(press.blobs, "demo")] == [
        (2, "unreadable"),
        (1, "promoted"),
    ]


def test_a_rollback_moves_the_pointer_and_computes_nothing(press):
    press.serve("i-1")
    press.serve("i-2")
    before = press.state()

    line = back(press, 1)

    changed = {key for key, body in press.state().items() if before.get(key) != body}
    assert (line.action, line.from_generation, line.to_generation, line.reason) == ("rollback", 2, 1, "bad prices")
    assert changed == {"current/demo/home.json", "history/demo/home.jsonl"}
    assert press.served() == 1


def test_after_a_rollback_servers_load_the_earlier_generation(loadable):
    loadable.serve("i-1")
    loadable.serve("i-2")
    before = load(loadable.blobs, "demo", "home", loadable.folder / "cache")

    back(loadable, 1)

    after = load(loadable.blobs, "demo", "home", loadable.folder / "cache", known_tag=before.pointer_tag)
    assert (before.bundle.generation, after.bundle.generation) == (2, 1)


def test_after_a_rollback_the_next_release_descends_from_where_the_pointer_is(press):
    press.serve("i-1")
    press.serve("i-2")
    back(press, 1)

    published = press.serve("i-3", now=press.now + 2 * DAY)

    assert (published.generation, published.manifest.parent) == (3, 1)
    assert press.moves() == [(None, 1), (1, 2), (2, 1), (1, 3)]


def test_what_was_rolled_back_may_be_published_again_under_a_new_number(press):
    press.serve("i-1")
    press.serve("i-2")
    back(press, 1)

    published = press.serve("i-2", now=press.now + 2 * DAY)

    assert (published.generation, published.manifest.parent, published.unchanged) == (3, 1, False)


def test_one_can_roll_forward_again(press):
    press.serve("i-1")
    press.serve("i-2")
    back(press, 1)

    line = back(press, 2, now=press.now + 2 * DAY)

    assert (line.action, press.served()) == ("rollback", 2)


def test_a_rollback_to_what_is_served_changes_nothing(press):
    press.serve("i-1")
    press.serve("i-2")
    line = back(press, 1)
    before = press.state()

    assert back(press, 1, now=press.now + 2 * DAY) == line
    assert press.state() == before


def test_a_rollback_that_was_killed_before_its_record_is_completed_by_the_next_run(press):
    press.serve("i-1")
    press.serve("i-2")
    seen = pointed(press.blobs, "demo", "home")
    first = read_manifest(press.blobs, "demo", "home", 1)
    move(Place(press.blobs, "demo", "home"), halfway(press, first), seen)

    line = back(press, 1)

    assert (line.action, line.from_generation, line.by) == ("rollback", 2, "bob")
    assert press.moves() == [(None, 1), (1, 2), (2, 1)]


def halfway(press, manifest):
    """The pointer that a rollback by bob would write."""
    at = pointed(press.blobs, "demo", "home").pointer
    return msgspec.structs.replace(at, generation=manifest.generation, updated_by="bob", updated_at=press.now + DAY)


def test_a_canary_does_not_survive_a_rollback(press):
    press.serve("i-1")
    press.serve("i-2")
    point(press, canary=Canary(generation=2, percent=5, salt="s"))

    back(press, 1)

    assert pointed(press.blobs, "demo", "home").pointer.canary is None


@pytest.mark.parametrize("generation", [0, 3, 99])
def test_a_generation_that_was_never_served_is_answered_with_those_that_were(press, generation):
    press.serve("i-1")
    press.serve("i-2")
    with pytest.raises(PublishRefused):
        press.publish(press.candidate("i-3", decision="rejected", reason="worse"))

    with pytest.raises(NoSuchRelease, match=f"generation {generation} of demo/home was never served; .* 1, 2"):
        back(press, generation)
    assert press.served() == 2


def test_a_surface_without_releases_is_named(press):
    with pytest.raises(NoSuchRelease, match="demo/home"):
        back(press, 1)


def test_a_generation_that_was_swept_is_said_to_be_gone(press, later):
    for best in ("i-1", "i-2", "i-3"):
        press.serve(best)
    sweep(press.blobs, "demo", 2, later)

    with pytest.raises(NoSuchRelease, match="generation 1 of demo/home is no longer stored; one can go to 2, 3"):
        back(press, 1)


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda body: body[:-1], id="cut short"),
        pytest.param(lambda body: body[:-1] + bytes([body[-1] ^ 1]), id="one bit turned"),
        pytest.param(lambda _: None, id="gone"),
    ],
)
@pytest.mark.parametrize("which", ["served", "evaluated", "config"])
def test_a_generation_with_a_bad_blob_cannot_be_served_again(press, harm, which):
    first = press.serve(
        "i-1",
    ).manifest
    press.serve("i-2")
    artifacts = first.artifacts if which == "served" else first.evaluation.artifacts
    file = first.config if which == "config" else artifacts[-1].files[-1]
    spoil(press.blobs, file.uri, harm)

    with pytest.raises(BrokenRelease, match=f"generation 1 of demo/home cannot be served again: .*{file.uri}"):
        back(press, 1)
    assert press.served() == 2


def spoil(blobs, key, harm):
    body = harm(blobs.read(key))
    blobs.delete(key)
    if body is not None:
        blobs.create(key, body)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param(lambda body: body[:-9], "not a valid manifest", id="cut short"),
        pytest.param(lambda body: body.replace(b'"demo"', b'"evil"'), "evil/home/1", id="of another tenant"),
        pytest.param(lambda body: body.replace(b">=1,<2", b">=7,<9"), ">=7,<9", id="for newer servers"),
    ],
)
def test_a_generation_with_a_bad_manifest_cannot_be_served_again(press, harm, message):
    press.serve("i-1")
    press.serve("i-2")
    spoil(press.blobs, manifest_key("demo", "home", 1), harm)

    with pytest.raises(BrokenRelease, match=message):
        back(press, 1)
    assert press.served() == 2


def test_who_loses_the_race_for_the_pointer_has_changed_nothing(press):
    press.serve("i-1")
    seen = pointed(press.blobs, "demo", "home")
    press.serve("i-2")
    before = press.state()

    with pytest.raises(LostRace, match="now serves generation 2 by test"):
        move(Place(press.blobs, "demo", "home"), seen.pointer, seen)
    assert press.state() == before


def test_completing_an_old_move_late_adds_no_line(press):
    press.serve("i-1")
    old = pointed(press.blobs, "demo", "home").pointer
    press.serve("i-2", now=press.now + DAY)

    complete(Place(press.blobs, "demo", "home"), old)

    assert press.moves() == [(None, 1), (1, 2)]


def test_the_last_generations_stay_with_all_their_blobs_and_no_others(press, later):
    for best in ("i-1", "i-2", "i-3", "i-4"):
        press.serve(best)

    swept = sweep(press.blobs, "demo", 2, later)

    assert numbers(press.blobs, "demo", "home") == [3, 4]
    assert stored(press) == needed(press, 3, 4)
    assert (swept.manifests, swept.blobs > 0, swept.unreadable) == (2, True, ())


def test_publishing_sweeps_by_itself(press, later):
    for best in ("i-1", "i-2", "i-3"):
        press.serve(best, now=later, keep=1)

    assert numbers(press.blobs, "demo", "home") == [3]
    assert stored(press) == needed(press, 3)


def test_sweeping_twice_finds_nothing_more(press, later):
    for best in ("i-1", "i-2"):
        press.serve(best)
    sweep(press.blobs, "demo", 1, later)

    assert sweep(press.blobs, "demo", 1, later)[:2] == (0, 0)


def test_what_the_pointer_names_stays_however_old(press, later):
    for best in ("i-1", "i-2", "i-3", "i-4"):
        press.serve(best)
    back(press, 1)
    point(press, canary=Canary(generation=2, percent=5, salt="s"))

    sweep(press.blobs, "demo", 1, later)

    assert numbers(press.blobs, "demo", "home") == [1, 2, 4]
    assert stored(press) == needed(press, 1, 2, 4)


def test_refused_candidates_do_not_push_out_what_one_may_go_back_to(press, later):
    press.serve("i-1")
    press.serve("i-2")
    for number in range(3):
        with pytest.raises(PublishRefused):
            press.publish(press.candidate("i-3", end=press.now + number * DAY, decision="rejected", reason="worse"))

    sweep(press.blobs, "demo", 2, later)

    assert numbers(press.blobs, "demo", "home") == [1, 2, 4, 5]
    assert stored(press) == needed(press, 1, 2, 4, 5)


def test_a_refused_run_sweeps_too(press, later):
    for number in range(3):
        with pytest.raises(PublishRefused):
            press.publish(
                press.candidate(end=press.now + number * DAY, decision="rejected", reason="worse"), now=later, keep=1
            )

    assert numbers(press.blobs, "demo", "home") == [3]


def test_blobs_of_another_surface_stay(press, later):
    cart = press.publish(press.candidate("i-1", surface="cart")).manifest
    press.serve("i-1")
    press.serve("i-2")

    sweep(press.blobs, "demo", 1, later)

    assert numbers(press.blobs, "demo", "cart") == [1]
    assert {file.uri for file in files_of(cart)} <= set(stored(press))


def test_what_is_young_stays_for_a_publisher_that_is_not_done(press):
    now = datetime.now(UTC)
    for best in ("i-1", "i-2", "i-3"):
        press.serve(best)
    press.blobs.create(f"{blobs_prefix('demo')}ab/{'ab' * 32}", b"just written")
    before = press.state()

    swept = sweep(press.blobs, "demo", 1, now)

    assert press.state() == before
    assert swept[:2] == (0, 0)


def test_a_blob_that_nobody_needs_goes_once_it_is_old(press, later):
    press.serve("i-1")
    orphan = f"{blobs_prefix('demo')}ab/{'ab' * 32}"
    press.blobs.create(orphan, b"of a publisher that was killed")

    sweep(press.blobs, "demo", 1, later)

    assert press.blobs.size(orphan) is None
    assert stored(press) == needed(press, 1)


def test_while_a_manifest_cannot_be_read_no_blob_goes(press, later):
    press.serve("i-1")
    press.serve("i-2")
    press.blobs.create(manifest_key("demo", "home", 3), b"{")
    before = stored(press)

    swept = sweep(press.blobs, "demo", 1, later)

    assert swept.unreadable == (manifest_key("demo", "home", 3),)
    assert stored(press) == before


def test_another_tenants_things_stay(press, later):
    press.publish(press.candidate("i-1", tenant="other"))
    press.serve("i-1")
    press.serve("i-2")
    before = {key: body for key, body in press.state().items() if "/other/" in key}

    sweep(press.blobs, "demo", 1, later)

    assert {key: body for key, body in press.state().items() if "/other/" in key} == before


def test_nothing_is_swept_without_a_current_generation_to_keep(press, later):
    with pytest.raises(ValueError, match="keep is 0"):
        sweep(press.blobs, "demo", 0, later)


def test_a_publish_after_everything_was_swept_counts_on(press, later):
    for best in ("i-1", "i-2"):
        press.serve(best)
    press.blobs.delete(manifest_key("demo", "home", 2))

    published = press.serve("i-3")

    assert (published.generation, published.manifest.parent) == (3, 2)
    assert [line.to_generation for line in moves(Place(press.blobs, "demo", "home"))] == [1, 2, 3]
    with pytest.raises(BlobMissing):
        read_manifest(press.blobs, "demo", "home", 2)
