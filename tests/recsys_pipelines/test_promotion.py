"""Back to what was served before, forward to what the gate let through, and what a generation came from."""

from datetime import timedelta

import pytest

from data_contracts.generations import pointed
from recsys_pipelines.lineage import holding, trails
from recsys_pipelines.pointers import Place, moves
from recsys_pipelines.publish import PublishRefused
from recsys_pipelines.releases import NoSuchRelease, demote, promote, rollback

DAY = timedelta(days=1)


def circumstances(press, reason="conversion fell"):
    return {"now": press.now + DAY, "by": "ana", "reason": reason}


def current(press):
    return pointed(press.blobs, "demo", "home").pointer.generation


def test_demoting_serves_the_next_older_generation_and_again_the_one_before_that(press):
    for item in ("i-1", "i-2", "i-3"):
        press.serve(item)

    first = demote(press.blobs, "demo", "home", **circumstances(press))
    second = demote(press.blobs, "demo", "home", **(circumstances(press) | {"now": press.now + 2 * DAY}))

    assert (first.from_generation, first.to_generation, first.action) == (3, 2, "rollback")
    assert second.to_generation == 1
    assert current(press) == 1


def test_the_first_generation_has_nothing_older(press):
    press.serve("i-1")

    with pytest.raises(NoSuchRelease, match="older than generation 1"):
        demote(press.blobs, "demo", "home", **circumstances(press))

    assert current(press) == 1


def test_promoting_brings_the_newest_good_generation_forward_after_a_rollback(press):
    press.serve("i-1")
    press.serve("i-2")
    with pytest.raises(PublishRefused):
        press.publish(press.candidate("i-3", decision="rejected", reason="worse"))
    rollback(press.blobs, "demo", "home", 1, **circumstances(press))

    moved = promote(press.blobs, "demo", "home", None, **(circumstances(press) | {"now": press.now + 2 * DAY}))

    assert (moved.from_generation, moved.to_generation) == (1, 2)
    assert [move.reason for move in moves(Place(press.blobs, "demo", "home"))][-2:] == ["conversion fell"] * 2


def test_what_the_gate_stopped_is_not_promoted_by_hand(press):
    press.serve("i-1")
    with pytest.raises(PublishRefused):
        press.publish(press.candidate("i-2", decision="rejected", reason="worse"))

    with pytest.raises(NoSuchRelease, match="the gate did not let it through; one can promote 1"):
        promote(press.blobs, "demo", "home", 2, **circumstances(press))

    assert current(press) == 1


def test_any_identity_of_a_release_leads_to_all_of_its_others(press):
    press.serve("i-1")
    press.serve("i-2")

    found = trails(press.blobs, "demo")
    of_one = holding(found, found[0].lineage.data_fingerprint)

    assert [(each.generation, each.current, each.parent) for each in found] == [(2, True, 1), (1, False, None)]
    assert found[0] in of_one
    assert holding(found, "nothing of that name") == []
    assert trails(press.blobs, "other") == []
