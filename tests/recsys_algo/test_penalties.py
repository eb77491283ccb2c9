"""Items that turned out badly count for less, where a surface says so."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents import Ranking
from recsys_algo.arrays import mapped
from recsys_algo.encode import encode_penalties
from recsys_algo.errors import BadArtifact
from recsys_algo.penalties import Penalties, penalty_arrays
from recsys_algo.rank import recommend, similar
from recsys_algo.ranker import ranker_arrays
from recsys_algo.slate import Slate
from recsys_algo.stages import STAGES
from recsys_algo.stringmap import StringMap
from recsys_algo.trace import summary, why_not

IDS = ["a", "b", "c", "d"]
POPULAR = [("", "a", 4.0), ("", "b", 3.0), ("", "c", 2.0), ("", "d", 1.0)]
RATES = {"returns": {"a": 0.5, "b": 0.25}, "unavailable_clicks": {"a": 0.5}}


@pytest.fixture
def penalized(shop):
    """``penalized({"returns": 0.5}, ...)``: four items, the most popular of which came back most, and these weights."""

    def opened(weights, rates=RATES, items=IDS, **more):
        ranking = {"penalties": weights, "weights": {"popularity": 1.0}} | more.pop("ranking", {})
        return shop(items, ranking=ranking, penalties=rates, popularity=POPULAR, **more)

    return opened


def scores(answer):
    return {item.item_id: item.score for item in answer.items}


def test_a_score_is_multiplied_by_one_minus_weight_times_rate(penalized, ask):
    found = scores(recommend(penalized({"returns": 0.5}), ask()))

    # Ranks are worth 5 / 5, 5 / 6, 5 / 7, 5 / 8.
    assert found["a"] == 1 * (1 - 0.5 * 0.5)
    assert found["b"] == pytest.approx(5 / 6 * (1 - 0.5 * 0.25), abs=1e-6)
    assert found["c"] == pytest.approx(5 / 7, abs=1e-6)
    assert found["d"] == pytest.approx(5 / 8, abs=1e-6)


def test_the_order_follows_from_the_lower_scores(penalized, ask, ids):
    assert ids(recommend(penalized({"returns": 0.0}), ask())) == ["a", "b", "c", "d"]
    assert ids(recommend(penalized({"returns": 0.5}), ask())) == ["a", "b", "c", "d"]
    assert ids(recommend(penalized({"returns": 1.0}), ask())) == ["c", "b", "d", "a"]  # b and d tie at 5 / 8


def test_two_kinds_take_one_after_the_other(penalized, ask):
    both = recommend(penalized({"returns": 1.0, "unavailable_clicks": 0.5}), ask(k=4)).items[-1]

    assert both.item_id == "a"
    assert both.score == 1 * (1 - 0.5) * (1 - 0.25)
    assert both.signals == {
        "popularity": 1.0,
        "penalties.unavailable_clicks": -0.125,
        "penalties.returns": -0.5,
    }
    assert sum(both.signals.values()) == both.score
    assert both.reasons == ("recent_popularity",)


def test_an_item_that_lost_nothing_has_no_such_signal(penalized, ask):
    best = recommend(penalized({"returns": 1.0}), ask()).items[0]

    assert (best.item_id, list(best.signals)) == ("c", ["popularity"])


def test_equal_scores_go_by_item_id(penalized, ask, ids):
    rates = {"returns": {"b": 0.25, "a": 0.375}}  # 5 / 6 x 3 / 4 = 5 / 8, as d and a are

    assert ids(recommend(penalized({"returns": 1.0}, rates), ask())) == ["c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("weights", "rates"),
    [
        pytest.param(None, RATES, id="the surface asks for none"),
        pytest.param({"returns": 0.0}, RATES, id="they weigh nothing"),
        pytest.param({"returns": 0.5}, None, id="a release from before there were any"),
        pytest.param({"returns": 0.5}, {"unavailable_clicks": {"a": 1.0}}, id="only others were published"),
    ],
)
def test_without_weight_or_rates_nothing_is_another(penalized, shop, ask, weights, rates):
    plain = recommend(shop(IDS, popularity=POPULAR), ask())

    answer = recommend(penalized(weights, rates), ask())

    assert answer == plain
    assert [name for name, _ in answer.trace.steps] == ["candidates", *(stage.__name__ for stage in STAGES)]


def test_similar_items_and_what_goes_with_a_basket_are_penalized_too(penalized, ask, ids):
    pairs = [("d", "a", 2.0), ("d", "c", 1.0)]
    bundle = penalized({"returns": 1.0}, cooccurrence=pairs, ranking={"weights": {"cooccurrence": 1.0}})

    assert ids(similar(bundle, ["d"], ask(k=2))) == ["c", "a"]
    assert ids(recommend(bundle, ask(k=2, anchors=("d",), strategy="also_bought"))) == ["c", "a"]
    assert ids(recommend(bundle, ask(k=2, anchors=("d",)))) == ["c", "a"]


def test_what_no_source_proposed_keeps_its_place_behind_the_rest(penalized, ask, ids):
    rates, lists = {"returns": {"a": 1.0, "b": 1.0}}, [("ann", "a", 1.0)]
    bundle = penalized({"returns": 1.0}, rates, lists=lists, ranking={"weights": {"lists": 1.0}})

    answer = recommend(bundle, ask(k=3, user_id="ann"))

    # b comes before c on the ladder, and a is not behind it, though nothing is left of its score.
    assert ids(answer) == ["a", "b", "c"]
    assert scores(answer)["a"] == 0
    assert answer.items[1].signals == {"tenant_popularity": 0.0}


def test_a_second_stage_is_penalized_in_its_own_order(shop, ask, ids):
    items = [{"item_id": id, "price_minor": 100 * place} for place, id in enumerate(IDS)]
    node = {"tree": 0, "feature": None, "threshold": None, "missing_left": None, "left": None, "right": None}
    leaves = [{**node, "node": 1, "value": 0.0}, {**node, "node": 2, "value": 1.0}]
    split = {"feature": "price_minor", "threshold": 250.0, "missing_left": True, "left": 1, "right": 2, "value": None}
    rows = [{"tree": 0, "node": 0, **split}, *leaves]
    dear_first = ranker_arrays(["popularity"], {name: [row[name] for row in rows] for name in rows[0]})
    ranking = {"penalties": {"returns": 1.0}, "weights": {"popularity": 1.0}}
    bundle = shop(
        items, ranking=ranking, second_stage=dear_first, penalties={"returns": {"d": 0.5}}, popularity=POPULAR
    )

    answer = recommend(bundle, ask())

    # The trees put d first, where it is worth 1; half of that is left, and the others have moved down by one.
    assert [(item.item_id, item.score) for item in answer.items] == [
        ("a", 0.833333),
        ("b", 0.714286),
        ("c", 0.625),
        ("d", 0.5),
    ]
    assert answer.items[3].signals == {
        "popularity": 0.625,
        "second_stage": 0.375,
        "penalties.returns": -0.5,
    }


def test_diversity_is_no_reason_for_what_a_penalty_moved_up(penalized, ask):
    answer = recommend(penalized({"returns": 1.0}), ask(k=2, mmr_lambda=0.99))

    assert [(item.item_id, item.reasons) for item in answer.items] == [
        ("c", ("recent_popularity",)),
        ("b", ("recent_popularity",)),
    ]


def test_the_trace_has_it_as_a_step_and_says_what_an_item_lost(penalized, ask):
    bundle = penalized({"returns": 1.0})
    answer = recommend(bundle, ask(k=2))

    assert [stage["name"] for stage in summary(answer)["stages"]][-3:] == ["penalize", "select", "cut"]
    lost, kept = (why_not(answer, bundle, id) for id in ("a", "d"))
    assert (lost.verdict, lost.stage, lost.score, lost.cutoff_score) == ("below_k", "select", 0.5, 0.625)
    assert lost.detail == "2 items are better; penalties.returns took 0.500000 of its score"
    assert kept.detail == "2 items are better"


def test_rates_of_items_that_left_the_catalog_are_left_out(tmp_path):
    encoded = encode_penalties({"returns": {"b": 0.5, "gone": 1.0}}, StringMap.build(IDS), tmp_path)

    (file,) = encoded.files
    assert (encoded.rows, file.name) == (1, "penalties.returns.npy")
    assert mapped("penalties", [(file.name, file)])["returns"].tolist() == [0.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_share_is_refused(tmp_path, rate):
    with pytest.raises(ValueError, match=rf"the rate of returns of item 1 is {rate}, not 0 to 1"):
        encode_penalties({"returns": {"b": rate}}, StringMap.build(IDS), tmp_path)


@pytest.mark.parametrize("rates", [[0.5], [0.0, 0.0, 0.0, 2.0], [0.0, float("nan"), 0.0, 0.0]])
def test_rates_that_do_not_fit_the_catalog_are_no_artifact(rates):
    with pytest.raises(BadArtifact, match="rates of returns are not 4 numbers from 0 to 1"):
        Penalties.of({"returns": np.array(rates, np.float32)}, {"returns": 1.0}, 4)


@pytest.mark.parametrize("weights", [{"returns": 1.5}, {"returns": -0.1}, {"refunds": 0.5}, {"returns": "much"}])
def test_a_weight_that_is_no_share_or_of_an_unknown_kind_is_refused(weights):
    with pytest.raises(msgspec.ValidationError, match=r"\$\.penalties"):
        msgspec.convert({"penalties": weights}, Ranking)


share = st.floats(0, 1, width=32)


@given(
    rates=st.lists(st.tuples(share, share), min_size=8, max_size=8),
    weights=st.tuples(share, share),
    millionths=st.lists(st.integers(0, 1_000_000), min_size=6, max_size=6),
)
def test_scores_only_fall_and_what_is_taken_adds_up(rates, weights, millionths):
    kinds = ("returns", "unavailable_clicks")
    arrays = penalty_arrays(
        {kind: dict(enumerate(of)) for kind, of in zip(kinds, zip(*rates, strict=True), strict=True)}, 8
    )
    penalties = Penalties.of(arrays, dict(zip(kinds, weights, strict=True)), 8)
    before = Slate(np.arange(8), np.array([*sorted(millionths, reverse=True), -1, -2]) / 1_000_000)
    after = penalties.lowered(before) if penalties else before

    old, new = (dict(zip(*(column.tolist() for column in slate), strict=True)) for slate in (before, after))
    assert new.keys() == old.keys()
    assert all(0 <= new[item] <= old[item] for item in range(6))
    assert [(item, new[item]) for item in after.items[6:].tolist()] == [(6, -1e-6), (7, -2e-6)]
    assert after.items[:6].tolist() == sorted(range(6), key=lambda item: (-new[item], item))
    taken = {item: penalties.taken(item, score) if penalties else {} for item, score in old.items()}
    assert all(old[item] + sum(taken[item].values()) == pytest.approx(new[item], abs=1e-12) for item in old)
