from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys_algo.arrays import mapped, part
from recsys_algo.segments import Segments
from recsys_algo.stringmap import StringMap
from recsys_pipelines.algorithm import TrainingData, discover
from recsys_pipelines.encoding import encode

CATALOG = pl.DataFrame(
    {
        "item_id": ["tea", "jam", "milk"],
        "category": ["drinks", "food", "drinks"],
        "price_minor": [300, None, 99],
        "available": [True, True, False],
        "tags": [["hot"], None, []],
        "created_at": [datetime(2026, 1, 1, tzinfo=UTC), None, None],
    },
    schema_overrides={"tags": pl.List(pl.String)},
)
HISTORY = pl.DataFrame({"user_id": ["bob", "ann"], "item_id": ["jam", "tea"], "score": [1.0, 2.0]})
SEEN = {"purchase": pl.DataFrame({"user_id": ["ann"], "item_id": ["tea"], "score": [20_480.0]})}
LEARNED = {
    "together": (
        "cooccurrence",
        "item_neighbors",
        pl.DataFrame(
            {"item_id": ["tea", "tea", "tea"], "neighbor_id": ["jam", "milk", "gone"], "score": [0.5, 0.75, 1.0]}
        ),
    ),
    "als": (
        "als",
        "vectors",
        pl.DataFrame(
            {"entity": ["item", "user", "item"], "id": ["tea", "ann", "jam"], "vector": [[1, 2], [3, 4], [5, 6]]},
            schema_overrides={"vector": pl.List(pl.Float32)},
        ),
    ),
}


def arrays(encoded):
    """The arrays of one artifact, from its files."""
    return mapped(encoded.name, [(path.name, path) for path in encoded.files])


def test_a_release_is_the_catalog_and_then_its_artifacts_by_name(tmp_path):
    encoded = encode(LEARNED, CATALOG, HISTORY, SEEN, tmp_path)

    assert [(each.name, each.kind, each.shape, each.rows) for each in encoded] == [
        ("items", "catalog", "catalog", 3),
        ("als", "als", "vectors", 3),
        ("history", "history", "user_items", 2),
        ("seen.purchase", "seen", "user_items", 1),
        ("together", "cooccurrence", "item_neighbors", 2),
    ]


def test_a_list_stands_best_first_without_unknown_items(tmp_path):
    encoded = {each.name: each for each in encode(LEARNED, CATALOG, HISTORY, SEEN, tmp_path)}

    ids = StringMap.from_arrays(part(arrays(encoded["items"]), "ids"))
    together = arrays(encoded["together"])
    assert ids.take(range(3)) == ["jam", "milk", "tea"]
    assert together["indptr"].tolist() == [0, 0, 0, 2]
    assert ids.take(together["indices"]) == ["milk", "jam"]
    assert together["values"].tolist() == [0.75, 0.5]


def test_vectors_stand_as_a_matrix_of_float32(tmp_path):
    encoded = {each.name: each for each in encode(LEARNED, CATALOG, HISTORY, SEEN, tmp_path)}

    als = arrays(encoded["als"])
    assert als["items.vectors"].dtype == np.float32
    assert als["items.vectors"].tolist() == [[5, 6], [1, 2]]
    assert als["users.vectors"].tolist() == [[3, 4]]


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path):
    shuffled = {
        name: (kind, shape, frame.sample(fraction=1, shuffle=True, seed=1))
        for name, (kind, shape, frame) in LEARNED.items()
    }

    once = encode(LEARNED, CATALOG, HISTORY, SEEN, tmp_path / "once")
    again = encode(shuffled, CATALOG.reverse(), HISTORY.reverse(), SEEN, tmp_path / "again")

    assert [path.read_bytes() for each in once for path in each.files] == [
        path.read_bytes() for each in again for path in each.files
    ]


def test_empty_tables_are_artifacts_too(tmp_path):
    nothing = {name: (kind, shape, frame.clear()) for name, (kind, shape, frame) in LEARNED.items()}

    encoded = encode(nothing, CATALOG.clear(), HISTORY.clear(), {}, tmp_path)

    assert [(each.name, each.rows) for each in encoded] == [("items", 0), ("als", 0), ("history", 0), ("together", 0)]


