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
from recsys_pipelines.algorithm import configured
from recsys_pipelines.embeddings.index import refresh
from recsys_pipelines.encoding import encode
from recsys_pipelines.lake import Lake
from recsys_pipelines.training import encoded, fits, train, weigh

pytestmark = pytest.mark.slow  # the whole pipeline

DAY = date(2026, 2, 28)
END = datetime(2026, 3, 1, tzinfo=UTC)
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
    """Drinkers of tea, buyers of mugs, and of each segment one who has done nothing yet."""
    rows = [(f"{kind}-fan{n}", kind) for kind in WORDS for n in range(8)]
    return full(
        pl.DataFrame([*rows, ("stranger-tea", "tea"), ("stranger-mug", "mug")], ["user_id", "segment"], orient="row"),
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
                "popularity": {"per_user_segment": True},
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
