"""The contract that every algorithm must keep, built in or installed; a new one cannot escape it.

For an algorithm of your own: install it beside the suite and run `pytest -k NAME` on this file.
"""

import dataclasses
import inspect
import re
from datetime import UTC, datetime, timedelta

import msgspec
import numba
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from threadpoolctl import threadpool_limits

from data_contracts.feature_tables import EMBEDDINGS
from data_contracts.tables import EVENTS, INTERACTIONS, ITEMS, SHAPES, USERS
from recsys_pipelines import contract
from recsys_pipelines.algorithm import InvalidTrainingData, TrainingData, discover, schema
from recsys_pipelines.identity import NOTHING

NOW = datetime(2026, 1, 29, tzinfo=UTC)

every_algorithm = pytest.mark.parametrize("algorithm", discover().values(), ids=lambda algorithm: algorithm.name)
BESIDE = ("buy_again", "content")  # one lists only what a user had, one learns from texts: neither finds by company
every_finder = pytest.mark.parametrize(
    "algorithm",
    [each for each in discover().values() if each.shape != "item_scores" and each.name not in BESIDE],
    ids=lambda algorithm: algorithm.name,
)


def interactions(rows):
    """Interactions from (user, item, weight); the newest event of row n was n hours ago."""
    return pl.DataFrame(
        [(user, item, weight, NOW - timedelta(hours=n), 1) for n, (user, item, weight) in enumerate(rows)],
        schema=contract.schema(INTERACTIONS),
        orient="row",
    )


def filled(rows, table):
    """The rows with all columns of a contract's table; what they do not say is empty."""
    names = contract.schema(table)
    return rows.select(
        [
            pl.col(name).cast(kind) if name in rows.columns else pl.lit(None, kind).alias(name)
            for name, kind in names.items()
        ]
    )


