"""A tenant's days of feedback, from landed files to tables."""

import json
from datetime import date, datetime, timedelta

import msgspec
import pytest

from data_contracts.documents import parse
from data_contracts.records import Subject
from recsys_pipelines.feedback.days import write_attributions, write_funnel, write_volumes
from recsys_pipelines.feedback.exposures import write_exposures
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.sources.source import Place

DAY = date(2026, 2, 10)
NEXT = DAY + timedelta(days=1)
NOW = "2026-02-20T00:00:00+00:00"


class Tenant:
    """A tenant whose events are files of JSON lines, and whose answers are landed exposures."""

    def __init__(self, logged, folder):
        self.logged = logged
        self.folder = folder / "in"
        self.folder.mkdir()
        (self.folder / "items.csv").write_text("item_id,title\na,A\nb,B\n")
        self.document = document()

    def events(self, name, *rows):
        """A file of events: (hours since noon of the day, event, type, user, item, request, more...)."""
        lines = []
        for hours, event_id, type, user_id, item_id, request_id, *more in rows:
            facts = {"event_id": event_id, "type": type, "user_id": user_id, "item_id": item_id}
            at = {"ts": (self.logged.noon + timedelta(hours=hours)).isoformat(), "request_id": request_id}
            lines.append(json.dumps(facts | at | (more[0] if more else {})))
        (self.folder / f"events-{name}.jsonl").write_text("\n".join(lines) + "\n")

    def run(self, until=NEXT):
        """What the daily job does; the results by table."""
        logged, place = self.logged, Place("demo", self.folder, {}, self.logged.landing)
        land(self.document, place, logged.lake, now=datetime.fromisoformat(NOW))
        settle(self.document, logged.lake, until=until)
        return {
            "exposures": write_exposures(logged.landing, logged.lake, "demo", until=until),
            "attributions": write_attributions(self.document, logged.lake, until=until),
            "funnel": write_funnel(logged.lake, "demo"),
            "volumes": write_volumes(logged.lake, "demo", until=until),
        }

    def rows(self, table, *columns, day=DAY):
        return self.logged.lake.read(table, "demo", day).select(columns).rows()


def document(**changes):
    body = {
        "schema": "recsys.tenant/1",
        "tenant": "demo",
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events-*.jsonl"}]},
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1.0}},
        "surfaces": {"home": {}, "cart": {}},
    }
    return parse(msgspec.json.encode(body | changes), "test")


@pytest.fixture
def tenant(logged, tmp_path):
    return Tenant(logged, tmp_path)


@pytest.fixture
def shop(tenant):
    """Two answers at home for two people and one in the cart; ann clicks and buys, bob clicks twice on one place."""
    land, exposure = tenant.logged.land, tenant.logged.exposure
    land(
        exposure("r1", "a", "b"),
        exposure("r2", "b", "a", subject=Subject(anonymous="p-bob")),
        exposure("r3", "b", surface="cart", subject=Subject()),
    )
    tenant.events(
        "1",
        (1, "e1", "click", "ann", "a", "r1"),
        (2, "e2", "purchase", "ann", "a", None, {"amount_minor": 1500}),
        (1, "e3", "click", "bob", "b", "r2"),
        (2, "e4", "click", "bob", "b", "r2"),
        (3, "e5", "add", "eve", "b", "r3"),
        (3, "e6", "purchase", "eve", "a", None, {"amount_minor": 700}),
        (3, "e7", "view", "eve", "a", None),
        (13, "e8", "add", "ann", "a", None),
    )
    tenant.events("2", (20, "f1", "view", "bob", "a", None))
    return tenant


def test_the_funnel_of_a_day_by_hand(shop):
    shop.run()

    home = ("home", 2, 4, 2, 2, 2 / 4, 0, 0.0, 1, 1 / 4, 1500, 1500 / 2)
    cart = ("cart", 1, 1, 0, 0, 0.0, 1, 1.0, 0, 0.0, 0, None)
    shares = ("clicks", "ctr", "adds", "add_rate", "purchases", "conversion", "revenue_minor", "revenue_per_user")
    assert shop.rows("funnel", "surface", "requests", "items", "users", *shares) == [cart, home]