def test_what_every_algorithm_learns_can_be_encoded(tmp_path):
    when = datetime(2026, 1, 29, tzinfo=UTC)
    pairs = pl.DataFrame(
        [(f"u{user}", item, 1.0, when, 1) for user in range(3) for item in ("tea", "jam", "milk")],
        schema=["user_id", "item_id", "weight", "last_ts", "count"],
        orient="row",
    )
    data = TrainingData(pairs, CATALOG, now=when)
    learned = {name: (name, algorithm.shape, algorithm().fit(data)) for name, algorithm in discover().items()}

    encoded = {each.name: each.rows for each in encode(learned, CATALOG, HISTORY, SEEN, tmp_path)}

    assert {name: encoded[name] for name in learned} == {name: frame.height for name, (_, _, frame) in learned.items()}


def test_vectors_of_different_lengths_are_refused_by_name(tmp_path):
    odd = pl.DataFrame(
        {"entity": ["item", "item"], "id": ["tea", "jam"], "vector": [[1.0, 2.0], [3.0]]},
        schema_overrides={"vector": pl.List(pl.Float32)},
    )

    with pytest.raises(ValueError, match="als: the vector of 'jam' has 1 numbers"):
        encode({"als": ("als", "vectors", odd)}, CATALOG, HISTORY, {}, tmp_path)


def test_a_missing_column_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"together: .* needs the columns .*score"):
        encode(
            {"together": ("x", "item_neighbors", LEARNED["together"][2].drop("score"))}, CATALOG, HISTORY, {}, tmp_path
        )


LISTS = [("", "tea", 1.0), ("vip", "tea", 1.0), ("loyalty=gold", "jam", 1.0), ("locale=de", "milk", 1.0)]
USERS = pl.DataFrame(
    [
        ("ann", "vip", '{"loyalty":"gold"}'),
        ("bob", "new", '{"locale":"de","loyalty":"Gold"}'),
        ("cid", None, '{"locale":"de","loyalty":"silver"}'),
        ("dan", "default", '{"loyalty":"silver"}'),
        ("eve", "", "gold"),
        ("fay", None, None),
    ],
    schema=["user_id", "segment", "traits"],
    orient="row",
)


def placed(folder, users=USERS, **settings):
    """The segments of a release in which popularity has lists of a segment and of traits."""
    lists = pl.DataFrame(LISTS, schema=["segment", "item_id", "score"], orient="row")
    learned = {"popular": ("popularity", "item_scores", lists)}
    encoded = encode(learned, CATALOG, HISTORY, {}, folder, users=users, **settings)
    return Segments.of(arrays(next(each for each in encoded if each.name == "users.segments")))


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        pytest.param(("loyalty", "locale"), ["vip", "loyalty=gold", "locale=de", *["default"] * 3], id="loyalty first"),
        pytest.param(("locale", "loyalty"), ["vip", "locale=de", "locale=de", *["default"] * 3], id="locale first"),
        pytest.param((), ["vip", *["default"] * 5], id="no trait"),
    ],
)
def test_a_user_is_in_the_own_segment_or_that_of_the_first_trait_that_has_a_list(tmp_path, traits, expected):
    segments = placed(tmp_path, traits=traits)

    assert [segments.of_user((id,)) for id in USERS["user_id"]] == expected


def test_a_list_by_trait_is_there_for_requests_though_all_its_members_have_a_better_one(tmp_path):
    segments = placed(tmp_path, USERS.head(1), traits=("loyalty", "locale"))

    assert segments.of_traits({"loyalty": "gold"}) == "loyalty=gold"


def test_the_order_of_the_users_does_not_change_a_byte_of_their_segments(tmp_path):
    for name, users in (("one", USERS), ("two", USERS.reverse())):
        placed(tmp_path / name, users, traits=("loyalty", "locale"))

    one, two = (sorted((tmp_path / name).glob("users.segments.*")) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_without_traits_a_release_holds_the_same_files_as_ever(tmp_path):
    placed(tmp_path)

    found = {path.name.removeprefix("users.segments.") for path in tmp_path.glob("users.segments.*")}
    maps = {f"{map}.{name}.npy" for map in ("names", "users") for name in ("buckets", "bytes", "offsets", "order")}
    assert found == {"codes.npy", *maps}
