"""Who and what is new, through the whole batch pipeline: from rows in the lake to an answer of the ranking core."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from data_contracts.documents import parse
from data_contracts.open import open_blobs
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_algo.bundle import open_encoded
from recsys_algo.rank import recommend
from recsys_algo.situation import Query
from recsys_pipelines import contract
from recsys_pipelines.algorithm import InvalidTrainingData, configured, discover
from recsys_pipelines.embeddings.index import refresh
from recsys_pipelines.encoding import encode
from recsys_pipelines.lake import Lake
from recsys_pipelines.sufficiency import examine, silent
from recsys_pipelines.training import encoded, fits, train, weigh

pytestmark = pytest.mark.slow  # the whole pipeline

DAY = date(2026, 2, 28)
END = datetime(2026, 3, 1, tzinfo=UTC)
TRAITS = {"tea": '{"loyalty":"green","locale":"en"}', "mug": '{"loyalty":"clay","locale":"en"}'}
WORDS = {"tea": "green leaf tea from a garden", "mug": "large ceramic mug with a handle"}


def full(rows, table):
    """The rows with all columns of their contract."""
    types = contract.schema(table)
    return rows.select([pl.col(n).cast(t) if n in rows.columns else pl.lit(None, t).alias(n) for n, t in types.items()])


def items():
    """Ten teas and ten mugs of last year, and one of each that came this week."""
    names = [f"{kind}{n:02d}" for kind in WORDS for n in range(10)]
    rows = [(name, WORDS[name[:3]], 300) for name in names] + [(f"{kind}-new", WORDS[kind], 3) for kind in WORDS]
    frame = pl.DataFrame(rows, ["item_id", "title", "age"], orient="row")
    return full(
        frame.with_columns(
            title=pl.format("{} {}", "title", "item_id"),
            category=pl.col("item_id").str.slice(0, 3),
            available=True,
            archived=False,
            created_at=pl.lit(END) - pl.duration(days="age"),
        ),
        ITEMS,
    )


def users():
    """Drinkers of tea, buyers of mugs, and of each segment one who has done nothing yet; then some who are in none, of
    whom only traits are known."""
    rows = [(f"{kind}-fan{n}", kind, TRAITS[kind]) for kind in WORDS for n in range(8)]
    strangers = [("stranger-tea", "tea", None), ("stranger-mug", "mug", None)]
    of_traits = [
        ("traits-tea", None, '{"loyalty":"Green","locale":"de"}'),
        ("traits-mug", None, '{"loyalty":"none","locale":"en"}'),
        ("traits-rare", "rare", '{"loyalty":"platinum"}'),
        ("traits-odd", None, "gold"),
    ]
    return full(
        pl.DataFrame([*rows, *strangers, *of_traits], ["user_id", "segment", "traits"], orient="row"),
        USERS,
    )


def events():
    """Fans of either kind had seven of the ten, on different days; mugs sold better in all."""
    rows = [
        (f"{kind}-fan{user}", f"{kind}{item:02d}", END - timedelta(days=1 + (user * 3 + item) % 20), type)
        for kind, types in (("tea", ("view",)), ("mug", ("view", "purchase")))
        for user in range(8)
        for item in range(10)
        for type in types
        if (user + item) % 10 < 7
    ]
    frame = pl.DataFrame(rows, ["user_id", "item_id", "ts", "type"], orient="row").with_row_index("n")
    return full(frame.with_columns(event_id=pl.format("e{}", "n"), ts=pl.col("ts").dt.convert_time_zone("UTC")), EVENTS)


DOCUMENT = parse(
    msgspec.json.encode(
        {
            "schema": "recsys.tenant/1",
            "tenant": "acme",
            "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
            "algorithms": {
                "popularity": {
                    "per_user_segment": True,
                    "per_trait": ["loyalty", "locale"],
                    "minimum_people": 8,
                    "trait_shrinkage": 0,  # there are eight of each
                },
                "cooccurrence": {},
                "content": {},
                "trending": {},
                "latest": {},
                "buy_again": {},
            },
            "ranking": {"weights": {"cooccurrence": 1.0, "popularity": 0.2, "content": 0.1}, "exclude_seen": None},
            "surfaces": {"home": {}, "shelf": {"new_items": {"share": 0.2, "days": 14}}},
        }
    ),
    "test",
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """What each surface serves, after everything was weighed, learned and encoded."""
    folder = tmp_path_factory.mktemp("cold")
    lake = Lake(open_blobs(str(folder / "lake"), {}))
    lake.write("items", "acme", DAY, items())
    lake.write("users", "acme", DAY, users())
    for (day,), rows in events().group_by(pl.col("ts").dt.date()):
        lake.write("events", "acme", day, rows.sort("event_id"))
    refresh(DOCUMENT, lake, DAY, folder=folder)
    for fit in fits(DOCUMENT):
        weigh(DOCUMENT, lake, DAY, fit)
    for algorithm in {settings.name for settings in configured(DOCUMENT).values()}:
        train(DOCUMENT, lake, DAY, algorithm)
    (folder / "served").mkdir()
    arrays = encoded(DOCUMENT, lake, DAY, "served", folder=folder / "served")
    return {name: open_encoded("acme", name, arrays, DOCUMENT.on(name), END) for name in DOCUMENT.surfaces}


@pytest.fixture
def answer(bundles):
    """``answer(surface, k=10, ...)``: what the surface answers on the next morning."""
    return lambda surface, **asked: recommend(bundles[surface], Query(**({"k": 10, "now": END} | asked)))


@pytest.mark.parametrize("segment", ["tea", "mug"])
def test_a_user_of_whom_only_the_segment_is_known_gets_the_segments_list(answer, segment):
    given = answer("home", user_id=f"stranger-{segment}", k=5)

    assert {item.item_id[:3] for item in given.items} == {segment}
    assert {item.source for item in given.items} == {"popularity"}
    assert given.fallback_level == 2


@pytest.mark.parametrize(
    ("user", "segment", "kinds"),
    [
        pytest.param("traits-tea", "loyalty=green", {"tea"}, id="the first trait with a list"),
        pytest.param("traits-mug", "locale=en", {"mug"}, id="the next trait, if nobody else has the first one's value"),
        pytest.param("stranger-tea", "tea", {"tea"}, id="the own segment comes before any trait"),
    ],
)
def test_a_user_of_whom_only_traits_are_known_gets_the_list_of_one(answer, user, segment, kinds):
    given = answer("home", user_id=user, k=5)

    assert {item.item_id[:3] for item in given.items} == kinds
    assert given.fallback_level == 2
    assert given.trace.situation.ask.segment == segment
    assert f"only the segment {segment} is known" in given.warnings[0].detail


@pytest.mark.parametrize("user", ["traits-rare", "traits-odd"])
def test_a_user_whose_traits_are_rare_or_no_traits_gets_what_is_popular(answer, user):
    given = answer("home", user_id=user, k=5)

    assert given.fallback_level == 3
    assert given.trace.situation.ask.segment == "default"


def test_a_user_who_is_not_known_at_all_gets_what_is_popular(answer):
    given = answer("home", user_id="nobody", k=5)

    assert {item.item_id[:3] for item in given.items} == {"mug"}
    assert given.fallback_level == 3


def test_the_first_click_is_worth_more_than_the_segment(answer):
    given = answer("home", user_id="stranger-mug", anchors=("tea03",), k=5)

    assert given.items[0].item_id.startswith("tea")
    assert given.fallback_level == 1


def test_an_item_that_nobody_has_touched_is_found_by_what_its_text_says(answer):
    given = answer("home", anchors=("tea03",), k=21)

    (new,) = [item for item in given.items if item.item_id == "tea-new"]
    assert new.reasons == ("content_similarity",)


def test_a_surface_that_keeps_places_for_new_items_shows_them(answer):
    with_places, without = (answer(surface, user_id="stranger-tea", k=10).items for surface in ("shelf", "home"))

    assert {item.item_id: item.rank for item in with_places if item.item_id.endswith("new")} == {
        "mug-new": 5,
        "tea-new": 10,
    }
    assert not [item for item in without if item.item_id.endswith("new")]


def test_the_newest_can_be_asked_for(answer):
    given = answer("home", k=2, strategy="latest")

    assert [item.item_id for item in given.items] == ["mug-new", "tea-new"]


def test_where_no_list_is_of_a_segment_no_users_are_stored(tmp_path):
    none = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "score": pl.Float64})

    names = [artifact.name for artifact in encode({}, items(), none, {}, tmp_path, users=users())]

    assert names == ["items", "history"]


EVERYTHING = {name: {} for name in discover(())}
THIN = {  # who bought what, at which value
    "nothing": [],
    "one pair": [("ann", "tea00", 1.0)],
    "one user": [("ann", f"tea0{n}", 1.0) for n in range(5)],
    "one item": [(f"u{n}", "tea00", 1.0) for n in range(5)],
    "weights of zero": [(f"u{n}", f"tea0{item}", 0.0) for n in range(5) for item in range(n)],
}


def thin(folder, rows, **changes):
    """A tenant that wants every algorithm and has these purchases, in a lake: weighed, examined, and learned from."""
    lake = Lake(open_blobs(str(folder / "lake"), {}))
    lake.write("items", "acme", DAY, items())
    lake.write("users", "acme", DAY, users())
    events = pl.DataFrame(rows, {"user_id": pl.String, "item_id": pl.String, "value": pl.Float64}, orient="row")
    day = events.with_row_index("n").with_columns(
        event_id=pl.format("e{}", "n"), ts=pl.lit(END) - pl.duration(hours=pl.col("n") + 1), type=pl.lit("purchase")
    )
    if day.height:
        lake.write("events", "acme", DAY, full(day, EVENTS))
    written = msgspec.to_builtins(DOCUMENT) | {
        "algorithms": EVERYTHING,
        "ranking": {"weights": dict.fromkeys(EVERYTHING, 1.0), "exclude_seen": None},
        "interactions": {"scaled_by_value": ["purchase"]},
    }
    document = parse(msgspec.json.encode(written | changes), "test")
    refresh(document, lake, DAY, folder=folder)
    for fit in fits(document):
        pairs = weigh(document, lake, DAY, fit)
    found = examine(document, lake, DAY, pairs, now=END)
    for algorithm in EVERYTHING:
        train(document, lake, DAY, algorithm)
    return document, lake, found


def documented(world):
    """The algorithms that the page says learn something from so little."""
    page = Path(__file__).parents[2] / "docs" / "explanation" / "cold-start.md"
    (names,) = re.findall(rf"^\| {world} \| (.*) \|$", page.read_text(), re.M)
    return set(re.findall(r"`(\w+)`", names))


@pytest.mark.parametrize("world", THIN)
def test_hardly_any_data_is_said_and_who_asks_gets_a_list_all_the_same(tmp_path, world):
    document, lake, found = thin(tmp_path, THIN[world])

    tables = {name: lake.read("models_served", "acme", DAY, part=name) for name in EVERYTHING}
    assert {name for name, table in tables.items() if not table.is_empty()} == documented(world)
    assert set(silent(document, lake, DAY)) == EVERYTHING.keys() - documented(world)
    assert {"interactions", "users"} <= {each.name for each in found.findings if each.severity == "critical"}
    (tmp_path / "served").mkdir()
    arrays = encoded(document, lake, DAY, "served", folder=tmp_path / "served")
    bundle = open_encoded("acme", "home", arrays, document.on("home"), END)
    for user in ("ann", "u1", "nobody"):
        assert len(recommend(bundle, Query(k=5, now=END, user_id=user)).items) == 5


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_weight_that_is_no_number_stops_the_training_with_its_name(tmp_path, mode):
    """Ingest refuses such a value; should one be in the lake, nothing is learned from it."""
    with pytest.raises(
        InvalidTrainingData, match=r"not a finite number .* such as nan for user 'ann' and item 'tea00'"
    ):
        thin(tmp_path, [("ann", "tea00", float("nan"))], training={"mode": mode})


def test_the_settings_of_the_how_to_are_settings():
    """Every piece of JSON on the page, put into one document after the other."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "welcome-new-users-and-items.md"
    pieces = [msgspec.json.decode(f"{{{piece}}}") for piece in re.findall(r"```json\n(.*?)```", page.read_text(), re.S)]
    written = msgspec.to_builtins(DOCUMENT)
    everything = {"algorithms": {}, "ranking": {}, "surfaces": {"home": {}}}
    for piece in pieces:
        for key in everything.keys() & piece.keys():
            everything[key] |= piece[key]

    document = parse(msgspec.json.encode(written | everything | {"default_surface": "home"}), "the page")

    assert len(pieces) == 3
    assert set(configured(document)) == {"popularity", "content", "latest"}
    assert document.on("home").new_items is not None
