import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_eval.errors import InvalidFrame
from recsys_eval.metrics import RANKING, against_ties, evaluate, match, ranked


def scored(*scores: float) -> pl.DataFrame:
    items = [f"i{n}" for n in range(len(scores))]
    return pl.DataFrame({"user_id": ["ann"] * len(scores), "item_id": items, "score": scores})


def chose(*items: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ["ann"] * len(items), "item_id": items})


def order(recs: pl.DataFrame) -> list[str]:
    return recs.sort("rank")["item_id"].to_list()


def test_ranks_follow_scores_and_equals_their_ids():
    assert order(ranked(scored(0.5, 0.9, 0.5).reverse())) == ["i1", "i0", "i2"]


def test_what_was_chosen_comes_last_among_equals():
    assert order(against_ties(ranked(scored(1, 1, 1, 0)), chose("i0", "i3"))) == ["i1", "i2", "i0", "i3"]


def test_a_list_that_does_not_follow_its_scores_keeps_its_order():
    pinned = scored(0.1, 0.9, 0.8).with_columns(rank=pl.Series([1, 2, 3]))

    assert order(against_ties(pinned, chose("i0"))) == ["i0", "i1", "i2"]


def test_a_model_that_scores_everything_alike_gets_the_worst_of_its_list():
    alike = ranked(scored(*[0.5] * 10))

    assert evaluate(against_ties(alike, chose("i0", "i1")), chose("i0", "i1"), 8).summary["hit_rate@8"] == 0


@settings(deadline=None, max_examples=12)
@given(
    scores=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=6),
    chosen=st.sets(st.integers(0, 5), min_size=1),
    k=st.integers(1, 6),
)
def test_no_order_of_equals_is_worth_less(scores, chosen, k):
    recs, truth = scored(*scores), chose(*[f"i{n}" for n in sorted(chosen)])
    ours = match(against_ties(ranked(recs), truth), truth)
    consistent = [
        places
        for places in itertools.permutations(range(len(scores)))
        if [scores[place] for place in places] == sorted(scores, reverse=True)
    ]

    for name, metric in RANKING.items():
        worst = min(metric(match(_in(recs, places), truth), k)[0] for places in consistent[:6])
        assert metric(ours, k)[0] <= worst + 1e-12, name


@pytest.mark.parametrize(
    ("recs", "complaint"),
    [
        pytest.param(scored(1.0).drop("score"), "recs has no column 'score'", id="no scores"),
        pytest.param(scored(float("nan")), "1 row have a score that is not a number", id="not a number"),
        pytest.param(scored(1.0).with_columns(score=pl.lit(None, pl.Float64)), "not a number", id="empty"),
        pytest.param(scored(1.0).with_columns(score=pl.lit("a")), "recs.score is String", id="text"),
        pytest.param(scored(1.0), "has no column 'rank'", id="no ranks"),
    ],
)
def test_what_cannot_be_put_in_order_is_refused(recs, complaint):
    with pytest.raises(InvalidFrame, match=complaint):
        against_ties(recs, chose("i0"))


def _in(recs: pl.DataFrame, places: tuple[int, ...]) -> pl.DataFrame:
    return recs[list(places)].with_columns(rank=pl.int_range(1, len(places) + 1))
