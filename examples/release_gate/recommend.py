"""What this checkout would recommend on the demo data, written for `recsys-eval gate`: run it before a change lands.

`python examples/release_gate/recommend.py OUT` fits the demo tenant's algorithms on all days but the last seven, asks
the ranking core for every user who did something in those, and writes candidate.csv, truth.csv, train.csv and
catalog.csv. No Dagster, no store: 5 seconds. README.md says how `.ci/run` uses it.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from data_contracts.documents import TenantDocument, parse
from data_contracts.tables import ITEMS, Shape
from recsys_algo.bundle import Bundle, open_encoded
from recsys_eval import time_split
from recsys_eval.files import write_table
from recsys_pipelines.algorithm import TrainingData, configured
from recsys_pipelines.contract import schema
from recsys_pipelines.encoding import encode
from recsys_pipelines.interactions import history, interactions, seen
from recsys_pipelines.mapping import mapped
from recsys_pipelines.replay import answers, recs

SHOP = Path(__file__).parents[1] / "data" / "ecommerce_mini"
Table = tuple[str, Shape, pl.DataFrame]
Change = Callable[[Mapping[str, Table]], Mapping[str, Table]]


class World(NamedTuple):
    """The demo shop, split: what may be learned, what really happened then, and everything on sale."""

    document: TenantDocument
    cut: datetime
    train: pl.DataFrame
    test: pl.DataFrame
    catalog: pl.DataFrame


def world(folder: Path = SHOP) -> World:
    """The shop in a folder; events after the cut are for measuring only."""
    document = parse((folder / "tenant.json").read_bytes(), str(folder / "tenant.json"))
    rows = pl.scan_csv(folder / "items.csv", infer_schema=False).with_row_index("__row")
    items = mapped(rows, ITEMS, document.sources.items[0], document.currency).collect()
    catalog = items.select(ITEMS.names).cast(schema(ITEMS))
    events = pl.read_parquet(folder / "events.parquet").filter(pl.col("item_id").is_in(catalog["item_id"].implode()))
    newest: datetime = events.select(pl.col("ts").max()).item()
    cut = datetime.combine(newest.date(), datetime.min.time(), UTC) - timedelta(days=document.evaluation.test_days - 1)
    known = events.filter(pl.col("user_id").is_not_null())
    return World(document, cut, *time_split(known, cut), catalog)


def fitted(shop: World) -> dict[str, Table]:
    """The tables of every algorithm of the tenant, by artifact."""
    pairs = interactions(shop.train, shop.document.interactions, now=shop.cut, catalog=shop.catalog)
    data = TrainingData(pairs, shop.catalog, [shop.train.lazy()], now=shop.cut)
    return {name: (each.name, each.shape, each.fit(data)) for name, each in configured(shop.document).items()}


def recommended(shop: World, tables: Mapping[str, Table], folder: Path, surface: str = "home") -> pl.DataFrame:
    """The answers of the ranking core for the users of the test days (user_id, item_id, rank, score)."""
    pairs = interactions(shop.train, shop.document.interactions, now=shop.cut, catalog=shop.catalog)
    past = history(pairs, shop.document.ranking.history_items)
    had = seen(shop.train, catalog=shop.catalog)
    encoded = encode(tables, shop.catalog, past, had, folder)
    bundle: Bundle = open_encoded(shop.document.tenant, surface, encoded, shop.document.on(surface), shop.cut)
    users = shop.test["user_id"].unique().sort().to_list()
    return recs(answers(bundle, users, max(shop.document.evaluation.k), shop.cut))


def write(out: Path, change: Change = lambda tables: tables) -> None:
    """The four files of a comparison; ``change`` does something to the fitted tables first."""
    shop = world()
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        lists = recommended(shop, change(fitted(shop)), Path(folder))
    pairs = ("user_id", "item_id")
    write_table(lists.select("user_id", "item_id", "rank"), out / "candidate.csv")
    write_table(shop.test.select(pairs).unique().sort(pairs), out / "truth.csv")
    write_table(shop.train.select(pairs).unique().sort(pairs), out / "train.csv")
    write_table(shop.catalog.select("item_id", "category").sort("item_id"), out / "catalog.csv")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
