"""How purchases and clicks turned out, by hand, and as far as it was known at some moment."""

import json
from datetime import UTC, date, datetime, time, timedelta

import msgspec
import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from data_contracts.feedback_tables import ATTRIBUTIONS
from data_contracts.tables import EVENTS, ITEMS, ORDERS
from recsys_pipelines.contract import schema
from recsys_pipelines.feedback.bad_outcomes import bad_outcomes, rates, write_bad_outcomes
from recsys_pipelines.lake import Lake

FIRST, SECOND, THIRD = (date(2026, 2, day) for day in (10, 11, 12))
START = datetime(2026, 2, 10, tzinfo=UTC)
END = START + timedelta(days=3)
RETURN = json.dumps({"kind": "return", "why": "too small"})
DECLARED = {"returns": {}}
SOURCES = {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]}
ORDERED = {"sources": {**SOURCES, "orders": [{"path": "orders.csv"}]}}


def document(**changes):
    body = {
        "schema": "recsys.tenant/1",
        "tenant": "demo",
        "sources": SOURCES,
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1.0}},
        "surfaces": {"home": {}},
    }
    return parse(msgspec.json.encode(body | changes), "test")


class Shop:
    """Days of a tenant in the lake, as ingest and attribution leave them."""

    def __init__(self, folder):
        self.lake = Lake(DirectoryBlobs(folder / "lake"))

    def write(self, table, day, rows, tenant="demo"):
        declared = {"events": EVENTS, "attributions": ATTRIBUTIONS, "items": ITEMS, "orders": ORDERS}[table]
        frame = pl.DataFrame(rows, schema_overrides=schema(declared)) if rows else pl.DataFrame()
        whole = pl.concat([pl.DataFrame(schema=schema(declared)), frame], how="diagonal")
        self.lake.write(table, tenant, day, whole)

    def events(self, day, *rows, tenant="demo"):
        """(hour, event, type, user, item, order, meta), of which the last ones may be missing."""
        names = ("ts", "event_id", "type", "user_id", "item_id", "order_id", "meta")
        found = [dict(zip(names, row, strict=False)) for row in rows]
        self.write("events", day, [row | {"ts": at(day, row["ts"])} for row in found], tenant)

    def credited(self, day, *rows):
        """(event, type, item, request, surface)."""
        names = ("event_id", "type", "item_id", "request_id", "surface")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        self.write("attributions", day, [row | {"ts": at(day, 12)} for row in found])

    def items(self, day, **available):
        self.write("items", day, [{"item_id": id, "available": is_there} for id, is_there in available.items()])

    def orders(self, day, **cancelled):
        rows = [{"order_id": id, "ts": START, "cancelled": is_off} for id, is_off in cancelled.items()]
        self.write("orders", day, rows)

    def found(self, document, end=END):
        """(kind, item, surface, outcomes, bad), the days taken together."""
        rows = bad_outcomes(document, self.lake, START, end)
        counted = rows.group_by("kind", "item_id", "surface").agg(pl.col("outcomes", "bad").sum())
        return counted.sort("kind", "item_id", "surface").rows()


def at(day, hour):
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def sold(shop):
    """Five purchases of two items by two people; two are credited to a recommendation."""
    shop.events(
        FIRST,
        (1, "p1", "purchase", "ann", "a", "o1"),
        (1, "p2", "purchase", "ann", "b", "o1"),
        (2, "p3", "purchase", "ann", "a", "o2"),
        (3, "p4", "purchase", "bob", "a", "o3"),
        (4, "p5", "purchase", "bob", "a", "o4"),
    )
    shop.credited(
        FIRST, ("p1", "purchase", "a", "r1", "home"), ("p4", "purchase", "a", "r2", "cart"), *[uncredited("p5")]
    )
    return shop


def uncredited(event):
    return (event, "purchase", "a", None, None)


def test_purchases_of_a_cancelled_order_count_by_item_and_surface(sold):
    sold.orders(THIRD, o1=True, o2=False, o3=True)

    assert sold.found(document(**ORDERED)) == [
        ("returns", "a", "", 2, 0),
        ("returns", "a", "cart", 1, 1),
        ("returns", "a", "home", 1, 1),
        ("returns", "b", "", 1, 1),
    ]


@pytest.mark.parametrize(
    ("event", "came_back"),
    [
        pytest.param(("eve", "a", "o1"), ["p1"], id="an item of an order, whoever sends it"),
        pytest.param(("ann", None, "o1"), ["p1", "p2"], id="a whole order"),
        pytest.param(("ann", "a", None), ["p3"], id="the newest purchase of the person"),
        pytest.param(("ann", "a", "o9"), [], id="another order"),
        pytest.param(("eve", "a", None), [], id="another person"),
        pytest.param(("bob", "b", None), [], id="another item"),
        pytest.param((None, "a", None), [], id="nobody"),
    ],
)
def test_an_event_says_which_purchases_came_back(sold, event, came_back):
    sold.events(SECOND, (1, "x1", "custom", *event, RETURN))

    found = bad_outcomes(document(**DECLARED), sold.lake, START, END)

    items = {"p1": "a", "p2": "b", "p3": "a"}
    assert found["outcomes"].sum() == 5
    counted = dict(found.group_by("item_id").agg(pl.col("bad").sum()).rows())
    assert counted == {id: [items[each] for each in came_back].count(id) for id in ("a", "b")}


def test_a_purchase_that_comes_back_twice_came_back_once(sold):
    sold.orders(THIRD, o1=True)
    sold.events(SECOND, (1, "x1", "custom", "ann", "a", "o1", RETURN), (2, "x2", "custom", "ann", "a", "o1", RETURN))

    found = sold.found(document(**DECLARED, **ORDERED))

    assert ("returns", "a", "home", 1, 1) in found
    assert sum(bad for *_, bad in found) == 2  # of b the order was cancelled