def catalog(items):
    """A catalog of these items, in two categories; each is a day older than the next."""
    days = pl.int_range(pl.len(), 0, -1)
    rows = pl.DataFrame({"item_id": items}, schema={"item_id": pl.String}).with_columns(
        title=pl.col("item_id"),
        category=pl.when(pl.col("item_id").str.len_chars() % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd")),
        available=True,
        archived=False,
        created_at=pl.lit(NOW) - pl.duration(days=days),
        tags=pl.lit(["all"]),
    )
    return filled(rows, ITEMS)


def events(pairs):
    """The purchases that the interactions come from: all of a user's in one visit and order, and again ten days later,
    since some algorithms learn from what is bought twice."""
    return pl.concat([visit(pairs, "visit", 10), visit(pairs, "second visit", 0)])


def visit(pairs, name, days_before):
    """Purchases of all pairs, each user's in one visit and order."""
    return filled(
        pairs.select(
            event_id=pl.format("{} {}/{}", pl.lit(name), "user_id", "item_id"),
            ts=pl.col("last_ts") - pl.duration(days=days_before),
            type=pl.lit("purchase"),
            user_id="user_id",
            session_id=pl.format("{} of {}", pl.lit(name), "user_id"),
            order_id=pl.format("order of {} of {}", pl.lit(name), "user_id"),
            item_id="item_id",
            value="weight",
        ),
        EVENTS,
    )


def daily(rows):
    """The rows as the lake gives them: one lazy frame a day, in order."""
    days = rows.sort("ts", "event_id").group_by(pl.col("ts").dt.date(), maintain_order=True)
    return [day.lazy() for _, day in days]


def users(pairs):
    """The users of the interactions, in two segments."""
    ids = pairs.select(pl.col("user_id").unique().sort())
    return filled(ids.with_row_index().with_columns(segment=pl.format("s{}", pl.col("index") % 2)), USERS)


def embeddings(items):
    """Texts' vectors: alike for items whose numbers are both even or both odd; zeros for ids without a number."""
    number = pl.col("item_id").str.extract(r"^i(\d+)$").cast(pl.Int64)
    odd = (number % 2).cast(pl.Float32)
    rows = pl.DataFrame({"item_id": items}, schema={"item_id": pl.String}).with_columns(
        content_hash="item_id", encoder=pl.lit("test"), vector=pl.concat_list((1 - odd).fill_null(0), odd.fill_null(0))
    )
    return filled(rows, EMBEDDINGS)


def world(rows, items=None):
    """Training data from (user, item, weight), with a catalog of the items named or of those in the rows."""
    pairs = interactions(rows)
    known = sorted({item for _, item, _ in rows}) if items is None else items
    return TrainingData(
        pairs,
        catalog(known),
        daily(events(pairs)),
        now=NOW,
        users=users(pairs),
        embeddings=lambda: embeddings(known),
    )


def planted(seed, users=150, items=60, share=0.15):
    """A random world in which there is work for more than one thread."""
    rng = np.random.default_rng(seed)
    chosen = np.argwhere(rng.random((users, items)) < share)
    return world([(f"u{user:03d}", f"i{item:03d}", float(rng.integers(1, 5))) for user, item in chosen])


def checkerboard(n):
    """Even users like even items and odd users odd ones, each but the item that shares their number.

    So the best unseen item for user i is item i, for any algorithm that personalizes at all.
    """
    return world([(f"u{u}", f"i{i}", 1.0) for u in range(n) for i in range(n) if u % 2 == i % 2 and u != i])


def items_in(table, shape):
    """The item ids that a table names."""
    if shape == "vectors":
        return set(table.filter(entity="item")["id"])
    return set(table["item_id"]) | set(table["neighbor_id"] if shape == "item_neighbors" else ())


def users_in(table, shape):
    """The user ids that a table names."""
    match shape:
        case "vectors":
            return set(table.filter(entity="user")["id"])
        case "user_items":
            return set(table["user_id"])
    return set()


def numbers(table, shape):
    """All scores, or all coordinates."""
    return table["vector"].explode() if shape == "vectors" else table["score"]


def best_unseen(table, shape, data, user):
    """What a server would put first for the user: highest score, then smallest id, among what was not seen."""
    seen = data.interactions.filter(user_id=user)["item_id"].to_list()
    match shape:
        case "user_items":
            scores = table.filter(user_id=user).select("item_id", "score")
        case "item_neighbors":
            near = table.filter(pl.col("item_id").is_in(seen))
            scores = near.group_by(item_id="neighbor_id").agg(pl.col("score").sum())
        case "vectors":
            vectors = dict(table.filter(entity="item").select("id", "vector").iter_rows())
            (taste,) = table.filter(entity="user", id=user)["vector"].to_list()
            scores = pl.DataFrame(
                [(item, sum(a * b for a, b in zip(taste, vector, strict=True))) for item, vector in vectors.items()],
                schema={"item_id": pl.String, "score": pl.Float64},
                orient="row",
            )
    unseen = scores.filter(~pl.col("item_id").is_in(seen)).sort("score", "item_id", descending=[True, False])
    return unseen["item_id"][0]


@every_algorithm
def test_the_table_has_the_columns_of_its_shape(algorithm):
    table = algorithm().fit(checkerboard(12))

    assert dict(table.schema) == schema(algorithm.shape)
    assert table.height > 0


@every_algorithm
def test_a_key_stands_once(algorithm):
    table = algorithm().fit(checkerboard(12))

    assert table.select(SHAPES[algorithm.shape].key).is_duplicated().sum() == 0


@every_algorithm
def test_row_order_of_the_input_does_not_matter(algorithm):
    data = checkerboard(12)
    shuffled = TrainingData(
        data.interactions.sample(fraction=1, shuffle=True, seed=7),
        data.catalog.sample(fraction=1, shuffle=True, seed=8),
        [day.collect().sample(fraction=1, shuffle=True, seed=9).lazy() for day in data.events],
        now=NOW,
        users=data.users.sample(fraction=1, shuffle=True, seed=10),
        embeddings=lambda: data.embeddings().sample(fraction=1, shuffle=True, seed=11),
    )

    assert_frame_equal(algorithm().fit(data), algorithm().fit(shuffled), check_exact=True)


@every_algorithm
def test_the_same_seed_gives_the_same_table(algorithm):
    data = checkerboard(12)

    assert_frame_equal(algorithm().fit(data), algorithm().fit(data), check_exact=True)


@every_algorithm
def test_the_number_of_threads_does_not_change_a_bit(algorithm):
    data = planted(5)

    one, two = (fitted_with_threads(algorithm, data, threads) for threads in (1, 2))

    assert_frame_equal(one, two, check_exact=True)


def fitted_with_threads(algorithm, data, threads):
    """The table, learned with so many threads of whatever has any."""
    names = {field.name for field in msgspec.structs.fields(algorithm)}
    settings = algorithm(threads=threads) if "threads" in names else algorithm()
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        with threadpool_limits(threads):
            return settings.fit(data)
    finally:
        numba.set_num_threads(before)


@every_algorithm
def test_a_run_after_another_gives_a_sound_table(algorithm):
    """Incremental training: what was learned the last time, when there were fewer users and items."""
    before, after = algorithm().fit(checkerboard(12)), checkerboard(16)

    table = algorithm().fit(dataclasses.replace(after, previous=before))

    assert dict(table.schema) == schema(algorithm.shape)
    assert numbers(table, algorithm.shape).is_finite().all()
    assert items_in(table, algorithm.shape) >= items_in(before, algorithm.shape)
    assert items_in(table, algorithm.shape) <= set(after.catalog["item_id"])


def repeated(pairs, **who):
    """The purchases of the pairs, and each once more a minute later, without the id of a visit or an order, by ``who``;
    then everybody logs in on a device of their own."""
    first = events(pairs)
    again = first.with_columns(
        event_id=pl.format("again {}", "event_id"),
        ts=pl.col("ts") + pl.duration(minutes=1),
        session_id=pl.lit(None, pl.String),
        order_id=pl.lit(None, pl.String),
        **who,
    )
    people = pairs.select(pl.col("user_id").unique().sort())
    login = people.select(
        event_id=DEVICE, ts=pl.lit(NOW), type=pl.lit("custom"), user_id="user_id", anonymous_id=DEVICE
    )
    return pl.concat([first, again]), filled(login, EVENTS)


DEVICE = pl.format("device of {}", "user_id")
NONE = pl.lit(None, pl.String)


def linked(data):
    """Of each user the device, as the log of identities has it."""
    return {f"device of {user}": user for user in data.interactions["user_id"].unique()}


@every_algorithm
def test_an_anonymous_id_that_logged_in_is_its_user(algorithm):
    data = checkerboard(12)
    own, login = repeated(data.interactions)
    on_device, _ = repeated(data.interactions, user_id=NONE, anonymous_id=DEVICE)

    whole, split = (
        algorithm().fit(dataclasses.replace(data, events=daily(pl.concat([rows, login])))) for rows in (own, on_device)
    )

    assert_frame_equal(whole, split, check_exact=True)


@every_algorithm
def test_who_is_who_is_also_what_was_said_of_it(algorithm):
    data = checkerboard(12)
    own, _ = repeated(data.interactions)
    on_device, _ = repeated(data.interactions, user_id=NONE, anonymous_id=DEVICE)

    whole = algorithm().fit(dataclasses.replace(data, events=daily(own)))
    said = NOTHING._replace(linked=linked(data))
    split = algorithm().fit(dataclasses.replace(data, events=daily(on_device), identity=said))

    assert_frame_equal(whole, split, check_exact=True)


@every_algorithm
def test_a_link_that_was_taken_back_is_none(algorithm):
    data = checkerboard(12)
    on_device, login = repeated(data.interactions, user_id=NONE, anonymous_id=DEVICE)

    apart = algorithm().fit(dataclasses.replace(data, events=daily(on_device)))
    unlinked = NOTHING._replace(unlinked=frozenset(linked(data).items()))
    taken_back = dataclasses.replace(data, events=daily(pl.concat([on_device, login])), identity=unlinked)

    assert_frame_equal(apart, algorithm().fit(taken_back), check_exact=True)


@every_algorithm
def test_an_anonymous_id_that_is_another_users_id_is_nobody(algorithm):
    data = checkerboard(12)
    number = pl.col("user_id").str.slice(1).cast(pl.Int64)
    another = pl.format("u{}", number + 1 - 2 * (number % 2))
    of_another, _ = repeated(data.interactions, user_id=NONE, anonymous_id=another)
    of_nobody, _ = repeated(data.interactions, user_id=NONE, anonymous_id=NONE)

    tables = [algorithm().fit(dataclasses.replace(data, events=daily(rows))) for rows in (of_another, of_nobody)]

    assert_frame_equal(*tables, check_exact=True)


@every_algorithm
def test_items_that_are_not_in_the_catalog_are_not_in_the_table(algorithm):
    data = checkerboard(12)
    smaller = dataclasses.replace(data, catalog=data.catalog.filter(pl.col("item_id") != "i4"))

    table = algorithm().fit(smaller)

    assert items_in(table, algorithm.shape) <= set(smaller.catalog["item_id"])


@every_algorithm
def test_more_data_brings_no_unknown_ids(algorithm):
    few, more = checkerboard(12), checkerboard(16)

    for data in (few, more):
        table = algorithm().fit(data)
        assert items_in(table, algorithm.shape) <= set(data.catalog["item_id"])
        assert users_in(table, algorithm.shape) <= set(data.interactions["user_id"])


@every_finder
def test_the_missing_field_of_the_checkerboard_is_found(algorithm):
    data = checkerboard(20)
    table = algorithm().fit(data)

    assert [best_unseen(table, algorithm.shape, data, f"u{n}") for n in range(20)] == [f"i{n}" for n in range(20)]


@every_algorithm
def test_an_empty_world_gives_an_empty_table_of_the_shape(algorithm):
    table = algorithm().fit(world([]))

    assert table.height == 0
    assert dict(table.schema) == schema(algorithm.shape)


@every_algorithm
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(world([], items=["i1", "i2"]), id="no interactions"),
        pytest.param(world([("u1", "i1", 1.0)], items=["other"]), id="none with a known item"),
        pytest.param(world([("u1", "i1", 0.0), ("u2", "i1", 0.0), ("u2", "i2", 0.0)]), id="only weights of zero"),
    ],
)
def test_interactions_that_teach_nothing_give_a_sound_table(algorithm, data):
    table = algorithm().fit(data)

    assert dict(table.schema) == schema(algorithm.shape)
    assert numbers(table, algorithm.shape).is_finite().all()
    assert items_in(table, algorithm.shape) <= set(data.catalog["item_id"])


