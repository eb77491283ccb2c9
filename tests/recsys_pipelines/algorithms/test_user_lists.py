from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.ials import Ials
from recsys_pipelines.algorithms.user_lists import UserLists

NOW = datetime(2026, 1, 29, tzinfo=UTC)
USERS, ITEMS = 40, 25


def data(seed=1):
    """A random matrix as training data."""
    had = np.random.default_rng(seed).random((USERS, ITEMS)) < 0.25
    interactions = pl.DataFrame(
        [(f"u{u:03d}", f"i{i:03d}", 1.0, NOW, 1) for u, i in np.argwhere(had)],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    return TrainingData(interactions, pl.DataFrame({"item_id": [f"i{i:03d}" for i in range(ITEMS)]}), now=NOW)


def ranked(model, world, user, without):
    """What the model's own table says of a user: ids by dot product, then id, but those to leave out."""
    rows = {(entity, id): np.array(vector) for entity, id, vector in model.fit(world).iter_rows()}
    scores = {id: float(vector @ rows["user", user]) for (entity, id), vector in rows.items() if entity == "item"}
    return sorted(scores.keys() - without, key=lambda id: (-scores[id], id))


@pytest.mark.parametrize("model", [Als(factors=4), Ials(factors=4)], ids=["als", "ials"])
def test_a_list_is_what_the_model_would_rank_first_of_what_is_new(model):
    world = data()

    table = UserLists(of=model, limit=6).fit(world)

    for user in ("u000", "u007", "u039"):
        had = set(world.interactions.filter(user_id=user)["item_id"])
        assert table.filter(user_id=user)["item_id"].to_list() == ranked(model, world, user, had)[:6]


def test_what_a_user_had_is_listed_if_wanted():
    world = data()

    table = UserLists(of=Als(factors=4), limit=ITEMS, seen=True).fit(world)

    assert table.group_by("user_id").len()["len"].unique().to_list() == [ITEMS]
    assert table.filter(user_id="u003")["item_id"].to_list() == ranked(Als(factors=4), world, "u003", set())


def test_a_list_ends_where_there_is_nothing_new():
    world = data()

    table = UserLists(of=Als(factors=4), limit=ITEMS).fit(world)

    had = world.interactions.group_by("user_id").len("had")
    lengths = table.group_by("user_id").len("listed").join(had, on="user_id")
    assert (lengths["had"] + lengths["listed"]).unique().to_list() == [ITEMS]


@pytest.mark.parametrize("seen", [False, True])
def test_the_scores_are_those_that_a_list_as_long_as_the_catalog_would_have(seen):
    world = data()
    whole = UserLists(of=Als(factors=4), limit=ITEMS, seen=seen).fit(world)

    full = UserLists(of=Als(factors=4), limit=1, seen=seen).scores(world)

    scores = {(user, item): score for user, item, score in whole.iter_rows()}
    assert full.block(3, 9) == pytest.approx(
        np.array([[scores.get((user, item), -np.inf) for item in full.items] for user in full.users[3:9]]), rel=1e-5
    )


def test_without_interactions_there_are_no_scores():
    nothing = TrainingData(data().interactions.clear(), data().catalog, now=NOW)

    assert UserLists().scores(nothing).block(0, 0).shape == (0, 0)


def test_the_model_is_named_in_the_settings():
    settings = msgspec.convert({"of": {"algorithm": "ials", "factors": 3}, "limit": 7}, UserLists)

    assert settings == UserLists(of=Ials(factors=3), limit=7)


@pytest.mark.parametrize(
    ("of", "complaint"),
    [
        pytest.param({"algorithm": "ease"}, "Invalid value 'ease' - at `\\$.of.algorithm`", id="no factor model"),
        pytest.param({"algorithm": "als", "factor": 3}, "unknown field `factor`", id="a misspelt setting of it"),
    ],
)
def test_a_wrong_model_is_refused(of, complaint):
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert({"of": of}, UserLists)
