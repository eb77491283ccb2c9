from datetime import UTC, datetime, timedelta
from math import log

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import lognorm

from data_contracts.tables import EVENTS
from recsys_pipelines import contract
from recsys_pipelines.algorithm import TrainingData, schema
from recsys_pipelines.algorithms.buy_again import BuyAgain

NOW = datetime(2026, 4, 1, tzinfo=UTC)
NAMES = contract.schema(EVENTS)


def data(rows, catalog=None):
    """Training data from (user, item, days ago, type); days ago count back from the last day before now: 0 is it."""
    events = pl.DataFrame(
        [(NOW - timedelta(days=float(ago), hours=12), type, user, item) for user, item, ago, type in rows],
        {"ts": NAMES["ts"], "type": pl.String, "user_id": pl.String, "item_id": pl.String},
        orient="row",
    )
    full = events.select([pl.col(n) if n in events.columns else pl.lit(None, t).alias(n) for n, t in NAMES.items()])
    pairs = events.group_by("user_id", "item_id").agg(
        weight=pl.lit(1.0), last_ts=pl.col("ts").max(), count=pl.len().cast(pl.Int64)
    )
    items = pl.DataFrame({"item_id": sorted({row[1] for row in rows})}, {"item_id": pl.String})
    return TrainingData(pairs, items if catalog is None else catalog, [full.lazy()], now=NOW)


def bought(user, item, *ago):
    """Purchases of the item by the user, each so many days before the last day."""
    return [(user, item, days, "purchase") for days in ago]


def scores(table, user):
    """The user's list."""
    return dict(table.filter(user_id=user).select("item_id", "score").iter_rows())


def plain(**settings):
    """Without a minimum and with hardly any shrinkage."""
    return BuyAgain(**({"minimum_repeaters": 1, "shrinkage": 1e-9, "personal_shrinkage": 1e9} | settings))


def test_a_score_is_the_probability_that_follows_from_intervals_and_repeats():
    """Ten users bought milk every 8 days, thrice, the last time 3 days ago; their intervals spread by the least there
    is. Purchases of 19 and of 11 days ago have had time enough to be repeated, that of 3 days ago has not."""
    rows = [row for n in range(10) for row in bought(f"u{n}", "milk", 3, 11, 19)]
    rhythm = lognorm(s=0.25, scale=8)
    ages = np.array([3.5, 11.5, 19.5])
    again = min(2 / rhythm.cdf(ages).sum(), 0.99)
    expected = again * (rhythm.cdf(3.5 + 7) - rhythm.cdf(3.5)) / (1 - again * rhythm.cdf(3.5))

    table = plain().fit(data(rows))

    assert table["user_id"].to_list() == sorted(f"u{n}" for n in range(10))
    assert table["score"].to_list() == pytest.approx([expected] * 10)


def test_scores_are_calibrated_probabilities():
    """A simulation: 4,000 pairs of users and items of four rhythms; each purchase is followed by another with
    probability 0.8. What is bought in the week after is as often bought as the scores say, also where they are high."""
    rng = np.random.default_rng(3)
    rows, after = simulated(rng, pairs=4_000, again=0.8, days=200, horizon=7)

    table = BuyAgain(limit=10_000, personal_shrinkage=1e6).fit(data(rows))

    told = table.with_columns(happened=pl.struct("user_id", "item_id").is_in(after))
    for low, high in ((0.0, 1.0), (0.0, 0.2), (0.2, 0.4), (0.4, 1.0)):
        of_score = told.filter((pl.col("score") >= low) & (pl.col("score") < high))
        error = 2.5 / np.sqrt(of_score.height)
        assert of_score.height > 100
        assert of_score["happened"].mean() == pytest.approx(of_score["score"].mean(), abs=error)


def simulated(rng, pairs, again, days, horizon):
    """Purchases up to now, and the pairs that are bought within the horizon after it. Medians are 6, 12, 24, 48."""
    rows, after = [], []
    for pair in range(pairs):
        user, item, at = f"u{pair // 4:04d}", f"i{pair % 4}", rng.uniform(0, days)
        while at < days + horizon:
            if at < days:
                rows.append((user, item, days - 1 - int(at), "purchase"))
            elif {"user_id": user, "item_id": item} not in after[-1:]:
                after.append({"user_id": user, "item_id": item})
            if rng.random() > again:
                break
            at += rng.lognormal(log(6 * 2 ** (pair % 4)), 0.4)
    return rows, after


def test_what_is_due_comes_before_what_was_just_bought_and_what_was_given_up():
    regulars = [row for n in range(5) for item in "abc" for row in bought(f"r{n}", item, 60, 70, 80, 90)]
    ann = [*bought("ann", "a", 0), *bought("ann", "b", 8), *bought("ann", "c", 20)]

    table = plain().fit(data(regulars + ann))

    assert list(scores(table, "ann")) == ["b", "a", "c"]