@every_algorithm
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("u1", "i1", 1.0)], id="one pair"),
        pytest.param([("u1", "i1", 1.0), ("u1", "i2", 0.5), ("u1", "i3", 2.0)], id="one user"),
        pytest.param([("u1", "i1", 1.0), ("u2", "i1", 0.5), ("u3", "i1", 2.0)], id="one item"),
        pytest.param([("u1", "i1", 1e-12), ("u1", "i2", 1e12), ("u2", "i1", 1.0)], id="weights far apart"),
        pytest.param([("ü 1", "ein Ding / 1", 1.0), ("ü 1", "日本", 1.0), ("x", "日本", 1.0)], id="any text as an id"),
    ],
)
def test_thin_data_gives_finite_numbers(algorithm, rows):
    table = algorithm().fit(world(rows))

    assert numbers(table, algorithm.shape).is_finite().all()
    assert dict(table.schema) == schema(algorithm.shape)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0, None], ids=str)
def test_a_weight_that_is_no_weight_is_refused(weight):
    rows = interactions([("u1", "i1", 1.0), ("u2", "i2", weight)])

    with pytest.raises(InvalidTrainingData, match=r"1 of 2 interactions .* for user 'u2' and item 'i2'"):
        TrainingData(rows, catalog(["i1", "i2"]), now=NOW)


