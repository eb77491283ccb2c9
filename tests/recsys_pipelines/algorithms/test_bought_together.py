from datetime import UTC, datetime

import msgspec
import polars as pl
import pytest
from scipy import stats

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.bought_together import BoughtTogether

NOW = datetime(2026, 1, 29, tzinfo=UTC)
INTERACTIONS = {
    "user_id": pl.String,
    "item_id": pl.String,
    "weight": pl.Float64,
    "last_ts": pl.Datetime("us", "UTC"),
    "count": pl.Int64,
}
# Ten orders: a and b are in four together, and in one each alone; c is in all but one of them, d with e once.
ORDERS = ["abc", "abc", "abc", "abc", "ac", "bc", "c", "c", "c", "de"]


def data(orders, items="abcde", type="purchase", named=True):
    """Training data from orders such as "abc"; each stands in a visit of a user of its own."""
    rows = [
        (NOW, type, f"u{number}", None, f"s{number}", f"o{number}" if named else None, item)
        for number, order in enumerate(orders)
        for item in order
    ]
    names = ["type", "user_id", "anonymous_id", "session_id", "order_id", "item_id"]
    events = pl.DataFrame(rows, schema={"ts": pl.Datetime("us", "UTC")} | dict.fromkeys(names, pl.String), orient="row")
    catalog = pl.DataFrame({"item_id": list(items)}, schema={"item_id": pl.String})
    return TrainingData(pl.DataFrame(schema=INTERACTIONS), catalog, [events.lazy()], now=NOW)


def neighbours(table):
    """Each item's neighbours with their scores, the best first."""
    return {
        item: dict(rows.select("neighbor_id", "score").iter_rows())
        for (item,), rows in table.group_by("item_id", maintain_order=True)
    }


def every(**settings):
    """Settings that leave no pair out."""
    return BoughtTogether(**{"min_support": 1, "significance": 0.0, **settings})


RATIO = stats.chi2_contingency([[4, 1], [1, 4]], correction=False, lambda_="log-likelihood").statistic


@pytest.mark.parametrize(
    ("by", "a_b", "a_c", "c_a"),
    [
        pytest.param("lift", 10 * 4 / (5 * 5), 10 * 5 / (5 * 9), 10 * 5 / (9 * 5), id="lift"),
        pytest.param("confidence", 4 / 5, 5 / 5, 5 / 9, id="confidence, which has a direction"),
    ],
)
def test_a_score_is_its_formula(by, a_b, a_c, c_a):
    found = neighbours(every(by=by).fit(data(ORDERS)))

    assert found["a"] == {"b": a_b, "c": a_c}
    assert found["c"]["a"] == c_a


def test_surprise_is_the_log_likelihood_ratio():
    found = neighbours(every(by="surprise").fit(data(ORDERS)))

    assert found["a"]["b"] == pytest.approx(RATIO, rel=1e-12)


@pytest.mark.parametrize(("significance", "is_there"), [(RATIO - 0.01, True), (RATIO + 0.01, False)])
def test_what_may_be_chance_is_left_out(significance, is_there):
    found = neighbours(every(significance=significance).fit(data(ORDERS)))

    assert ("b" in found.get("a", {})) == is_there
    assert found["d"] == {"e": 10.0}  # a ratio of 6.5, for both are in no other order


def test_what_meets_more_rarely_than_by_chance_does_not_go_together():
    orders = ["ab", *["a"] * 20, *["b"] * 20]

    assert every(significance=1.0).fit(data(orders)).height == 0
    assert every().fit(data(orders)).height == 2


def test_pairs_in_too_few_orders_are_left_out():
    found = neighbours(every(min_support=2).fit(data(ORDERS)))

    assert set(found) == {"a", "b", "c"}


def test_how_many_of_an_item_are_in_an_order_does_not_matter():
    assert every().fit(data(["aaab", "ab", "c"])).equals(every().fit(data(["ab", "ab", "c"])))


def test_without_order_ids_a_visit_is_an_order():
    assert every().fit(data(ORDERS, named=False)).equals(every().fit(data(ORDERS)))


def test_what_is_only_looked_at_is_not_bought():
    assert every().fit(data(ORDERS, type="view")).height == 0
    assert every(types=("view",)).fit(data(ORDERS, type="view")).height > 0


@pytest.mark.parametrize("orders", [[], ["a"], ["aa", "a"], ["yz", "yz"]], ids=["none", "one", "one item", "unknown"])
def test_where_nothing_is_bought_together_there_are_no_pairs(orders):
    assert every().fit(data(orders)).height == 0


def test_at_least_one_type_of_event_must_count():
    with pytest.raises(msgspec.ValidationError, match="length >= 1"):
        msgspec.convert({"types": []}, BoughtTogether)
