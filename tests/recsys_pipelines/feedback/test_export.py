from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from data_contracts.feedback_tables import BAD_OUTCOMES, FUNNEL, VOLUMES
from recsys_pipelines.contract import schema
from recsys_pipelines.feedback.business import Business
from recsys_pipelines.feedback.export import metrics, write_metrics
from recsys_pipelines.feedback.joins import JoinFacts
from recsys_pipelines.feedback.page import write_page

DAY = datetime(2026, 2, 10, tzinfo=UTC)
HOME = ("home", 2, 4, 2, 1, 0.25, 0, 0.0, 1, 0.25, 1500, 750.0)
CART = ("cart", 0, 0, 0, 0, None, 1, None, 0, None, 0, None)


BEFORE = DAY.replace(day=9)
BAD = [
    ("returns", BEFORE, "a", "home", 8, 6),
    ("returns", DAY, "a", "", 4, 0),
    ("returns", DAY, "<i>b</i>", "home", 2, 1),
    ("unavailable_clicks", BEFORE, "a", "home", 5, 5),
    ("unavailable_clicks", DAY, "a", "home", 4, 1),
]


@pytest.fixture
def numbers():
    funnel = [(DAY, *HOME), (DAY, *CART), (DAY.replace(day=9), *HOME)]
    events = [(DAY, "view", 7), (DAY.replace(hour=23), "view", 3), (DAY, "click", 2), (DAY.replace(day=9), "add", 5)]
    return Business(
        tenant="demo",
        currency="EUR",
        day=date(2026, 2, 10),
        funnel=pl.DataFrame(funnel, schema=schema(FUNNEL), orient="row"),
        volumes=pl.DataFrame(events, schema=schema(VOLUMES), orient="row"),
        joins=JoinFacts(outcomes=3, with_request=2, joined=1, requests=2, items=4, unranked=0, repeated=0),
        positions=pl.DataFrame({"rank": [1], "items": [4], "share": [1.0]}),
        outcomes=3,
        credited=2,
        bad_outcomes=pl.DataFrame(BAD, schema=schema(BAD_OUTCOMES), orient="row"),
    )


def samples(text):
    """Every sample by name, tenant and the other label, as Prometheus reads them."""
    families = text_string_to_metric_families(text.decode())
    return {
        (each.name, each.labels.pop("tenant"), *each.labels.values()): each.value
        for family in families
        for each in family.samples
    }


def test_the_day_is_gauges_that_prometheus_reads(numbers):
    found = samples(metrics(numbers))

    assert found["recsys_business_ctr", "demo", "home"] == 0.25
    assert found["recsys_business_conversion", "demo", "home"] == 0.25
    assert found["recsys_business_revenue_minor", "demo", "home"] == 1500
    assert found["recsys_business_adds", "demo", "cart"] == 1
    assert found["recsys_events", "demo", "view"] == 10
    assert found["recsys_join_share", "demo"] == 0.5
    assert found["recsys_business_day_seconds", "demo"] == DAY.timestamp()


def test_bad_outcomes_are_those_of_a_surface_of_weeks_of_purchases_and_of_the_day_s_clicks(numbers):
    found = samples(metrics(numbers))

    assert found["recsys_bad_outcomes", "demo", "returns", "home"] == 6 + 1
    assert found["recsys_bad_outcome_share", "demo", "returns", "home"] == 7 / 10
    assert found["recsys_bad_outcomes", "demo", "unavailable_clicks", "home"] == 1
    assert found["recsys_bad_outcome_share", "demo", "unavailable_clicks", "home"] == 1 / 4
    assert ("recsys_bad_outcomes", "demo", "returns", "") not in found


def test_the_worst_items_are_those_of_the_highest_rate_however_they_were_sold(numbers, tmp_path):
    worst = numbers.worst_items.select("kind", "item_id", "outcomes", "bad").rows()

    # 6 of 12 are certainly a quarter; 1 of 2 could be chance, though the share is the same.
    assert worst == [("returns", "a", 12, 6), ("returns", "<i>b</i>", 2, 1), ("unavailable_clicks", "a", 9, 6)]
    text = write_page(numbers, {}, tmp_path).read_text()
    assert "<td>a</td><td>purchases</td><td>12</td><td>6</td><td>25.00%</td>" in text
    assert "<i>" not in text


def test_a_page_without_bad_outcomes_does_not_speak_of_them(numbers, tmp_path):
    text = write_page(replace(numbers, bad_outcomes=numbers.bad_outcomes.clear()), {}, tmp_path).read_text()

    assert "outcomes</h2>" not in text
    assert "worst" not in text


def test_what_has_no_value_is_not_written_as_zero(numbers):
    nothing = JoinFacts(outcomes=0, with_request=0, joined=0, requests=0, items=0, unranked=0, repeated=0)

    found = samples(metrics(replace(numbers, joins=nothing)))

    assert ("recsys_business_ctr", "demo", "cart") not in found
    assert ("recsys_join_share", "demo") not in found
    assert ("recsys_events", "demo", "add") not in found


def test_the_file_takes_the_place_of_the_one_before(numbers, tmp_path):
    write_metrics(replace(numbers, tenant="other"), tmp_path)

    path = write_metrics(numbers, tmp_path)

    assert path == tmp_path / "business.prom"
    assert path.read_bytes() == metrics(numbers)
    assert list(tmp_path.iterdir()) == [path]


def test_the_page_needs_no_other_file_and_escapes_what_comes_from_data(numbers, tmp_path):
    odd = numbers.funnel.with_columns(surface=pl.lit("<b>home</b>"))

    text = write_page(replace(numbers, funnel=odd), {"Places": "<svg></svg>"}, tmp_path).read_text()

    assert "&lt;b&gt;home" in text
    assert "<b>" not in text
    assert "<svg></svg>" in text
    assert [word for word in ("15.00 EUR", "25.00%", "50.00%") if word not in text] == []
    assert [word for word in ("http://", "https://", "<script", "<link") if word in text] == []


def test_a_page_of_a_day_without_anything_says_so(numbers, tmp_path):
    empty = replace(numbers, funnel=numbers.funnel.clear(), volumes=numbers.volumes.clear())

    assert "Nothing was shown" in write_page(empty, {}, tmp_path).read_text()
