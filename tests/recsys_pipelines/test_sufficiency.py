from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from data_contracts.documents import parse
from data_contracts.tables import INTERACTIONS, USERS
from recsys_pipelines import contract
from recsys_pipelines.lake import Lake
from recsys_pipelines.sufficiency import (
    MEASURES,
    RECORD,
    Sufficiency,
    examine,
    measured,
    read_sufficiency,
    silent,
    sufficiency,
)

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "cold-start.md"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = date(2026, 2, 28)
ENOUGH = {name: 0.1 if measure.is_at_most else 10_000.0 for name, measure in MEASURES.items()}


@pytest.fixture
def lake(blobs):
    return Lake(blobs)


def pairs(rows):
    """Interactions from (user, item, age in days, weight)."""
    return pl.DataFrame(
        [(user, item, weight, NOW - timedelta(days=age), 1) for user, item, age, weight in rows],
        contract.schema(INTERACTIONS),
        orient="row",
    )


def catalog(*items):
    return pl.DataFrame({"item_id": items}, {"item_id": pl.String})


def document(**fields):
    source = {"path": "x.csv"}
    given = {
        "schema": "recsys.tenant/1",
        "tenant": "acme",
        "sources": {"items": [source], "events": [source]},
        "algorithms": {"popularity": {}, "trending": {}},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    return parse(msgspec.json.encode(given | fields), "test")


def test_the_numbers_are_counted_by_hand():
    rows = pairs([("ann", "tea", 1, 1.0), ("ann", "milk", 20, 1.0), ("bob", "tea", 2, 1.0), ("cid", "tea", 30, 1.0)])

    numbers = measured(
        rows, catalog("tea", "milk", "jam", "salt"), began=NOW - timedelta(days=45.5), now=NOW, test_days=7
    )

    assert numbers == {
        "interactions": 4,
        "users": 3,
        "items": 2,
        "items_per_user": 1.333,
        "thin_users_share": 0.667,
        "unseen_items_share": 0.5,
        "history_days": 46,
        "test_users": 2,
        "known_test_users": 1,
    }


def test_there_is_a_number_for_every_measure():
    numbers = measured(pairs([]), catalog(), began=None, now=NOW, test_days=7)

    assert numbers.keys() == MEASURES.keys()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no interactions"),
        pytest.param([("ann", "tea", 1, 0.0)], id="only weights of zero"),
        pytest.param([("ann", "tea", 1, 1.0)], id="one pair"),
        pytest.param([("ann", "tea", 1, 1.0), ("ann", "milk", 1, 1.0)], id="one user"),
        pytest.param([("ann", "tea", 1, 1.0), ("bob", "tea", 1, 1.0)], id="one item"),
    ],
)
def test_hardly_any_data_is_critical_and_says_what_is_missing(rows):
    numbers = measured(pairs(rows), catalog("tea", "milk"), began=None, now=NOW, test_days=7)

    found = sufficiency(numbers)

    critical = {finding.name for finding in found.findings if finding.severity == "critical"}
    assert {"interactions", "users", "history_days", "known_test_users"} <= critical
    assert all(finding.advice for finding in found.findings)


def test_an_empty_catalog_is_all_unseen():
    assert measured(pairs([]), catalog(), began=None, now=NOW, test_days=7)["unseen_items_share"] == 1.0


def test_enough_of_everything_is_no_finding():
    found = sufficiency(ENOUGH)

    assert found.findings == ()
    assert found.message == "enough data by all measures"


@pytest.mark.parametrize(
    ("name", "value", "severity", "threshold", "message"),
    [
        pytest.param("users", 99, "warning", 100, "99 users of 100 wanted", id="too few"),
        pytest.param("users", 9, "critical", 10, "9 users of 10 needed", id="far too few"),
        pytest.param(
            "thin_users_share",
            0.85,
            "warning",
            0.8,
            "0.85 of the users have one item alone, at most 0.8 should",
            id="too many",
        ),
        pytest.param(
            "history_days", 27, "warning", 28, "27 days of history of 28 wanted", id="four times the test days"
        ),
        pytest.param("history_days", 13, "critical", 14, "13 days of history of 14 needed", id="twice the test days"),
        pytest.param(
            "test_users", 49, "warning", 50, "49 users in the test days of 50 wanted", id="the gate's minimum"
        ),
    ],
)
def test_a_finding_names_its_number_and_its_limit(name, value, severity, threshold, message):
    (finding,) = sufficiency(ENOUGH | {name: value}).findings

    assert (finding.name, finding.severity, finding.value, finding.threshold) == (name, severity, value, threshold)
    assert finding.message == message