def test_an_item_with_few_intervals_takes_its_rhythm_from_its_category():
    catalog = pl.DataFrame(
        {"item_id": ["tea", "coffee", "soap", "salt"], "category": ["drinks", "drinks", "home", "home"]}
    )
    quick = [row for n in range(20) for row in bought(f"q{n}", "coffee", *range(0, 60, 5))]
    slow = [row for n in range(20) for row in bought(f"s{n}", "soap", *range(0, 80, 40))]
    once = [
        *bought("ann", "tea", 4),
        *bought("ann", "salt", 4),
        *bought("bob", "tea", 9, 4),
        *bought("bob", "salt", 9, 4),
    ]

    table = BuyAgain(minimum_repeaters=1).fit(data(quick + slow + once, catalog))

    assert list(scores(table, "ann")) == ["tea", "salt"]
    assert scores(table, "ann")["tea"] > 2 * scores(table, "ann")["salt"]


def test_a_user_with_a_rhythm_of_their_own_is_asked_at_that():
    others = [row for n in range(20) for row in bought(f"o{n}", "tea", *range(0, 60, 5))]
    monthly = bought("ann", "tea", *range(28, 28 * 6, 28))
    weekly = bought("bob", "tea", 28, 33, 38, 43, 48)

    table = BuyAgain(minimum_repeaters=1).fit(data(others + monthly + weekly))

    assert scores(table, "ann")["tea"] > 3 * scores(table, "bob")["tea"]


def test_an_item_that_few_users_repeat_is_not_offered():
    rows = [row for n in range(2) for row in bought(f"u{n}", "tv", 10, 20)]
    rows += [row for n in range(3) for row in bought(f"u{n}", "tea", 10, 20)]

    table = BuyAgain(minimum_repeaters=3).fit(data(rows))

    assert table["item_id"].unique().to_list() == ["tea"]


def test_only_purchases_count():
    rows = [(f"u{n}", "tea", ago, "view") for n in range(5) for ago in (0, 5, 10)]

    assert BuyAgain().fit(data(rows)).is_empty()


def test_purchases_of_one_day_are_one():
    rows = [row for n in range(5) for row in bought(f"u{n}", "tea", 10, 10.1, 10.2)]

    assert BuyAgain().fit(data(rows)).is_empty()


def test_a_list_is_cut_at_its_limit_and_ties_go_to_the_smaller_id():
    rows = [row for n in range(5) for item in "abc" for row in bought(f"u{n}", item, 10, 20)]

    table = BuyAgain(limit=2).fit(data(rows))

    assert table.filter(user_id="u3")["item_id"].to_list() == ["a", "b"]


def test_someone_of_whom_nothing_is_learned_otherwise_gets_no_list():
    """Who was forgotten, or has no interactions that count, is in no table."""
    known = data([row for n in range(5) for row in bought(f"u{n}", "tea", 10, 20)])
    some = known.interactions.filter(pl.col("user_id") != "u2")

    table = BuyAgain().fit(TrainingData(some, known.catalog, known.events, now=NOW))

    assert table["user_id"].to_list() == ["u0", "u1", "u3", "u4"]


def test_what_a_visitor_bought_before_logging_in_is_the_users():
    known = data([row for n in range(4) for row in bought(f"u{n}", "tea", 10, 20)])
    (events,) = known.events
    is_old = (pl.col("user_id") == "u1") & (pl.col("ts") < NOW - timedelta(days=15))
    as_visitor = events.with_columns(
        anonymous_id=pl.when(pl.col("user_id") == "u1").then(pl.lit("d1")),
        user_id=pl.when(~is_old).then("user_id"),
    )

    table = BuyAgain().fit(TrainingData(known.interactions, known.catalog, [as_visitor], now=NOW))

    assert_frame_equal(table, BuyAgain().fit(known))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no events"),
        pytest.param(bought("ann", "tea", 3), id="one purchase"),
        pytest.param([*bought("ann", "tea", 3), *bought("ann", "milk", 5)], id="one user, nothing twice"),
        pytest.param([*bought("ann", "tea", 3), *bought("bob", "tea", 5)], id="one item, nobody twice"),
    ],
)
def test_where_nothing_was_bought_twice_there_is_nothing_to_learn(rows):
    table = BuyAgain(minimum_repeaters=1).fit(data(rows))

    assert table.is_empty()
    assert dict(table.schema) == schema("user_items")


def test_one_repeat_in_all_gives_finite_numbers():
    table = BuyAgain(minimum_repeaters=1).fit(data(bought("ann", "tea", 0, 1)))

    assert 0 < scores(table, "ann")["tea"] <= 1


def test_purchases_of_a_clock_that_runs_ahead_are_of_today():
    ahead = [row for n in range(5) for row in bought(f"u{n}", "tea", -3, 7)]

    table = BuyAgain().fit(data(ahead))

    assert table["score"].is_between(0, 1).all()
    assert table.height == 5
