from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from recsys_pipelines.synthetic import Shop, shop
from recsys_pipelines.synthetic_world import NEW, ORDINARY, SELLS_OUT, TRENDING, Size, World, plant

LAST_WEEK = datetime(2026, 1, 22, tzinfo=UTC)
WEIGHTS = {"view": 0.05, "click": 0.2, "add": 0.7, "purchase": 1.0}
Matrix = NDArray[np.float64]


@pytest.fixture(scope="module")
def demo() -> Shop:
    return shop(seed=7)


@pytest.fixture(scope="module")
def world() -> World:
    return plant(Size(seed=7))


def item_ids(world: World) -> list[str]:
    return [f"i{number:03d}" for number in world.stock.number]


def of_kind(world: World, kind: int) -> set[str]:
    return {item for item, is_kind in zip(item_ids(world), world.stock.kind == kind, strict=True) if is_kind}


def test_a_shop_has_exactly_the_rows_that_were_asked_for():
    small = shop(seed=1, users=50, items=60, events=1_234, days=9)

    assert (small.items.height, small.users.height, small.events.height) == (60, 50, 1_234)
    assert small.events["event_id"].n_unique() == 1_234


def test_the_same_seed_gives_the_same_shop_and_another_seed_another_one():
    first, again, other = (shop(seed=seed, events=500) for seed in (3, 3, 4))

    assert all(one.equals(two) for one, two in zip(first, again, strict=True))
    assert not first.events.equals(other.events)
    assert not first.items.equals(other.items)


def test_a_shop_too_small_for_its_structure_is_refused():
    with pytest.raises(ValueError, match="needs items >= 48, not 20"):
        shop(items=20)


def test_events_are_in_the_order_of_time_within_the_window(demo):
    times = demo.events["ts"]

    assert times.is_sorted()
    assert times[0] >= datetime(2026, 1, 1, tzinfo=UTC)
    assert times[-1] < datetime(2026, 1, 29, tzinfo=UTC)


def test_another_start_moves_the_window():
    later = shop(seed=1, events=500, start=date(2026, 6, 1))

    assert later.events["ts"].dt.date().unique().sort().to_list() == [
        date(2026, 6, 1) + timedelta(days=day) for day in range(28)
    ]


def test_every_event_is_on_an_item_of_the_catalog_by_a_known_user_or_a_cookie(demo):
    events = demo.events

    assert set(events["item_id"]) <= set(demo.items["item_id"])
    assert set(events["user_id"].drop_nulls()) <= set(demo.users["user_id"])
    assert events.filter(pl.col("user_id").is_null() & pl.col("anonymous_id").is_null()).is_empty()


def test_people_look_mostly_at_one_or_two_categories(demo):
    looked = demo.events.filter(pl.col("user_id").is_not_null()).join(demo.items, on="item_id")
    per_category = looked.group_by("user_id", "category").len().sort("len", "category", descending=[True, False])
    shares = per_category.group_by("user_id").agg(
        total=pl.col("len").sum(), top=pl.col("len").head(2).sum() / pl.col("len").sum()
    )

    assert shares.filter(pl.col("total") >= 20)["top"].mean() > 0.8


def test_complements_are_bought_together_far_more_often_than_chance(demo, world):
    names = item_ids(world)
    partners = [(names[i], names[p]) for i, p in enumerate(world.stock.complement) if p >= 0]
    baskets = demo.events.filter(pl.col("type") == "purchase").group_by("session_id").agg("item_id")["item_id"]
    bought = Counter(item for basket in baskets for item in set(basket))
    together = Counter(pair for basket in baskets for pair in combinations(sorted(set(basket)), 2))

    observed = sum(together[tuple(sorted(pair))] for pair in partners)
    by_chance = sum(bought[one] * bought[two] / len(baskets) for one, two in partners)

    assert len(partners) >= 30
    assert observed > 10 * by_chance


def test_a_partner_is_of_another_category(world):
    has = np.flatnonzero(world.stock.complement >= 0)

    assert (world.stock.cluster[has] != world.stock.cluster[world.stock.complement[has]]).all()
    assert (world.stock.kind[has] == ORDINARY).all()


