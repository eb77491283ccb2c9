"""The steps of the data plane, ours and the plain queries for the same result, each to be run in a process of its own.

A step takes the folder of a shop and gives numbers that tell its result: a query that is compared with a step must give
the same. What our steps make stands in ``lake/`` beside the shop, where the next one finds it.
"""

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import polars as pl
from scipy import sparse  # type: ignore[import-untyped]  # no stubs

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from recsys_pipelines import training
from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.interactions import interactions, seen
from recsys_pipelines.lake import Lake
from recsys_pipelines.matrix import user_items
from recsys_pipelines.sources.source import Place

Check = Mapping[str, float]

START = date(2026, 1, 1)
DAYS = 28
LAST = START + timedelta(days=DAYS - 1)
END = datetime(2026, 1, 29, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
HALF_LIFE_DAYS = 30.0
WEIGHTS = {"view": 0.05, "click": 0.2, "add": 0.7, "purchase": 1.0, "custom": 0.1}


def document() -> TenantDocument:
    """A tenant whose files already have our columns; weights and half-life are the defaults."""
    body = {
        "schema": "recsys.tenant/1",
        "tenant": "bench",
        "sources": {name: [{"path": f"{name}.parquet"}] for name in ("items", "users")}
        | {"events": [{"path": "events"}]},
        "algorithms": {"popularity": {}},
        "ranking": {"weights": {"popularity": 1}},
        "surfaces": {"home": {}},
    }
    return parse(msgspec.json.encode(body), "benchmark")


def lake_of(folder: Path) -> Lake:
    """Where our steps leave their tables."""
    return Lake(DirectoryBlobs(folder / "lake"))


def scan(folder: Path) -> Check:
    """The floor: read every column of every row that came."""
    return {"rows": pl.scan_parquet(folder / "events" / "*.parquet").collect().height}


def ingest(folder: Path) -> Check:
    """Land and settle everything into a lake that is empty."""
    shutil.rmtree(folder / "lake", ignore_errors=True)
    _bring(folder)
    return _written(folder / "lake" / "events")


def weigh(folder: Path) -> Check:
    """The interactions of the served fit, into the lake."""
    pairs = training.weigh(document(), lake_of(folder), LAST, "served")
    return {"nnz": pairs.height, "sum": float(pairs["weight"].sum())}


def backfill(folder: Path) -> Check:
    """Every day once more, in a lake that has them."""
    _bring(folder, rewrite=[START + timedelta(days=day) for day in range(DAYS)])
    weigh(folder)
    return _written(folder / "lake" / "events")


def validate(folder: Path) -> Check:
    """The verdict on all that landed, with Great Expectations."""
    from recsys_pipelines.validation import validate  # noqa: PLC0415  (only this step pays for the library)

    verdict = validate(document(), lake_of(folder), day=LAST)
    return {"passed": verdict.passed, "checks": len(verdict.checks)}


def csr(folder: Path) -> Check:
    """Settled events to the sparse matrix that algorithms fit."""
    lake = lake_of(folder)
    catalog = lake.read("items", "bench", LAST)
    events = training.events_before(document(), lake, LAST, "served")
    pairs = interactions(events, document().interactions, now=END, catalog=catalog)
    return _told(user_items(TrainingData(pairs, catalog, now=END)).cells)


def seen_items(folder: Path) -> Check:
    """When every person last had every item, by type of event."""
    lake = lake_of(folder)
    events = training.events_before(document(), lake, LAST, "served")
    found = seen(events, catalog=lake.read("items", "bench", LAST))
    return {type: pairs.height for type, pairs in found.items()}


def features(folder: Path) -> Check:
    """Feature tables of users and items."""
    from recsys_pipelines.features.building import build_item_features, build_user_features  # noqa: PLC0415

    shop, lake = document(), lake_of(folder)
    return {
        "users": build_user_features(shop, lake, LAST, "served").height,
        "items": build_item_features(shop, lake, LAST, "served").height,
    }


def ingest_polars(folder: Path) -> Check:
    """Each event once, the earliest copy, a file per day: no contract, no ledger, no privacy."""
    out = _fresh(folder / "polars")
    rows = pl.scan_parquet(folder / "events" / "*.parquet").sort("ts", "event_id")
    events = rows.unique("event_id", keep="first", maintain_order=True).collect()
    for (day,), part in events.group_by(pl.col("ts").dt.date(), maintain_order=True):
        part.write_parquet(out / f"{day}.parquet", compression="zstd", compression_level=3)
    return _written(out)


def ingest_duckdb(folder: Path) -> Check:
    """The same in SQL."""
    out = _fresh(folder / "duckdb")
    _connected().execute(
        f"copy (select *, ts::date as day from read_parquet('{folder}/events/*.parquet') "
        "qualify row_number() over (partition by event_id order by ts) = 1 order by ts, event_id) "
        f"to '{out}/days' (format parquet, partition_by (day), compression zstd, compression_level 3)"
    )
    return _written(out)


def csr_duckdb(folder: Path) -> Check:
    """One query from our settled days to places and weights, then the matrix."""
    weight = " ".join(f"when '{name}' then {weight}" for name, weight in WEIGHTS.items())
    found = (
        _connected()
        .execute(SQL.format(lake=folder / "lake", last=LAST, weight=weight, end=END.isoformat(), half=HALF_LIFE_DAYS))
        .fetchnumpy()
    )
    return _told(_matrix(found["row"], found["col"], found["weight"]))


def csr_polars(folder: Path) -> Check:
    """The same in lazy Polars."""
    rows = pl.scan_parquet(folder / "lake/events/tenant=bench/*/part.parquet", hive_partitioning=False)
    events = rows.select("ts", "type", "user_id", "anonymous_id", "item_id").filter(pl.col("ts") < END)
    both = events.select("anonymous_id", "user_id").drop_nulls().unique()
    links = both.filter(pl.len().over("anonymous_id") == 1).rename({"user_id": "linked"})
    users = events.select(anonymous_id="user_id", is_user=pl.lit(value=True)).drop_nulls().unique()
    named = events.join(links, on="anonymous_id", how="left").join(users, on="anonymous_id", how="left")
    person = pl.coalesce("user_id", "linked", pl.when(pl.col("is_user").is_null()).then("anonymous_id"))
    age = (pl.lit(END) - pl.col("ts")).dt.total_microseconds().clip(lower_bound=0) / 86_400_000_000
    weight = pl.col("type").replace_strict(WEIGHTS, return_dtype=pl.Float64) * 0.5 ** (age / HALF_LIFE_DAYS)
    items = pl.scan_parquet(folder / f"lake/items/tenant=bench/date={LAST}/part.parquet", hive_partitioning=False)
    known = named.select("item_id", person=person, weight=weight).drop_nulls("person")
    pairs = known.join(items.select("item_id"), on="item_id", how="semi").group_by("person", "item_id").sum()
    found = pairs.with_columns(pl.col("person", "item_id").rank("dense") - 1).collect()
    return _told(_matrix(*(found[name].to_numpy() for name in ("person", "item_id", "weight"))))


SQL = """
with events as (
    select ts, type, user_id, anonymous_id, item_id
    from read_parquet('{lake}/events/tenant=bench/*/part.parquet', hive_partitioning = false)
    where ts < timestamptz '{end}'),
links as (
    select anonymous_id, min(user_id) as linked from events
    where anonymous_id is not null and user_id is not null
    group by anonymous_id having count(distinct user_id) = 1),
users as (select distinct user_id from events where user_id is not null),
known as (
    select item_id,
           coalesce(e.user_id, linked, case when u.user_id is null then e.anonymous_id end) as person,
           (case type {weight} end)
             * pow(0.5, greatest(epoch_us(timestamptz '{end}') - epoch_us(ts), 0) / 86400000000 / {half}) as weight
    from events e
    left join links using (anonymous_id)
    left join users u on e.user_id is null and u.user_id = e.anonymous_id
    semi join read_parquet('{lake}/items/tenant=bench/date={last}/part.parquet') i on e.item_id = i.item_id),
pairs as (
    select person, item_id, sum(weight) as weight from known
    where person is not null and weight > 0 group by all),
persons as (select person, row_number() over (order by person) - 1 as row from (select distinct person from pairs)),
items as (select item_id, row_number() over (order by item_id) - 1 as col from (select distinct item_id from pairs))
select row, col, weight from pairs join persons using (person) join items using (item_id)
"""

STEPS: dict[str, Callable[[Path], Check]] = {
    "scan": scan,
    "ingest": ingest,
    "ingest polars": ingest_polars,
    "ingest duckdb": ingest_duckdb,
    "validate": validate,
    "csr": csr,
    "csr polars": csr_polars,
    "csr duckdb": csr_duckdb,
    "weigh": weigh,
    "seen": seen_items,
    "features": features,
    "backfill": backfill,
}


def _bring(folder: Path, rewrite: list[date] | None = None) -> None:
    lake = lake_of(folder)
    land(document(), Place("bench", folder, {}), lake, now=NOW)
    settle(document(), lake, until=LAST, rewrite=rewrite or ())


def _written(folder: Path) -> Check:
    """What tells a set of events, but for the order of columns."""
    rows = pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=False)
    told = rows.select(rows=pl.len(), time=(pl.col("ts").dt.epoch("us") % 1_000_003).sum()).collect()
    return {"rows": told["rows"][0], "time": told["time"][0]}


def _told(cells: Any) -> Check:
    """What tells a matrix: its cells, their sum, and their sum by place."""
    where = np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr)) * 31 + cells.indices
    return {"nnz": cells.nnz, "sum": float(cells.sum()), "checksum": float(cells.data @ (where % 1_009))}


def _matrix(rows: Any, columns: Any, weights: Any) -> Any:
    cells = sparse.coo_array((weights, (rows, columns)), shape=(int(rows.max()) + 1, int(columns.max()) + 1)).tocsr()
    cells.sum_duplicates()
    return cells


def _connected() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
    return connection


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
