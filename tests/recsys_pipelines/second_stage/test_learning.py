"""Second stages learned in a lake: from outcomes that the sources have not seen, and from nothing else."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_contracts.documents import parse
from data_contracts.errors import InvalidDocument
from data_contracts.open import open_blobs
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_algo.bundle import open_encoded
from recsys_algo.ranker import feature_names
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake
from recsys_pipelines.replay import fixture
from recsys_pipelines.second_stage.errors import Leak, NotLearned
from recsys_pipelines.second_stage.learning import learn, second_stages
from recsys_pipelines.second_stage.lessons import lesson_of
from recsys_pipelines.training import encoded, fits, train, weigh

DAY = date(2026, 3, 1)
END = datetime(2026, 3, 2, tzinfo=UTC)
ITEM_IDS = [f"i{n:02d}" for n in range(40)]
PEOPLE = [f"u{n:02d}" for n in range(60)]
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "acme",
    "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
    "algorithms": {"popularity": {}, "cooccurrence": {"min_support": 1, "shrinkage": 0.0}},
    "ranking": {"weights": {"popularity": 1.0, "cooccurrence": 1.0}, "exclude_seen": None},
    "surfaces": {"home": {"second_stage": {"model": "weights"}}, "plain": {}},
    "evaluation": {"test_days": 3},
    "interactions": {"window_days": 30, "half_life_days": None},
}


def whole(table, columns, rows):
    """A table of the contract with these columns; the others are empty."""
    given = pl.DataFrame(rows, columns, orient="row")
    missing = [pl.lit(None).alias(name) for name in table.names if name not in columns]
    return given.with_columns(missing).select(table.names).cast(schema(table))


def clicks(*rows):
    """Rows of (days before the end of the window, user, item)."""
    return whole(
        EVENTS,
        ["event_id", "ts", "type", "user_id", "item_id"],
        [(f"e{age}-{user}-{item}", END - timedelta(days=age), "click", user, item) for age, user, item in rows],
    )


def habits():
    """Two crowds, each with its half of the catalog: everybody clicks some of it before, and some in each fold."""
    rng = np.random.default_rng(3)
    rows = set()
    for number, user in enumerate(PEOPLE):
        own = ITEM_IDS[:20] if number % 2 else ITEM_IDS[20:]
        rows |= {(age, user, str(item)) for age in (9.5, 8.5, 4.5, 1.5) for item in rng.choice(own, 4, replace=False)}
    return sorted(rows)


def document(**changes):
    return parse(msgspec.json.encode(DOCUMENT | changes), "a test")


@pytest.fixture
def lake(tmp_path):
    return Lake(open_blobs(str(tmp_path / "lake"), {}))


@pytest.fixture
def fitted(lake):
    """``fitted(rows)``: everything that a second stage needs, from these clicks, is in the lake."""

    def made(rows, settings=None, extra_items=()):
        settings = settings or document()
        items = [(id, True, False) for id in [*ITEM_IDS, *extra_items]]
        lake.write("items", "acme", DAY, whole(ITEMS, ["item_id", "available", "archived"], items))
        lake.write("users", "acme", DAY, whole(USERS, ["user_id"], [(user,) for user in PEOPLE]))
        events = clicks(*rows)
        for (day,), own in events.group_by(pl.col("ts").dt.date()):
            lake.write("events", "acme", day, own.sort("ts", "event_id"))
        for fit in fits(settings):
            weigh(settings, lake, DAY, fit)
        for algorithm in ("popularity", "cooccurrence"):
            train(settings, lake, DAY, algorithm)
        return settings

    return made


@pytest.fixture
def lesson(lake, tmp_path):
    """``lesson(document, fit)``: what a second stage would learn from the candidates of that fit."""

    def found(settings, fit="stacked"):
        asked = fixture(settings, lake, DAY, after=fit)
        artifacts = encoded(settings, lake, DAY, fit, folder=tmp_path / fit)
        return SimpleNamespace(
            asked=asked, of=lesson_of(open_encoded("acme", "home", artifacts, settings.on("home"), asked.cut), asked)
        )

    return found


def test_every_fit_learns_from_the_days_after_its_teacher(lake, fitted):
    settings = fitted(habits())

    asked = {fit: fixture(settings, lake, DAY, after=fit) for fit in ("stacked", "evaluated")}

    assert asked["stacked"].cut == END - timedelta(days=6)
    assert asked["evaluated"].cut == END - timedelta(days=3)
    done = {age: {(user, item) for at, user, item in habits() if at == age} for age in (4.5, 1.5)}
    assert set(asked["stacked"].truth.rows()) == done[4.5]
    assert set(asked["evaluated"].truth.rows()) == done[1.5]


def test_the_source_that_knows_the_crowds_gets_the_weight(lake, fitted):
    lessons = learn(fitted(habits()), lake, DAY)

    assert [(each.surface, each.fit, each.status) for each in lessons.taught] == [
        ("home", "evaluated", "learned"),
        ("home", "served", "learned"),
    ]
    assert all(each.weights["cooccurrence"] > 0.6 for each in lessons.taught)


def test_what_was_learned_is_an_artifact_of_its_surface(lake, fitted, tmp_path):
    settings = fitted(habits())
    lessons = learn(settings, lake, DAY)

    (artifact,) = second_stages(settings, lake, DAY, "served", folder=tmp_path)

    items = encoded(settings, lake, DAY, "served", folder=tmp_path)
    bundle = open_encoded("acme", "home", [*items, artifact], settings.on("home"), END)
    assert (artifact.name, artifact.kind, artifact.shape) == ("second_stage.home", "weights", "ranker")
    assert bundle.learned == lessons.taught[1].weights


def test_learning_again_changes_nothing(lake, fitted):
    settings = fitted(habits())
    learn(settings, lake, DAY)
    first = lake.read("second_stage_served", "acme", DAY, part="home")

    learn(settings, lake, DAY)

    assert_frame_equal(lake.read("second_stage_served", "acme", DAY, part="home"), first)


def test_an_item_of_the_outcomes_days_changes_no_feature(fitted, lesson):
    """It is right for everybody, and nobody could have known: only the number of what was wanted may differ."""
    extra = ["z-new"]
    before = lesson(fitted(habits(), extra_items=extra)).of
    hyped = [(4.25, user, "z-new") for user in PEOPLE]

    after = lesson(fitted([*habits(), *hyped], extra_items=extra)).of

    np.testing.assert_array_equal(after.matrix, before.matrix)
    np.testing.assert_array_equal(after.user, before.user)
    assert (after.wanted - before.wanted).tolist() == [1] * len(PEOPLE)


def test_the_same_item_in_the_days_before_does_change_them(fitted, lesson):
    extra = ["z-new"]
    before = lesson(fitted(habits(), extra_items=extra)).of

    after = lesson(fitted([*habits(), *((8.25, user, "z-new") for user in PEOPLE)], extra_items=extra)).of

    popular = feature_names(before.sources).index("popularity.rank")
    assert after.matrix.shape != before.matrix.shape or (after.matrix[:, popular] != before.matrix[:, popular]).any()


@pytest.mark.parametrize("fit", ["stacked", "evaluated"])
def test_a_fit_that_knows_the_outcomes_is_refused(lake, fitted, fit):
    settings = fitted(habits())
    pairs = lake.read(f"interactions_{fit}", "acme", DAY)
    seen = pairs.with_columns(last_ts=pl.when(pl.arange(pl.len()) == 0).then(pl.lit(END)).otherwise(pl.col("last_ts")))
    lake.write(f"interactions_{fit}", "acme", DAY, seen)

    with pytest.raises(Leak, match=f"the {fit} fit has 1 interactions .* user 'u00' with item"):
        learn(settings, lake, DAY)


def test_too_few_users_teach_nothing_and_say_so(lake, fitted, tmp_path):
    few = [row for row in habits() if row[1] < "u10"]

    settings = fitted(few)
    lessons = learn(settings, lake, DAY)

    assert {each.status for each in lessons.taught} == {"too_few_users"}
    assert {each.users for each in lessons.taught} == {10}
    assert second_stages(settings, lake, DAY, "served", folder=tmp_path) == []


def test_a_tenant_without_second_stages_has_no_stacked_fit_and_no_record(lake, fitted, tmp_path):
    settings = fitted(habits(), document(surfaces={"home": {}}))

    lessons = learn(settings, lake, DAY)

    assert lessons.taught == ()
    assert fits(settings) == ("evaluated", "served")
    assert second_stages(settings, lake, DAY, "served", folder=tmp_path) == []
    assert lake.days("second_stage_served", "acme") == []


def test_a_second_stage_that_was_never_learned_is_missed(lake, fitted, tmp_path):
    settings = fitted(habits())

    with pytest.raises(NotLearned, match="wanted on home"):
        second_stages(settings, lake, DAY, "served", folder=tmp_path)


def test_one_that_was_learned_with_other_settings_is_not_taken(lake, fitted, tmp_path):
    learn(fitted(habits()), lake, DAY)
    other = document(surfaces={"home": {"second_stage": {"model": "weights", "candidates": 50}}})

    with pytest.raises(NotLearned, match="other settings"):
        second_stages(other, lake, DAY, "served", folder=tmp_path)


def test_a_setting_that_no_model_takes_is_refused_before_anything_is_learned(lake, fitted):
    surfaces = {"home": {"second_stage": {"model": "lambdamart", "settings": {"depth": 3}}}}
    settings = fitted(habits(), document(surfaces=surfaces))

    with pytest.raises(InvalidDocument, match=r"surface 'home', second_stage\.settings.*depth"):
        learn(settings, lake, DAY)


@pytest.mark.slow
def test_trees_are_learned_and_opened_the_same_way(lake, fitted, tmp_path):
    surfaces = {"home": {"second_stage": {"model": "lambdamart", "settings": {"candidates_in_leaf": 20, "trees": 10}}}}
    settings = fitted(habits(), document(surfaces=surfaces))

    lessons = learn(settings, lake, DAY)

    (artifact,) = second_stages(settings, lake, DAY, "evaluated", folder=tmp_path)
    items = encoded(settings, lake, DAY, "evaluated", folder=tmp_path)
    bundle = open_encoded("acme", "home", [*items, artifact], settings.on("home"), END)
    assert {each.status for each in lessons.taught} == {"learned"}
    assert artifact.kind == "lambdamart"
    assert bundle.ranker.sources == ("cooccurrence", "popularity")