def test_trending_items_rise_in_the_last_week(demo, world):
    trending = demo.events.with_columns(
        rising=pl.col("item_id").is_in(of_kind(world, TRENDING)), late=pl.col("ts") >= LAST_WEEK
    )
    share = dict(trending.group_by("late").agg(pl.col("rising").mean()).iter_rows())

    assert share[True] > 4 * share[False] > 0


def test_what_is_sold_out_is_unavailable_and_has_events_only_before(demo, world):
    gone = of_kind(world, SELLS_OUT)
    until = dict(zip(item_ids(world), world.stock.sold_out_from.tolist(), strict=True))
    days = (demo.events["ts"].dt.date() - date(2026, 1, 1)).dt.total_days().to_list()
    late = [item for item, day in zip(demo.events["item_id"], days, strict=True) if day >= until[item]]

    assert set(demo.items.filter(~pl.col("available"))["item_id"]) == gone
    assert gone & set(demo.events["item_id"])
    assert late == []


def test_new_items_have_no_events_and_came_in_the_last_three_days(demo, world):
    new = demo.items.filter(pl.col("created_at") >= datetime(2026, 1, 26, tzinfo=UTC))

    assert set(new["item_id"]) == of_kind(world, NEW)
    assert new.height >= 5
    assert not set(new["item_id"]) & set(demo.events["item_id"])


def test_variants_of_a_product_differ_in_color_only(demo):
    families = (
        demo.items.filter(pl.col("parent_id").is_not_null())
        .group_by("parent_id")
        .agg(pl.len(), pl.col("brand", "category", "price_minor", "title").n_unique())
    )

    assert families.height >= 10
    assert families["len"].is_between(2, 3).all()
    assert families.select((pl.col("brand", "category", "price_minor") == 1).all()).row(0) == (True, True, True)
    assert (families["title"] == families["len"]).all()


def test_every_category_has_several_brands_and_no_brand_has_two_categories(demo):
    brands = demo.items.group_by("category").agg(pl.col("brand").n_unique())

    assert brands["brand"].min() >= 3
    assert demo.items.group_by("brand").agg(pl.col("category").n_unique())["category"].max() == 1


def test_visitors_who_log_in_have_a_cookie_first_then_both_ids_then_the_user_id_only(demo):
    both = demo.events.filter(pl.col("user_id").is_not_null() & pl.col("anonymous_id").is_not_null())
    person = dict(both.select("anonymous_id", "user_id").iter_rows())
    phases = dict.fromkeys(person.values(), "")
    for user, cookie in demo.events.select("user_id", "anonymous_id").iter_rows():
        name = user or person.get(cookie)
        if name in phases:
            phases[name] += "b" if user and cookie else "u" if user else "a"

    assert both["anonymous_id"].n_unique() == both["user_id"].n_unique() == len(person)
    assert all("".join(sorted(seen)) == seen for seen in phases.values())  # a, then b, then u: never back
    assert sum(set(seen) == {"a", "b", "u"} for seen in phases.values()) >= 10


def test_some_visitors_never_log_in(demo):
    known = set(demo.events.filter(pl.col("user_id").is_not_null())["anonymous_id"].drop_nulls())
    strangers = set(demo.events.filter(pl.col("user_id").is_null())["anonymous_id"]) - known

    assert len(strangers) >= 50


def test_weekends_are_busier(demo):
    per_weekday = dict(demo.events.group_by(pl.col("ts").dt.weekday()).len().iter_rows())

    assert min(per_weekday[6], per_weekday[7]) > 1.2 * max(per_weekday[day] for day in (1, 2, 3, 4))


def test_the_funnel_narrows_and_nothing_is_bought_without_having_been_added(demo):
    counts = [demo.events.filter(pl.col("type") == step).height for step in ("view", "click", "add", "purchase")]
    steps = demo.events.group_by("session_id", "item_id").agg("type")

    assert counts == sorted(counts, reverse=True)
    assert counts[3] > 500
    assert steps.filter(pl.col("type").list.contains("purchase") & ~pl.col("type").list.contains("add")).is_empty()


