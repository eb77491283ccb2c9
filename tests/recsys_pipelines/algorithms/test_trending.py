from datetime import UTC, datetime, timedelta
from math import sqrt

import msgspec
import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad

from data_contracts.tables import INTERACTIONS
from recsys_pipelines import contract
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms.trending import Pace, Paces, Trending

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOBODY = pl.DataFrame(schema=contract.schema(INTERACTIONS))
ONCE_A_WEEK = Pace(weight=1.0, half_life_days=1.0, window_days=7.0)
ONLY_VIEWS = Paces(view=ONCE_A_WEEK, click=None, add=None, purchase=None, custom=None)


def data(rows, catalog=None):
    """Training data from (item, type, age in days, person or None for another one in every row)."""
    events = pl.DataFrame(
        [
            (f"e{n}", NOW - timedelta(days=float(age)), type, f"p{n}" if person is None else person, item)
            for n, (item, type, age, person) in enumerate(rows)
        ],
        {"event_id": pl.String, "ts": pl.Datetime("us", "UTC"), "type": pl.String, "user_id": pl.String}
        | {"item_id": pl.String},
        orient="row",
    ).with_columns(anonymous_id=pl.lit(None, pl.String))
    days = [
        day.lazy() for _, day in events.sort("ts", "event_id").group_by(pl.col("ts").dt.date(), maintain_order=True)
    ]
    items = pl.DataFrame({"item_id": ["a", "b", "c"]}) if catalog is None else catalog
    return TrainingData(NOBODY, items, days, now=NOW)


def views(item, ages, person=None):
    """A view of the item at each age in days, each by somebody else."""
    return [(item, "view", age, person) for age in ages]


def scores(table):
    """The list for everybody."""
    return dict(table.filter(segment="").select("item_id", "score").iter_rows())


def plain(**settings):
    """Views only, compared with nothing unless told otherwise, without lists of categories."""
    return Trending(**({"paces": ONLY_VIEWS, "compare": "nothing", "per_category": False} | settings))


def test_compared_with_nothing_a_score_is_what_is_left_of_the_events():
    table = plain().fit(data(views("a", [0, 1, 2]) + views("b", [1])))

    assert scores(table) == pytest.approx({"a": 1 + 1 / 2 + 1 / 4, "b": 1 / 2})


def test_each_type_has_its_own_weight_half_life_and_window():
    paces = Paces(
        view=Pace(weight=0.5, half_life_days=1, window_days=2),
        purchase=Pace(weight=4, half_life_days=3, window_days=10),
        click=None,
    )
    rows = [("a", "view", 1, None), ("b", "purchase", 3, None), ("c", "view", 3, None), ("c", "click", 0, None)]

    table = plain(paces=paces).fit(data(rows))

    assert scores(table) == pytest.approx({"b": 4 / 2, "a": 0.5 / 2})


def test_what_grows_is_measured_in_standard_deviations_from_what_is_usual():
    """28 views in 28 days are 1 a day; 5 now are compared with what 1 a day would leave."""
    usual = views("a", np.arange(7.5, 35.5)) + views("b", np.arange(7.5, 35.5))
    table = plain(compare="baseline", smoothing=1e-9).fit(data([*usual, *views("a", [0] * 5), *views("b", [34.9999])]))

    mean = quad(lambda age: 0.5**age, 0, 7)[0]
    variance = quad(lambda age: 0.25**age, 0, 7)[0]
    days = 35 - 7
    assert scores(table) == pytest.approx({"a": (5 - mean) / sqrt(variance + mean**2 / days)}, rel=0.02)


def test_an_item_that_was_always_popular_is_not_trending_and_one_that_grows_is():
    always = views("a", np.linspace(0, 35, 350))
    growing = views("b", [*np.linspace(8, 35, 10), *np.linspace(0, 2, 10)])

    popular = plain().fit(data(always + growing))
    trending = plain(compare="baseline").fit(data(always + growing))

    assert popular["item_id"][0] == "a"
    assert trending["item_id"][0] == "b"


