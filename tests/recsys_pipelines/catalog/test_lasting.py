"""Changes that were pulled hold on after their landed files were deleted: what is known is what was said last."""

import json
from datetime import date

import pytest
from msgspec.structs import replace

from data_contracts.source_specs import Kafka, Postgres, SourceSpec
from recsys_pipelines.catalog.snapshots import snapshot
from recsys_pipelines.ledger import read_ledger

KAFKA = SourceSpec(kafka=Kafka(brokers="${BROKERS}", topic="items"))
CURSOR = SourceSpec(postgres=Postgres(url="${DB}", table="items", cursor="updated_at"))
WHOLE = SourceSpec(postgres=Postgres(url="${DB}", table="items"))


@pytest.fixture
def pulled(shop):
    """Two days' changes landed; ``keep(spec, day, *files)`` makes a day of those that are still there."""
    shop.sources(users=[{"path": "users"}])
    (shop.folder / "users").mkdir()
    head = "item_id,title,category,updated_at"
    shop.write("items/1.csv", head, "a,Apple,fruit,2026-01-01", "b,Bread,bakery,2026-01-03")
    shop.write("items/2.csv", head, "a,Apricot,fruit,2026-01-02", "b,Bagel,bakery,2026-01-02")
    shop.write("users/1.csv", "user_id,traits", "ann,")
    shop.write("users/2.csv", "user_id,traits", "bob,")
    shop.write("events/1.csv", "event_id,ts,type,user_id,item_id", "e1,2026-01-02T10:00:00Z,view,ann,a")
    shop.run(2)

    def keep(spec, day, *names):
        sources = replace(shop.document.sources, items=(spec,), users=(spec,))
        document = replace(shop.document, sources=sources)
        files = [file for file in read_ledger(shop.lake, "shop").files if file.file.split("/")[-1] in names]
        for table in ("items", "users"):
            snapshot(document, shop.lake, table, files, day=date(2026, 1, day))
        users = shop.lake.read("users", "shop", date(2026, 1, day)).select("user_id", "traits").rows()
        return dict(shop.rows(day, "title")), {name: text and json.loads(text) for name, text in users}

    return keep


@pytest.mark.parametrize("spec", [KAFKA, CURSOR], ids=["kafka", "postgres by cursor"])
def test_what_deleted_files_said_still_holds(pulled, spec):
    expected = {"a": "Apricot", "b": "Bread"}, {"ann": {"preferred_categories": "fruit"}, "bob": None}

    assert pulled(spec, 3, "1.csv", "2.csv") == expected
    assert pulled(spec, 4, "1.csv") == expected
    assert pulled(spec, 5) == expected


def test_a_table_that_is_pulled_whole_is_what_its_last_copy_says(pulled):
    assert pulled(WHOLE, 3, "1.csv") == ({"a": "Apple", "b": "Bread"}, {"ann": {"preferred_categories": "fruit"}})
