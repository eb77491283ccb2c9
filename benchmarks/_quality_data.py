"""The real data sets as events and catalogs, for `quality`."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from benchmarks.sar_movielens import ratings
from benchmarks.sar_movielens import split as movielens_split
from data_contracts.tables import EVENTS, ITEMS, Table
from recsys_pipelines.backtest.data import catalog
from recsys_pipelines.contract import schema

RETAIL = {
    "CustomerID": "user_id",
    "StockCode": "item_id",
    "Description": "title",
    "InvoiceNo": "order_id",
    "InvoiceDate": "ts",
}


class Data(NamedTuple):
    """Events (columns of ``tables.EVENTS``) and the catalog; MovieLens has its test apart.

    An item came to the catalog with its first event. That may be in the test: `latest` does not know it yet then.
    """

    events: pl.DataFrame
    items: pl.DataFrame
    test: pl.DataFrame | None = None


def movielens(folder: Path) -> Data:
    """Train and test as published; an event's value is the rating."""
    columns = {"user_id": "user_id", "item_id": "item_id", "ts": "last_ts", "value": "weight"}
    train, test = (events(part, columns) for part in movielens_split(ratings(folder / "u.data")))
    lines = (folder / "u.item").read_text(encoding="latin-1").splitlines()
    titles = [line.split("|")[:2] for line in lines]
    items = pl.DataFrame(titles, schema=["item_id", "title"], orient="row").join(train, on="item_id", how="semi")
    return Data(train, dated(items, train), test)


def movietweetings(folder: Path) -> Data:
    """Every rating is an event; a film's first genre is its category."""
    rows = [line.split("::") for line in (folder / "ratings.dat").read_text().splitlines()]
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "rating", "at"], orient="row")
    timed = table.with_columns(ts=pl.from_epoch(pl.col("at").cast(pl.Int64), "s").dt.replace_time_zone("UTC"))
    films = [line.split("::") for line in (folder / "movies.dat").read_text().splitlines()]
    items = pl.DataFrame(films, schema=["item_id", "title", "genres"], orient="row").select(
        "item_id", "title", category=pl.col("genres").str.split("|").list.first()
    )
    tweets = events(timed, {"user_id": "user_id", "item_id": "item_id", "ts": "ts"})
    return Data(tweets, dated(items, tweets))


def online_retail(folder: Path) -> Data:
    """Lines of known customers (0 is nobody); an invoice is an order."""
    rows = pl.read_parquet(folder / "online_retail.parquet").rename(RETAIL).filter(pl.col("user_id") > 0)
    named = rows.with_columns(pl.col("user_id").cast(pl.Int64).cast(pl.String), ts=moment("ts"))
    items = named.select("item_id", title="title").unique("item_id", keep="last", maintain_order=True)
    columns = {name: name for name in ("user_id", "item_id", "ts", "order_id")}
    lines = events(named, columns)
    return Data(lines, dated(items, lines))


def complete_journey(folder: Path) -> Data:
    """Sampled lines of households; a basket is an order, a product's type is its title."""
    rows = pl.read_csv(folder / "transactions_sample.csv", infer_schema=False).with_columns(
        ts=moment("transaction_timestamp")
    )
    products = pl.read_csv(folder / "products.csv", infer_schema=False).select(
        item_id="product_id", title="product_type", brand="brand", category="department"
    )
    columns = {"user_id": "household_id", "item_id": "product_id", "ts": "ts", "order_id": "basket_id"}
    lines = events(rows, columns)
    return Data(lines, dated(products.join(lines, on="item_id", how="semi"), lines))


def events(rows: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """Purchases, by our name theirs; a visit is an order where there are orders."""
    named = rows.select(pl.lit(1.0).alias("value"), event_id=pl.int_range(pl.len()).cast(pl.String))
    named = named.with_columns(rows.select(pl.col(theirs).alias(ours) for ours, theirs in columns.items()))
    named = named.with_columns(type=pl.lit("purchase"))
    session = {"session_id": pl.col("order_id")} if "order_id" in columns else {}
    return widened(named.with_columns(**session), EVENTS)


def dated(items: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The catalog, with the first event of each item as its time of creation."""
    first = lines.group_by("item_id").agg(created_at=pl.col("ts").min())
    return catalog(widened(items.join(first, on="item_id", how="left", maintain_order="left"), ITEMS))


def moment(column: str) -> pl.Expr:
    """A time in UTC, of a text or of a time without a zone."""
    return pl.col(column).cast(pl.String).str.to_datetime(time_unit="us").dt.replace_time_zone("UTC")


def widened(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """All columns of the table, in their types."""
    kinds = schema(table)
    missing = [pl.lit(None, kind).alias(name) for name, kind in kinds.items() if name not in frame.columns]
    return frame.with_columns(missing).select(kinds.names()).cast(dict(kinds))