def test_at_a_steady_rate_scores_have_mean_zero_and_variance_one():
    """A simulation of 500 items, each with some 20 events a day at random. The list holds those above zero: half of
    them, and for a normal distribution their mean is sqrt(2 / pi) and that of their squares 1."""
    rng = np.random.default_rng(5)
    items = [f"i{n:04d}" for n in range(500)]
    counts = rng.poisson(20 * 35, len(items))
    ages = rng.uniform(0, 35, counts.sum())
    events = pl.DataFrame({"item_id": np.repeat(items, counts), "age": ages}).with_row_index("n")
    days = events.select(
        "item_id",
        event_id=pl.format("e{}", "n"),
        user_id=pl.format("p{}", "n"),
        anonymous_id=pl.lit(None, pl.String),
        type=pl.lit("view"),
        ts=pl.lit(NOW) - pl.duration(microseconds=(pl.col("age") * 86_400e6).cast(pl.Int64)),
    )
    world = TrainingData(NOBODY, pl.DataFrame({"item_id": items}), [days.lazy()], now=NOW)

    upper = plain(compare="baseline", smoothing=1e-9, limit=5_000).fit(world)["score"].to_numpy()

    assert len(upper) / len(items) == pytest.approx(0.5, abs=0.05)
    assert upper.mean() == pytest.approx(sqrt(2 / np.pi), abs=0.1)
    assert (upper**2).mean() == pytest.approx(1.0, abs=0.2)


def test_one_view_of_an_unknown_item_is_a_smaller_trend_than_many_of_a_known_one():
    rows = [*views("a", np.linspace(7.5, 35, 30)), *views("a", np.linspace(0, 1, 12)), *views("b", [0])]

    trusting = plain(compare="baseline", smoothing=0.01).fit(data(rows))
    careful = plain(compare="baseline").fit(data(rows))

    assert trusting["item_id"].to_list() == ["b", "a"]
    assert careful["item_id"].to_list() == ["a", "b"]


def test_nobody_makes_a_trend_alone():
    alone = views("a", [0.1, 0.2, 0.3, 0.4], person="fan")
    crowd = views("b", [0.1, 0.2])

    table = plain().fit(data(alone + crowd))

    assert scores(table) == pytest.approx({"b": 0.5**0.1 + 0.5**0.2, "a": 0.5**0.1})


def test_where_the_data_begin_late_there_is_nothing_to_compare_with():
    rows = views("a", [0, 3, 6, 7.5])

    assert scores(plain(compare="baseline").fit(data(rows))) == scores(plain().fit(data(rows)))


def test_events_of_a_clock_that_runs_ahead_count_as_now():
    assert scores(plain().fit(data(views("a", [-1])))) == {"a": 1.0}


def test_what_falls_is_not_listed():
    rows = views("a", np.linspace(7.5, 35, 100)) + views("b", [0, 0.1, 0.2])

    assert set(scores(plain(compare="baseline").fit(data(rows)))) == {"b"}


def test_each_category_has_its_own_list_cut_at_the_limit():
    catalog = pl.DataFrame({"item_id": ["a", "b", "c"], "category": ["x", "x", None]})
    rows = views("a", [0]) + views("b", [0, 1]) + views("c", [0, 1, 2])

    table = plain(per_category=True, limit=1).fit(data(rows, catalog))

    assert table.select("segment", "item_id").rows() == [("", "c"), ("category:x", "b")]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no events"),
        pytest.param(views("unheard", [0, 1]), id="only of items that the catalog does not have"),
        pytest.param([("a", "custom", 0, None)], id="only of types that do not count"),
        pytest.param(views("a", [60]), id="only long ago"),
    ],
)
def test_where_nothing_happened_lately_nothing_trends(rows):
    assert plain(compare="baseline").fit(data(rows)).is_empty()


def test_no_type_at_all_gives_no_list():
    nothing = Paces(view=None, click=None, add=None, purchase=None)

    assert plain(paces=nothing, compare="baseline").fit(data(views("a", [0]))).is_empty()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"paces": {"view": {"weight": 1.0, "half_life_days": 0, "window_days": 7}}}, id="half-life of 0"),
        pytest.param({"paces": {"viewed": None}}, id="an unknown type"),
        pytest.param({"smoothing": 0}, id="no smoothing at all"),
        pytest.param({"compare": "yesterday"}, id="an unknown comparison"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, Trending)


def test_a_document_says_only_what_differs():
    settings = msgspec.convert({"paces": {"view": None}}, Trending)

    assert set(settings.paces.by_type()) == {"click", "add", "purchase"}