@pytest.mark.parametrize(
    ("event", "meta"),
    [
        pytest.param("custom", '{"kind": "wish"}', id="another value"),
        pytest.param("custom", '{"sort": "return"}', id="another field"),
        pytest.param("custom", "return", id="a text that is no JSON"),
        pytest.param("custom", None, id="no meta"),
        pytest.param("view", RETURN, id="another type"),
    ],
)
def test_other_events_say_nothing(sold, event, meta):
    sold.events(SECOND, (1, "x1", event, "ann", "a", "o1", meta))

    assert sum(bad for *_, bad in sold.found(document(**DECLARED))) == 0


def test_the_document_says_which_events_tell(sold):
    said = document(returns={"field": "status", "values": ["back", "lost"]})
    sold.events(
        SECOND,
        (1, "x1", "custom", "ann", "b", "o1", '{"status": "lost"}'),
        (2, "x2", "custom", "ann", "a", "o1", RETURN),
    )

    assert [row for row in sold.found(said) if row[-1]] == [("returns", "b", "", 1, 1)]


def test_where_nothing_tells_of_returns_there_are_no_zeros(sold):
    assert sold.found(document()) == []


def test_a_click_is_judged_by_the_catalog_of_its_own_day(shop):
    shop.credited(FIRST, ("c1", "click", "a", "r1", "home"), ("c2", "click", "b", "r1", "home"))
    shop.credited(SECOND, ("c3", "click", "a", "r2", "home"), ("c4", "click", "gone", "r2", "cart"))
    shop.items(FIRST, a=True, b=False)
    shop.items(SECOND, a=False, b=True)

    assert shop.found(document()) == [
        ("unavailable_clicks", "a", "home", 2, 1),
        ("unavailable_clicks", "b", "home", 1, 1),
        ("unavailable_clicks", "gone", "cart", 1, 1),
    ]


def test_clicks_that_cannot_be_judged_count_nowhere(shop):
    shop.credited(FIRST, ("c1", "click", "a", "r1", "home"), ("c2", "click", "a", None, None))
    shop.credited(SECOND, ("c3", "click", "a", "r2", "home"), ("c4", "add", "a", "r2", "home"))
    shop.items(FIRST, a=False)

    # The second day has no catalog, c2 led from no recommendation, and c4 is no click.
    assert shop.found(document()) == [("unavailable_clicks", "a", "home", 1, 1)]


def test_two_clicks_on_one_place_are_one(shop):
    shop.credited(FIRST, *[(f"c{n}", "click", "a", request, "home") for n, request in enumerate(["r1", "r1", "r2"])])
    shop.items(FIRST, a=False)

    assert shop.found(document()) == [("unavailable_clicks", "a", "home", 2, 2)]


def test_what_happened_later_is_not_known(sold):
    """The evaluated fit is asked with the end of its own days: nothing that is told afterwards may leak into it."""
    both = document(**DECLARED, **ORDERED)
    sold.items(FIRST, a=False)
    sold.credited(SECOND, ("c1", "click", "a", "r1", "home"))
    sold.items(SECOND, a=False)
    sold.orders(FIRST, o1=False, o3=False)
    before = sold.found(both, at(SECOND, 0))

    sold.events(SECOND, (0, "x1", "custom", "ann", "a", "o1", RETURN), (1, "p6", "purchase", "bob", "a", "o5"))
    sold.orders(SECOND, o1=True, o3=True)

    assert [bad for *_, bad in before] == [0, 0, 0, 0]
    assert sold.found(both, at(SECOND, 0)) == before
    assert sum(bad for *_, bad in sold.found(both)) == 4  # p1, p2, p4 and the click


def test_the_same_rows_in_any_order_give_the_same_bytes(sold):
    said = document(**DECLARED)
    sold.events(SECOND, (1, "x1", "custom", "ann", "a", "o1", RETURN), (1, "x2", "custom", "bob", "a", None, RETURN))
    sold.items(FIRST, a=True)
    first = write_bad_outcomes(said, sold.lake, THIRD)
    for table in ("events", "attributions"):
        for day in sold.lake.days(table, "demo"):
            sold.lake.write(table, "demo", day, sold.lake.read(table, "demo", day).reverse())

    assert bad_outcomes(said, sold.lake, END - timedelta(days=28), END).equals(first)
    assert not sold.lake.write("bad_outcomes", "demo", THIRD, write_bad_outcomes(said, sold.lake, THIRD))


def test_another_tenant_s_returns_are_its_own(sold):
    said = document(**DECLARED)
    before = sold.found(said)

    sold.events(SECOND, (1, "x1", "custom", "ann", "a", "o1", RETURN), tenant="other")

    assert sold.found(said) == before


@pytest.mark.parametrize(
    ("bad", "outcomes", "rate"),
    [(0, 1, 0), (1, 1, 1 / 5), (1, 2, (3 - 2 * 1.5**0.5) / 6), (6, 12, 1 / 4), (100, 100, 100 / 104), (0, 900, 0)],
)
def test_a_rate_is_what_is_certain_of_the_share(bad, outcomes, rate):
    """One return of one purchase says little; a hundred of a hundred say nearly all."""
    rows = pl.DataFrame({"kind": ["returns"], "item_id": ["a"], "outcomes": [outcomes], "bad": [bad]})

    assert rates(rows, ["returns"])["rate"].to_list() == [pytest.approx(rate, abs=1e-12)]
