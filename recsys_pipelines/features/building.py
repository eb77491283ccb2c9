"""Building the day's feature tables, once as of the evaluated fit and once as of the served one.

They stand in the lake as ``user_features/tenant=/date=/{fit}.parquet``, and likewise ``item_features``. What a past
day's tables hold depends on the events and the catalog until then, and not on when they are built; what people say
later about who is who (`recsys_pipelines.identity`) is a correction, and counts.
"""

from datetime import date, timedelta

import polars as pl

from data_contracts.documents import TenantDocument
from recsys_pipelines.algorithm import configured
from recsys_pipelines.features.activity import Activity, activity
from recsys_pipelines.features.items import item_features
from recsys_pipelines.features.shelf import shelf
from recsys_pipelines.features.users import user_features
from recsys_pipelines.identity import read_known
from recsys_pipelines.lake import Lake
from recsys_pipelines.matrix import NEGLIGIBLE
from recsys_pipelines.training import Fit, until


def build_user_features(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> pl.DataFrame:
    """The features of the day's persons, also written to the part ``fit`` of ``user_features``."""
    tenant = document.tenant
    then = recent(document, lake, day, fit)
    table = user_features(
        then,
        shelf(lake, tenant, day, then.as_of),
        lake.read("users", tenant, day),
        pointers(document, lake, day, fit),
        document.interactions.weights,
        document.features.affinities,
    )
    lake.write("user_features", tenant, day, table, part=fit)
    return table


def build_item_features(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> pl.DataFrame:
    """The features of the day's items, also written to the part ``fit`` of ``item_features``."""
    then = recent(document, lake, day, fit)
    table = item_features(then, shelf(lake, document.tenant, day, then.as_of), document.interactions.weights)
    lake.write("item_features", document.tenant, day, table, part=fit)
    return table


def recent(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> Activity:
    """What the fit may know of events, over the longest of the tenant's windows."""
    as_of = until(document, day, fit)
    windows = tuple(sorted(set(document.features.windows_days)))
    first = (as_of - timedelta(days=windows[-1])).date()
    days = [each for each in lake.days("events", document.tenant) if first <= each <= as_of.date()]
    known = read_known(lake, document.tenant, day)
    return activity(lake.scan("events", document.tenant, days), as_of, windows, known=known)


def pointers(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> pl.DataFrame:
    """Who has a vector (user_id, embedding), in the tenant's first artifact of vectors: who that is fitted on."""
    artifact = min((name for name, each in configured(document).items() if each.shape == "vectors"), default=None)
    if artifact is None:
        return pl.DataFrame(schema={"user_id": pl.String, "embedding": pl.String})
    pairs = lake.read(f"interactions_{fit}", document.tenant, day)
    users = pairs.filter(pl.col("weight") > NEGLIGIBLE).select(pl.col("user_id").unique())
    return users.with_columns(embedding=pl.format("{}/user/{}", pl.lit(artifact), "user_id"))