def test_a_missing_column_is_refused():
    with pytest.raises(InvalidTrainingData, match="interactions has no column weight"):
        TrainingData(interactions([]).drop("weight"), catalog([]), now=NOW)


def test_a_clock_without_a_zone_is_refused():
    with pytest.raises(InvalidTrainingData, match="time zone"):
        TrainingData(interactions([]), catalog([]), now=datetime(2026, 1, 29))  # noqa: DTZ001  # what is refused


@every_algorithm
def test_an_item_is_not_its_own_neighbour(algorithm):
    table = algorithm().fit(checkerboard(12))

    if algorithm.shape == "item_neighbors":
        assert table.filter(pl.col("item_id") == pl.col("neighbor_id")).height == 0


@every_algorithm
def test_settings_survive_json(algorithm):
    settings = algorithm()

    assert msgspec.json.decode(msgspec.json.encode(settings), type=algorithm) == settings


@every_algorithm
def test_a_misspelt_setting_is_refused(algorithm):
    with pytest.raises(msgspec.ValidationError, match="unknown field `no_such_setting`"):
        msgspec.convert({"no_such_setting": 1}, algorithm)


@every_algorithm
def test_it_says_what_it_does(algorithm):
    assert len((algorithm.__doc__ or "").strip()) > 20


@pytest.mark.parametrize("algorithm", discover(()).values(), ids=lambda algorithm: algorithm.name)
def test_it_says_how_its_time_and_memory_grow(algorithm):
    """In the docstring of the class or of its module: a sentence with "grow" in it, such as "time grows with ..."."""
    said = f"{algorithm.__doc__} {inspect.getmodule(algorithm).__doc__}"

    assert re.search(r"\bgrows?\b", said)


@pytest.mark.parametrize("algorithm", discover(()).values(), ids=lambda algorithm: algorithm.name)
def test_it_names_who_proposed_it_and_when(algorithm):
    """All but a sort by date, and lists of another model's scores."""
    said = f"{algorithm.__doc__} {inspect.getmodule(algorithm).__doc__}"

    assert re.search(r"\b(19|20)\d\d\b", said) or algorithm.name in {"latest", "user_lists"}
