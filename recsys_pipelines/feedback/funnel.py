"""What a surface brought on a day: shown, clicked, put into a cart, bought.

A day's row counts what was shown that day and the outcomes of that day that are credited to the surface, also if they
were shown before; so a row never changes because of later days. Clicks, adds and purchases count places of answers: who
clicks twice on one place has clicked once.
"""

from datetime import UTC, date, datetime

import polars as pl

from data_contracts.feedback_tables import FUNNEL
from recsys_pipelines.contract import schema

COUNTS = {"clicks": "click", "adds": "add", "purchases": "purchase"}
SHARES = {"ctr": "clicks", "add_rate": "adds", "conversion": "purchases"}
_PLACE = ("request_id", "item_id")


def funnel(exposures: pl.DataFrame, attributions: pl.DataFrame, day: date) -> pl.DataFrame:
    """A row per surface (columns of ``FUNNEL``), by name, of one day's exposures and attributions.

    Where nothing was shown that day there are no shares.
    """
    joined = _shown(exposures).join(_credited(attributions), on="surface", how="full", coalesce=True)
    counted = joined.with_columns(pl.exclude("surface").fill_null(0))
    per_item = {share: pl.col(count) / pl.col("items") for share, count in SHARES.items()}
    rows = counted.with_columns(
        **{name: pl.when(pl.col("items") > 0).then(value) for name, value in per_item.items()},
        revenue_per_user=pl.when(pl.col("users") > 0).then(pl.col("revenue_minor") / pl.col("users")),
        day=pl.lit(datetime(day.year, day.month, day.day, tzinfo=UTC)),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema(FUNNEL).items()).sort("surface")


def _shown(exposures: pl.DataFrame) -> pl.DataFrame:
    person = pl.coalesce("user", "anonymous", "session")
    return exposures.group_by("surface").agg(
        requests=pl.col("request_id").n_unique(),
        items=pl.len(),
        users=person.drop_nulls().n_unique(),
    )


def _credited(attributions: pl.DataFrame) -> pl.DataFrame:
    places = {
        name: pl.struct(_PLACE).filter(pl.col("type") == type).n_unique().fill_null(0) for name, type in COUNTS.items()
    }
    paid = pl.col("amount_minor").filter(pl.col("type") == "purchase").sum()
    return attributions.drop_nulls("request_id").group_by("surface").agg(**places, revenue_minor=paid)