def test_an_outcome_counts_on_its_own_day_where_nothing_was_shown_without_shares(shop):
    shop.run()

    found = shop.rows("funnel", "surface", "items", "adds", "add_rate", "ctr", "revenue_per_user", day=NEXT)
    assert found == [("home", 0, 1, None, None, None)]


def test_outcomes_are_credited_across_days_and_the_others_stay(shop):
    results = shop.run()

    found = shop.rows("attributions", "event_id", "method", "request_id", "rank", "surface", "amount_minor")
    assert found == [
        ("e1", "request", "r1", 1, "home", None),
        ("e3", "request", "r2", 1, "home", None),
        ("e2", "touch", "r1", 1, "home", 1500),
        ("e4", "request", "r2", 1, "home", None),
        ("e5", "request", "r3", 1, "cart", None),
        ("e6", None, None, None, None, 700),
    ]
    assert shop.rows("attributions", "event_id", "method", "request_id", day=NEXT) == [("e8", "touch", "r1")]
    assert (results["attributions"].rows, results["attributions"].credited) == (7, 6)


def test_volumes_count_events_by_hour_and_type(shop):
    shop.run()

    noon = shop.logged.noon
    assert shop.rows("volumes", "hour", "type", "events") == [
        (noon + timedelta(hours=1), "click", 2),
        (noon + timedelta(hours=2), "click", 1),
        (noon + timedelta(hours=2), "purchase", 1),
        (noon + timedelta(hours=3), "add", 1),
        (noon + timedelta(hours=3), "purchase", 1),
        (noon + timedelta(hours=3), "view", 1),
    ]


def test_people_who_log_in_are_followed_from_their_anonymous_id(tenant):
    tenant.logged.land(tenant.logged.exposure("r1", "a"))
    tenant.events(
        "1",
        (1, "e1", "click", None, "a", "r1", {"anonymous_id": "x"}),
        (2, "e2", "view", "ann", "b", None, {"anonymous_id": "x"}),
        (3, "e3", "add", "ann", "a", None),
    )

    tenant.run()

    assert tenant.rows("attributions", "event_id", "user_id", "touch_id") == [("e1", "ann", "e1"), ("e3", "ann", "e1")]


def test_nothing_is_made_twice(shop):
    first, second = shop.run(), shop.run()

    assert first["attributions"].days == first["funnel"].days == first["volumes"].days == (DAY, NEXT)
    assert [second[table].days for table in ("exposures", "attributions", "funnel", "volumes")] == [()] * 4


def test_a_late_event_makes_its_day_and_those_that_it_may_touch_again(shop):
    shop.run()
    shop.events("3", (2.5, "g1", "click", "eve", "a", "r1"))

    results = shop.run()

    assert results["attributions"].days == results["funnel"].days == (DAY, NEXT)
    assert results["volumes"].days == (DAY,)
    assert ("e6", "g1") in shop.rows("attributions", "event_id", "touch_id")


def test_late_exposures_make_the_days_again_that_may_name_them(shop):
    shop.run()
    shop.logged.land(shop.logged.exposure("r4", "a", "b"))

    results = shop.run()

    assert results["funnel"].days == (DAY, NEXT)
    assert ("home", 3) in shop.rows("funnel", "surface", "requests")


def test_another_window_makes_all_days_again(shop):
    shop.run()
    shop.document = document(attribution={"window_hours": 2.5})

    results = shop.run()

    assert results["attributions"].days == (DAY, NEXT)
    assert shop.rows("attributions", "method", day=NEXT) == [(None,)]


def test_a_tenant_without_exposures_gets_volumes_and_nothing_else(tenant):
    tenant.events("1", (1, "e1", "click", "ann", "a", "r1"))

    results = tenant.run()

    assert (results["attributions"].days, results["funnel"].days, results["volumes"].days) == ((), (), (DAY,))
    assert tenant.logged.lake.scan("funnel", "demo", [DAY]).collect().is_empty()
