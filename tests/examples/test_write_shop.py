import hashlib
import tracemalloc
from datetime import UTC, datetime

import polars as pl
import pytest

from recsys_pipelines.synthetic import shop, write_shop
from recsys_pipelines.synthetic_sessions import blocks
from recsys_pipelines.synthetic_world import Size, plant

SCALE = {"users": 60, "items": 96, "events": 3_000, "days": 10}


def digests(folder) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_same_seed_writes_the_same_bytes(tmp_path, file_format):
    for name in ("one", "two"):
        write_shop(tmp_path / name, seed=5, chunk=100, file_format=file_format, **SCALE)

    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) > 30


def test_no_file_has_more_rows_than_a_chunk_and_all_have_as_many_as_asked_for(tmp_path):
    paths = write_shop(tmp_path, seed=5, chunk=100, **SCALE)

    rows = [pl.read_parquet(path).height for path in paths if path.parent.name == "events"]

    assert max(rows) <= 100
    assert sum(rows) == 3_000


def test_a_file_has_events_of_one_day_and_is_named_after_it(tmp_path):
    write_shop(tmp_path, seed=5, **SCALE)

    for path in (tmp_path / "events").iterdir():
        day = datetime.strptime(path.name[:10], "%Y-%m-%d").replace(tzinfo=UTC).date()
        assert pl.read_parquet(path)["ts"].dt.date().unique().to_list() == [day]


def test_files_hold_the_same_shop_as_memory(tmp_path):
    write_shop(tmp_path, seed=5, **SCALE)
    items, users, events = shop(seed=5, **SCALE)

    assert pl.read_parquet(tmp_path / "items.parquet").equals(items)
    assert pl.read_parquet(tmp_path / "users.parquet").equals(users)
    assert pl.read_parquet(sorted((tmp_path / "events").iterdir())).sort("event_id").equals(events.sort("event_id"))


def test_csv_and_parquet_hold_the_same_rows(tmp_path):
    write_shop(tmp_path, seed=5, file_format="csv", **SCALE)
    write_shop(tmp_path, seed=5, file_format="parquet", **SCALE)

    texts = pl.read_csv(tmp_path / "items.csv", infer_schema=False)
    typed = pl.read_parquet(tmp_path / "items.parquet")

    assert texts["item_id"].equals(typed["item_id"])
    assert texts["tags"].equals(typed["tags"].list.join("|"))
    assert texts["price_minor"].cast(pl.Int64).equals(typed["price_minor"])


def test_some_rows_come_once_more_in_their_file_or_in_the_next(tmp_path):
    write_shop(tmp_path / "once", seed=5, **SCALE)
    write_shop(tmp_path / "more", seed=5, redelivered=0.1, **SCALE)

    once, more = (pl.read_parquet(sorted((tmp_path / name / "events").iterdir())) for name in ("once", "more"))

    assert (once.height, more.height) == (
        3_000,
        3_000 + sum(n // 10 for n in once.group_by(pl.col("ts").dt.date()).len()["len"]),
    )
    assert more.unique().sort("event_id").equals(once.sort("event_id"))
    second = pl.read_parquet(tmp_path / "more" / "events" / "2026-01-02-000.parquet")
    assert second["ts"].dt.date().n_unique() == 2


def test_event_ids_are_unique_across_chunks(tmp_path):
    write_shop(tmp_path, seed=5, chunk=70, **SCALE)

    events = pl.read_parquet(sorted((tmp_path / "events").iterdir()))

    assert events["event_id"].n_unique() == 3_000


def test_quotas_of_blocks_add_up_without_gaps():
    world = plant(Size(events=12_345, days=13))

    parts = list(blocks(world, chunk=400))

    assert [part.before for part in parts[1:]] == [part.before + part.quota for part in parts[:-1]]
    assert parts[-1].before + parts[-1].quota == 12_345


def test_memory_follows_the_chunk_and_not_the_shop(tmp_path):
    def peak(events: int) -> int:
        tracemalloc.start()
        write_shop(tmp_path / str(events), events=events, days=28, chunk=500)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(14_000), peak(84_000)

    assert large < 1.5 * small