@pytest.mark.parametrize("name", MEASURES)
def test_a_number_at_its_limit_is_enough(name):
    assert sufficiency(ENOUGH | {name: MEASURES[name].wanted}).findings == ()


def test_the_worst_comes_first():
    found = sufficiency(ENOUGH | {"interactions": 999, "users": 1})

    assert [finding.name for finding in found.findings] == ["users", "interactions"]
    assert found.message == "1 users of 10 needed; 999 user-item pairs of 1,000 wanted"


def test_limits_follow_the_tenants_document():
    numbers = ENOUGH | {"history_days": 30, "test_users": 30}

    assert sufficiency(numbers, test_days=7, minimum_users=30).findings == ()
    assert {finding.name for finding in sufficiency(numbers, test_days=14).findings} == {"history_days", "test_users"}


def test_what_is_found_is_recorded_beside_the_partition(lake):
    events = pl.DataFrame({"ts": [NOW - timedelta(days=3)]}, {"ts": pl.Datetime("us", "UTC")})
    lake.write("events", "acme", date(2026, 2, 26), events)
    lake.write("items", "acme", DAY, catalog("tea", "milk"))

    found = examine(document(gate={"minimum_users": 1}), lake, DAY, pairs([("ann", "tea", 1, 1.0)]), now=NOW)

    assert found.numbers["history_days"] == 3
    assert read_sufficiency(lake, "acme", DAY) == found
    assert lake.read_json(RECORD, "acme", DAY, dict)["findings"][0]["severity"] == "critical"


def people(**said):
    """Users with these traits as they stand in the lake."""
    rows = [{"user_id": name, "traits": text} for name, text in said.items()]
    return pl.DataFrame(rows, schema=contract.schema(USERS))


def test_a_trait_that_gets_no_list_is_a_finding_with_the_number(lake):
    """Of four who are gold one did nothing; of six who speak German enough did."""
    gold, german = '{"loyalty":"gold","locale":"de"}', '{"locale":"de","loyalty":"none"}'
    names = ["ann", "bob", "cid", "dan", "eve", "fay"]
    lake.write("items", "acme", DAY, catalog("tea", "milk"))
    lake.write("users", "acme", DAY, people(**dict(zip(names, [gold] * 4 + [german] * 2, strict=True))))
    settings = {"per_trait": ["loyalty", "locale", "device"], "minimum_people": 5}
    rows = pairs([(name, "tea", 1, 0.0 if name == "dan" else 1.0) for name in names])

    found = examine(document(algorithms={"popularity": settings}), lake, DAY, rows, now=NOW)

    assert [(each.name, each.severity, each.message) for each in found.findings if "per_trait" in each.name] == [
        ("popularity.per_trait.loyalty", "warning", "3 people share the most common loyalty of 5 needed for a list"),
        ("popularity.per_trait.device", "warning", "0 people share the most common device of 5 needed for a list"),
    ]
    assert read_sufficiency(lake, "acme", DAY) == found


def test_a_day_that_nobody_looked_at_has_no_record(lake):
    assert read_sufficiency(lake, "acme", DAY) is None


def test_without_events_there_is_no_history(lake):
    lake.write("items", "acme", DAY, catalog())

    assert examine(document(), lake, DAY, pairs([]), now=NOW).numbers["history_days"] == 0


def test_an_algorithm_that_learned_nothing_is_named(lake):
    table = pl.DataFrame({"item_id": ["tea"]})
    lake.write("models_served", "acme", DAY, table, part="popularity")
    lake.write("models_served", "acme", DAY, table.clear(), part="trending")
    lake.write("models_served", "acme", DAY, table.clear(), part="of_another_document")

    assert silent(document(), lake, DAY) == ("trending",)


def test_an_algorithm_that_was_not_fitted_is_not_silent(lake):
    assert silent(document(), lake, DAY) == ()


@pytest.mark.parametrize(("name", "measure"), MEASURES.items(), ids=list(MEASURES))
def test_the_page_on_cold_start_gives_the_limits(name, measure):
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}`")]
    _, _, wanted, needed, _ = (cell.strip() for cell in row.split("|"))
    by_document = {
        "history_days": ("four times `evaluation.test_days`", "twice"),
        "test_users": ("`gate.minimum_users`", "1"),
    }
    prefix = "at most " if measure.is_at_most else ""

    assert (wanted, needed) == by_document.get(name, (f"{prefix}{measure.wanted:,g}", f"{prefix}{measure.needed:,g}"))


def test_the_record_survives_json():
    found = sufficiency(ENOUGH | {"users": 1})

    assert msgspec.json.decode(msgspec.json.encode(found), type=Sufficiency) == found
