"""What events are worth: seen, changed in the tenant's document and nowhere else, with the effect on training."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from msgspec import UNSET, structs

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from data_contracts.errors import InvalidDocument
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake
from recsys_pipelines.tenants import load
from recsys_pipelines.weighing import TYPES, Change, edited, effects, proposal, write

DAY = date(2026, 3, 2)
TEXT = """{
  "schema": "recsys.tenant/1",
  "tenant": "demo",
  "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
  "description": "a \\"shop\\", with {braces} and, commas",
  "interactions": {
    "weights": {"view": 0.1},
    "window_days": 30
  },
  "algorithms": {"popularity": {}},   "ranking": {"weights": {"popularity": 1.0}},
  "surfaces": {"home": {}}
}
"""


@pytest.fixture
def tenant(tmp_path):
    (tmp_path / "demo").mkdir()
    path = tmp_path / "demo" / "tenant.json"
    path.write_text(TEXT)
    return load(path)


@pytest.fixture
def lake(tmp_path):
    """Two views of the day, one of them of an audio item, one purchase of the day before."""
    lake = Lake(DirectoryBlobs(tmp_path / "lake"))
    items = [{"item_id": "a", "category": "audio"}, {"item_id": "b", "category": "video"}]
    lake.write("items", "demo", DAY, pl.DataFrame(items, schema=schema(ITEMS)))
    lake.write("users", "demo", DAY, pl.DataFrame(schema=schema(USERS)))
    for day, rows in ((1, [("p", "purchase", "b")]), (2, [("v1", "view", "a"), ("v2", "view", "b")])):
        events = [
            {"event_id": id, "type": type, "item_id": item, "user_id": "u", "ts": datetime(2026, 3, day, tzinfo=UTC)}
            for id, type, item in rows
        ]
        lake.write("events", "demo", date(2026, 3, day), pl.DataFrame(events, schema=schema(EVENTS)))
    return lake


def test_nothing_but_the_weights_of_the_document_changes():
    text = edited(TEXT, Change(weights={"purchase": 2.0, "view": 0.2}, half_life_days=14.0))

    assert text == TEXT.replace(
        '    "weights": {"view": 0.1},\n    "window_days": 30\n',
        '    "weights": {"view": 0.2, "purchase": 2.0},\n    "window_days": 30,\n    "half_life_days": 14.0\n',
    )


@pytest.mark.parametrize("text", [TEXT, json.dumps(json.loads(TEXT)), json.dumps(json.loads(TEXT), indent=8)])
def test_however_it_is_written(text):
    change = Change(half_life_days=None, half_life_by_category={"audio": 7.0, "video": None})

    expected = json.loads(TEXT)
    expected["interactions"] |= {"half_life_days": None, "half_life_by_category": {"audio": 7.0}}
    assert json.loads(edited(text, change)) == expected


@pytest.mark.parametrize(
    "text", ['{"a": {"interactions": 1}}', '{\n  "a": [1, {"b": "}"}]\n}\n', '{"a": "interactions"}']
)
def test_a_document_that_says_nothing_of_it_gets_it_at_the_end(text):
    added = json.loads(edited(text, Change(weights={"add": 1.0})))

    assert added == json.loads(text) | {"interactions": {"weights": {"add": 1.0}}}


def test_the_change_is_shown_checked_and_written_whole(tenant):
    proposed = proposal(tenant, Change(weights={"purchase": 2.0}))

    assert [line for line in proposed.diff.splitlines() if line.startswith(("-  ", "+  "))] == [
        '-    "weights": {"view": 0.1},',
        '+    "weights": {"view": 0.1, "purchase": 2.0},',
    ]
    assert (tenant.folder / "tenant.json").read_text() == TEXT
    write(proposed, tenant)
    written = parse((tenant.folder / "tenant.json").read_bytes(), "it")
    assert written == proposed.after
    assert written.interactions.weights.purchase == 2.0
    assert structs.replace(written, interactions=tenant.document.interactions) == tenant.document


def test_without_a_change_there_is_no_difference(tenant):
    proposed = proposal(tenant, Change())

    assert (proposed.diff, proposed.after, proposed.body) == ("", tenant.document, tenant.body)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(Change(weights={"stare": 1.0}), "'stare'; the types are view, click", id="no such type"),
        pytest.param(Change(weights={"view": -1.0}), r"weights\.view", id="less than nothing"),
        pytest.param(Change(half_life_days=0.0), "half_life_days", id="no time at all"),
        pytest.param(Change(half_life_by_category={"audio": -1.0}), "half_life_by_category", id="back in time"),
        pytest.param(
            Change(weights=dict.fromkeys(TYPES, 0.0)), "nothing would be learned",
            id="all zero",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(tenant, change, said):
    with pytest.raises(InvalidDocument, match=said):
        proposal(tenant, change)

    assert (tenant.folder / "tenant.json").read_text() == TEXT


def test_a_document_that_somebody_else_changed_is_left_alone(tenant):
    proposed = proposal(tenant, Change(half_life_days=3.0))
    (tenant.folder / "tenant.json").write_text(TEXT + "\n")

    with pytest.raises(InvalidDocument, match="changed since"):
        write(proposed, tenant)

    assert (tenant.folder / "tenant.json").read_text() == TEXT + "\n"


def test_the_effect_is_what_training_would_weigh(tenant, lake):
    change = Change(weights={"view": 0.5, "purchase": 3.0}, half_life_days=None)

    found = effects(tenant.document, proposal(tenant, change).after.interactions, lake)

    assert {each.type: (each.weight, each.total, each.share) for each in found if each.total} == {
        "view": (0.5, 1.0, 0.25),
        "purchase": (3.0, 3.0, 0.75),
    }


def test_the_effect_counts_half_lives_of_categories(tenant, lake):
    # Ages count to the end of the day: both views are one day old, the purchase two.
    change = Change(weights={"view": 1.0, "purchase": 1.0}, half_life_days=1.0, half_life_by_category={"audio": 0.5})

    found = effects(tenant.document, proposal(tenant, change).after.interactions, lake)

    totals = {each.type: each.total for each in found if each.total}
    assert totals == pytest.approx({"view": 1 / 4 + 1 / 2, "purchase": 1 / 4}, abs=1e-6)


def test_before_there_is_data_there_is_no_effect(tenant, tmp_path):
    assert effects(tenant.document, tenant.document.interactions, Lake(DirectoryBlobs(tmp_path / "empty"))) == []


def test_a_change_of_nothing_is_false():
    assert not Change()
    assert Change(half_life_days=None)
    assert Change(half_life_days=UNSET, weights={"view": 1.0})
