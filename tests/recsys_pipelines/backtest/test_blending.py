from types import SimpleNamespace

import polars as pl
import pytest

from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.popularity import Popularity
from recsys_pipelines.backtest.backtest import Ask, backtest
from recsys_pipelines.backtest.blending import Bench, Blend, against, mixed, parsed
from recsys_pipelines.backtest.errors import UnknownChoice
from recsys_pipelines.backtest.job import Measured
from recsys_pipelines.backtest.running import Ran, Terms
from recsys_pipelines.backtest.splitting import Plan, Sides, given

LISTS = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64, "score": pl.Float64}


def lists(*items):
    return pl.DataFrame([("ann", item, rank, 1.0 / rank) for rank, item in enumerate(items, 1)], LISTS, orient="row")


def ran(label, recs, seconds):
    return Ran(label, (recs,), (Measured(fit_s=seconds, recommend_s=seconds, peak_mb=100 * seconds, base_mb=1),))


def question(*chosen):
    return SimpleNamespace(truth=pl.DataFrame({"user_id": ["ann"] * len(chosen), "item_id": chosen}))


def test_a_blend_sums_what_the_ranks_are_worth(tmp_path):
    every = {"one": ran("one", lists("a", "b", "c"), 1), "two": ran("two", lists("c", "b"), 2)}
    bench = Bench({}, Terms(depth=3), Plan(kind="given"), tmp_path)

    blend, weights = mixed(Blend("both", {"one": 1.0, "two": 0.5}), every, [question("a")], bench)

    # 5 / (5 + rank from 0): a 1; b 5/6 + 5/12 = 1.25; c 5/7 + 1/2 = 1.214
    assert blend.recs[0]["item_id"].to_list() == ["b", "c", "a"]
    assert blend.recs[0]["score"].to_list() == pytest.approx([1.25, 5 / 7 + 0.5, 1.0], abs=1e-6)
    assert weights == ({"one": 1.0, "two": 0.5},)


def test_a_blend_costs_what_its_sources_cost(tmp_path):
    every = {"one": ran("one", lists("a"), 1), "two": ran("two", lists("b"), 2), "unused": ran("unused", lists("c"), 9)}
    bench = Bench({}, Terms(), Plan(kind="given"), tmp_path)

    blend, _ = mixed(Blend("both", {"one": 1.0, "two": 0.5, "unused": 0.0}), every, [question("a")], bench)

    (measured,) = blend.measured
    assert 3 <= measured.fit_s < 3.5
    assert 3 <= measured.recommend_s < 3.5
    assert measured.peak_mb == 200


def test_a_tie_of_a_blend_is_lost_too():
    tied = lists("a", "b", "c").with_columns(score=pl.lit(1.0))

    ranked = against(tied, question("a", "b").truth, 2)

    assert ranked.select("item_id", "rank").rows() == [("c", 1), ("a", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("eaze=1", "'eaze' does not run; there are ease, als", id="an algorithm"),
        pytest.param("ease=1,als", "write a weight of at least 0, such as als=0.5", id="no weight"),
        pytest.param("ease=-1", "write a weight of at least 0", id="a negative weight"),
        pytest.param("ease=nan", "write a weight of at least 0", id="NaN"),
        pytest.param("ease=0,als=0", "at least one weight must be above 0", id="nothing"),
    ],
)
def test_a_blend_that_is_none_is_refused(text, message):
    with pytest.raises(UnknownChoice, match=message):
        parsed(text, ("ease", "als"))


@pytest.mark.slow
def test_learned_weights_prefer_the_model_that_knows(world):
    truth = [(f"u{n}", f"i{n}", 20) for n in range(12)]
    posed = given(world.events(world.checkerboard(12, 12)), world.events(truth), Plan(kind="given"), Sides())
    ask = Ask(plan=Plan(kind="given"), k=(3,), blends=(parsed("learned", ("als", "popularity")),))

    found = backtest(posed, {"als": Als(factors=2), "popularity": Popularity()}, ask)

    blend = found.results[-1]
    (weights,) = blend.settings["weights"]
    assert blend.algorithm == "blend learned"
    assert weights["als"] > weights.get("popularity", 0)
    assert blend.metrics["ndcg@3"] >= found.results[1].metrics["ndcg@3"]


@pytest.mark.slow
def test_weights_are_learned_for_the_sources_named_alone(world):
    truth = [(f"u{n}", f"i{n}", 20) for n in range(12)]
    posed = given(world.events(world.checkerboard(12, 12)), world.events(truth), Plan(kind="given"), Sides())
    blend = Blend("mine", None, sources=("popularity",))

    found = backtest(
        posed,
        {"als": Als(factors=2), "popularity": Popularity()},
        Ask(plan=Plan(kind="given"), k=(3,), blends=(blend,)),
    )

    assert found.results[-1].settings["weights"] == [{"popularity": 1.0}]
