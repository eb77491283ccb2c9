"""What holds for every shop and every query.

Four small shops are made by a seeded generator and encoded once, each of them also from its rows in reverse; surfaces
and queries are Hypothesis's.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data_contracts.documents import Diversity, NewItems, Ranking
from recsys_algo.bundle import Bundle, open_encoded
from recsys_algo.diversity import Chosen
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_algo.rank import STRATEGIES, recommend
from recsys_algo.situation import Constraints, Query
from recsys_algo.stages import STAGES, allowed

NOW = datetime(2026, 1, 31, tzinfo=UTC)
DAY = 20_484.0
IDS = [f"i{number:02}" for number in range(40)]
USERS = ["ann", "bob"]
TABLES = {  # name: shape, whose rows they are, the column of owners, the column of items
    "popularity": ("item_scores", ["", "vip", "category:x"], "segment", "item_id"),
    "cooccurrence": ("item_neighbors", IDS, "item_id", "neighbor_id"),
    "lists": ("user_items", USERS, "user_id", "item_id"),
    "history": ("user_items", USERS, "user_id", "item_id"),
    "seen.purchase": ("user_items", USERS, "user_id", "item_id"),
}


def catalog(rng):
    """Columns in which everything may be missing."""
    return {
        "item_id": IDS,
        "parent_id": rng.choice([None, None, "p", "q", "i03"], len(IDS)).tolist(),
        "brand": rng.choice([None, "A", "B", "C"], len(IDS)).tolist(),
        "category": rng.choice([None, "x", "y"], len(IDS)).tolist(),
        "available": (rng.random(len(IDS)) < 0.8).tolist(),
        "tags": [[tag for tag in ("red", "blue") if rng.random() < 0.5] for _ in IDS],
        "created_at": [NOW - timedelta(days=int(rng.integers(0, 30))) if rng.random() < 0.5 else None for _ in IDS],
    }


def table(rng, owners, name):
    """Distinct pairs with scores of which many are equal."""
    pairs = sorted({(str(rng.choice(owners)), str(rng.choice(IDS))) for _ in range(80)})
    scores = DAY - rng.integers(0, 60, len(pairs)) if name.startswith("seen") else rng.integers(0, 4, len(pairs)) / 2
    return [*zip(pairs, scores.tolist(), strict=True)]


def vectors(rng):
    """Every item has one but the last; so has one user."""
    entities = [("item", id) for id in IDS[:-1]] + [("user", "ann")]
    return [(entity, id, rng.normal(size=4).tolist()) for entity, id in entities]


def opened(seed, folder, step):
    rng = np.random.default_rng(seed)
    encoded = [encode_catalog({key: values[::step] for key, values in catalog(rng).items()}, folder)]
    items = load_items(folder)
    for name, (shape, owners, owner, item) in TABLES.items():
        rows = table(rng, owners, name)[::step]
        columns = {owner: [a for (a, _), _ in rows], item: [b for (_, b), _ in rows], "score": [s for _, s in rows]}
        encoded.append(encode_table(name, name, shape, columns, items, folder))
    rows = vectors(rng)[::step]
    columns = {"entity": [a for a, _, _ in rows], "id": [b for _, b, _ in rows], "vector": [c for _, _, c in rows]}
    encoded.append(encode_table("als", "als", "vectors", columns, items, folder))
    return open_encoded("demo", "home", encoded, Ranking(), NOW)


class Twins(NamedTuple):
    """The same shop from the same rows, in one order and in the reverse."""

    forwards: Bundle
    backwards: Bundle


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return [Twins(*(opened(seed, tmp_path_factory.mktemp("shop"), step) for step in (1, -1))) for seed in range(4)]


some_ids = st.lists(st.sampled_from([*IDS, "unheard"]), unique=True, max_size=8).map(tuple)
weight = st.sampled_from([0.0, 0.5, 1.0, 3.0])
rankings = st.builds(
    Ranking,
    weights=st.dictionaries(st.sampled_from(["popularity", "cooccurrence", "lists", "als"]), weight),
    blocked_items=some_ids,
    editorial=some_ids,
    max_per_brand=st.sampled_from([None, None, 1, 3]),
    max_per_category=st.sampled_from([None, None, 2]),
    dedupe_parent=st.booleans(),
    diversity=st.builds(Diversity, mmr_lambda=st.sampled_from([1.0, 1.0, 0.6, 0.0])),
    new_items=st.none() | st.builds(NewItems, share=st.sampled_from([0.1, 0.3, 0.5, 1.0]), days=st.just(14)),
)
queries = st.builds(
    Query,
    k=st.integers(1, 40),
    now=st.just(NOW),
    user_id=st.sampled_from([None, "ann", "bob", "new"]),
    segment=st.sampled_from(["default", "vip"]),
    strategy=st.sampled_from([None, None, *STRATEGIES]),
    anchors=some_ids | st.just(()),
    include_ids=some_ids | st.just(()),
    include_mode=st.sampled_from(["restrict", "inject"]),
    exclude_ids=some_ids | st.just(()),
    constraints=st.builds(
        Constraints, include_tags_any=st.sampled_from([(), ("red",)]), max_per_tag=st.sampled_from([{}, {"blue": 2}])
    ),
    min_brands=st.sampled_from([None, 2]),
)
which = st.integers(0, 3)
every_case = settings(max_examples=100, deadline=None)


def ranked_as(bundle, ranking):
    return replace(bundle, ranking=ranking, blocked=bundle.catalog.mask_of_ids(ranking.blocked_items))


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_a_stage_returns_a_part_of_its_slate_and_invents_nothing(shops, which, ranking, query):
    steps = recommend(ranked_as(shops[which].forwards, ranking), query).trace.steps

    assert [name for name, _ in steps if name != "reserve_new"] == ["candidates", *(stage.__name__ for stage in STAGES)]
    for (_, before), (_, after) in pairwise(steps):
        scores = dict(zip(before.items.tolist(), before.scores.tolist(), strict=True))
        assert len(set(after.items.tolist())) == len(after.items)
        assert [scores[item] for item in after.items.tolist()] == after.scores.tolist()


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_an_answer_keeps_every_promise(shops, which, ranking, query):
    bundle = ranked_as(shops[which].forwards, ranking)
    answer = recommend(bundle, query)
    chosen = [item.item_id for item in answer.items]
    facts = [bundle.catalog.describe(item.index) for item in answer.items]

    assert len(chosen) == len(set(chosen)) <= query.k
    assert [item.rank for item in answer.items] == list(range(1, len(chosen) + 1))
    assert not set(chosen) & {*ranking.blocked_items, *query.exclude_ids, *query.anchors}
    assert all(fact["available"] for fact in facts)
    assert all("red" in fact["tags"] for fact in facts if query.constraints.include_tags_any)
    assert not query.constraints.max_per_tag or sum("blue" in fact["tags"] for fact in facts) <= 2
    if query.include_ids and query.include_mode == "restrict":
        assert set(chosen) <= set(query.include_ids)


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_an_answer_keeps_its_caps(shops, which, ranking, query):
    bundle = ranked_as(shops[which].forwards, ranking)
    facts = [bundle.catalog.describe(item.index) for item in recommend(bundle, query).items]

    for column, cap in (("brand", ranking.max_per_brand), ("category", ranking.max_per_category)):
        words = [fact[column] for fact in facts if fact[column]]
        assert cap is None or all(words.count(word) <= cap for word in words)
    parents = [fact["parent_id"] or fact["item_id"] for fact in facts]
    assert not ranking.dedupe_parent or len(parents) == len(set(parents))


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_the_order_of_the_rows_does_not_change_the_answer(shops, which, ranking, query):
    forwards, backwards = (recommend(ranked_as(bundle, ranking), query) for bundle in shops[which])

    assert forwards == backwards


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_every_returned_item_has_a_reason_and_a_source_that_proposed_it(shops, which, ranking, query):
    for item in recommend(ranked_as(shops[which].forwards, ranking), query).items:
        assert item.reasons
        assert item.source in item.signals
        assert item.signals[item.source] == max(item.signals.values())


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_an_item_scores_what_its_signals_add_up_to(shops, which, ranking, query):
    for item in recommend(ranked_as(shops[which].forwards, ranking), query).items:
        assert item.score < 0 or item.score == pytest.approx(sum(item.signals.values()), abs=1e-9)


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_only_a_list_that_nothing_can_fill_is_short(shops, which, ranking, query):
    bundle = ranked_as(shops[which].forwards, ranking)
    answer = recommend(bundle, query)

    short = len(answer.items) < query.k

    assert short == any(warning.code == "SHORT_LIST" for warning in answer.warnings)
    if short:
        assert len(recommend(bundle, replace(query, k=40)).items) == len(answer.items)


@every_case
@given(which=which, ranking=rankings, query=queries)
def test_relevance_alone_leaves_the_order_as_it_is(shops, which, ranking, query):
    """The loop that compares items, which a wish for brands leads into, then has nothing to add."""
    bundle = ranked_as(shops[which].forwards, ranking)
    plain = recommend(bundle, replace(query, mmr_lambda=1.0, min_brands=None))
    brands = {bundle.catalog.describe(item.index)["brand"] for item in plain.items} - {None}
    assume(len(brands) >= 2)

    compared = recommend(bundle, replace(query, mmr_lambda=1.0, min_brands=2))

    assert compared.items == plain.items


@every_case
@given(which=which, ranking=rankings, query=queries, share=st.sampled_from([0.1, 0.3, 0.5, 1.0]))
def test_new_items_have_their_share_as_long_as_there_are_any(shops, which, ranking, query, share):
    """Wherever the share falls behind, every new item that does not stand before is kept out by a filter or a cap."""
    kept = msgspec.structs.replace(ranking, new_items=NewItems(share=share, days=14))
    bundle = ranked_as(shops[which].forwards, kept)
    answer = recommend(bundle, replace(query, strategy=None))
    indices = [item.index for item in answer.items]
    is_new = bundle.catalog.created_at >= int((NOW - timedelta(days=14)).timestamp() * 1e6)
    let_in, filtered = Chosen(answer.trace.situation), allowed(answer.trace.situation)
    for place, index in enumerate(indices):
        let_in.take(place, index)
    waiting = {
        i for i in np.flatnonzero(is_new if filtered is None else is_new & filtered).tolist() if let_in.admits(i)
    }

    for count in range(1, len(indices) + 1):
        behind = int(is_new[indices[:count]].sum()) < int(count * share + 1e-9)
        assert not behind or not (waiting - set(indices)) | {i for i in indices[count:] if is_new[i]}