def test_only_purchases_have_a_quantity(demo):
    pieces = demo.events.filter(pl.col("value").is_not_null())

    assert pieces["type"].unique().to_list() == ["purchase"]
    assert set(pieces["value"]) == {1.0, 2.0, 3.0}


def test_a_recommendation_that_was_clicked_has_one_rank_and_one_item(demo):
    led = demo.events.filter(pl.col("request_id").is_not_null())
    of_request = led.group_by("request_id").agg(pl.col("rank", "item_id", "surface").n_unique(), "type")

    assert 0.1 < led.height / demo.events.height < 0.4
    assert led["rank"].is_between(1, 10).all()
    assert of_request.select(pl.col("rank", "item_id", "surface").max()).row(0) == (1, 1, 1)
    assert of_request["type"].list.contains("click").all()


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_neighbours_and_factors_beat_popularity_by_far_on_the_last_week(seed):
    past, future = weighted(shop(seed=seed))

    popularity = ndcg(np.tile(past.sum(0), (len(past), 1)), past, future)
    neighbours = ndcg(past @ cosine(past > 0), past, future)
    factors = ndcg(als(past), past, future)

    assert 0.02 < popularity < 0.15
    assert neighbours > 1.8 * popularity
    assert factors > 1.8 * popularity
    assert max(neighbours, factors) < 0.5  # not trivial either


def weighted(planted: Shop) -> tuple[Matrix, Matrix]:
    """User-item weights before the last week, and events in it; cookies that logged in count for their user."""
    both = pl.col("user_id").is_not_null() & pl.col("anonymous_id").is_not_null()
    owner = planted.events.filter(both).select("anonymous_id", owner="user_id").unique()
    known = (
        planted.events.join(owner, on="anonymous_id", how="left")
        .with_columns(person=pl.coalesce("user_id", "owner"), weight=pl.col("type").replace_strict(WEIGHTS))
        .filter(pl.col("person").is_not_null())
    )
    row = {person: index for index, person in enumerate(known["person"].unique().sort())}
    column = {item: index for index, item in enumerate(planted.items["item_id"])}
    past, future = np.zeros((2, len(row), len(column)))
    for person, item, weight, ts in known.select("person", "item_id", "weight", "ts").iter_rows():
        (past if ts < LAST_WEEK else future)[row[person], column[item]] += weight
    return past, future


def cosine(had: NDArray[np.bool_]) -> Matrix:
    together = had.T.astype(float) @ had
    each = np.diag(together)
    similar = together / (np.sqrt(np.outer(each, each)) + 5)
    np.fill_diagonal(similar, 0)
    return similar


def als(weights: Matrix, factors: int = 12, rounds: int = 6) -> Matrix:
    """Implicit alternating least squares (Hu, Koren & Volinsky, 2008), dense."""
    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(count, factors)) * 0.1 for count in weights.shape)
    confidence, liked = 1 + 20 * weights, (weights > 0).astype(float)
    for _ in range(rounds):
        users = solved(items, confidence, liked)
        items = solved(users, confidence.T, liked.T)
    return users @ items.T


def solved(fixed: Matrix, confidence: Matrix, liked: Matrix) -> Matrix:
    """For each row the factors that explain it best, given those of the other side."""
    pairs = (fixed[:, :, None] * fixed[:, None, :]).reshape(len(fixed), -1)
    shape = (len(confidence), fixed.shape[1], fixed.shape[1])
    gram = (confidence @ pairs).reshape(shape) + 5 * np.eye(fixed.shape[1])
    return np.linalg.solve(gram, ((confidence * liked) @ fixed)[:, :, None])[:, :, 0]


def ndcg(scores: Matrix, past: Matrix, future: Matrix, k: int = 10) -> float:
    """Mean NDCG over the users with both a past and a future."""
    there = np.flatnonzero((past.sum(1) > 0) & (future.sum(1) > 0))
    discount = 1 / np.log2(np.arange(2, k + 2))
    top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(future > 0, top, axis=1) @ discount
    ideal = np.array([discount[: min(k, count)].sum() for count in (future > 0).sum(1)[there]])
    return float((hits[there] / ideal).mean())
