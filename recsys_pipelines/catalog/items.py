"""The catalog of a day: what the sources say of every item, and which items have left."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.tables import ITEMS
from recsys_pipelines.catalog.origins import Files, batches, is_lasting
from recsys_pipelines.catalog.upserts import Batch, keys, merged
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import LandedFile

_KEY = "item_id"
_SIGHTINGS = pl.Schema({_KEY: pl.String(), "named_on": pl.Date()})


class _Voices(NamedTuple):
    """Who speaks: files that count now, files of the past and the catalog before (both only where they still count)."""

    now: list[Batch]
    past: list[Batch]
    before: list[Batch]


def catalog(document: TenantDocument, lake: Lake, files: Files, day: date) -> pl.DataFrame:
    """The items of a day (columns of ``tables.ITEMS``, by id), also those that are archived.

    Archived is what a source says is, what a newer snapshot does not name any more, and what no source has named for
    ``archived_after_days``. Of a change feed of files, what its files do not say any more is not known any more.
    """
    voices = _voices(document, lake, files, day)
    items = merged([*voices.before, *voices.past, *voices.now], ITEMS)
    left = pl.concat([keys(voices.past, _KEY), *_replaced(document, voices)])
    unseen = _unseen(document, lake, files, items, day=day)
    archived = pl.col("archived") | pl.col(_KEY).is_in(pl.concat([left, unseen]).implode())
    return items.with_columns(archived=archived).with_columns(available=pl.col("available") & ~pl.col("archived"))


def newest_day(lake: Lake, table: str, tenant: str, day: date) -> date | None:
    """The last day until ``day`` of which the lake has that table."""
    return max((known for known in lake.days(table, tenant) if known <= day), default=None)


def _voices(document: TenantDocument, lake: Lake, files: Files, day: date) -> _Voices:
    tenant, specs = document.tenant, document.sources.items
    now, past = (batches(lake, tenant, specs, group) for group in files)
    before, lasts = newest_day(lake, "items", tenant, day), is_lasting(specs)
    remembers = lasts or document.catalog.archived_after_days or any(spec.mode == "snapshot" for spec in specs)
    known = [Batch(lake.scan("items", tenant, [before]), frozenset(ITEMS.names))] if before and remembers else []
    named = keys(now, _KEY)
    return _Voices(now, _without(past, named), known if lasts else _without(known, named))


def _without(found: Sequence[Batch], named: pl.Series) -> list[Batch]:
    """What is said of other items; of those that are named now the newest file alone speaks."""
    return [batch._replace(rows=batch.rows.filter(~pl.col(_KEY).is_in(named.implode()))) for batch in found]


def _replaced(document: TenantDocument, voices: _Voices) -> list[pl.Series]:
    """Items of the catalog before that are in no source of full states any more."""
    specs = document.sources.items
    if is_lasting(specs) or not any(spec.mode == "snapshot" for spec in specs):
        return []
    return [keys(voices.before, _KEY)]


def _unseen(document: TenantDocument, lake: Lake, files: Files, items: pl.DataFrame, *, day: date) -> pl.Series:
    """Items that no source has named for too long. Who was named last when is kept in ``item_sightings``, by day."""
    patience = document.catalog.archived_after_days
    if patience is None:
        return pl.Series(_KEY, [], pl.String)
    found = _sightings(document, lake, files, day)
    sightings = items.select(_KEY).join(found, on=_KEY, how="left").with_columns(pl.col("named_on").fill_null(day))
    lake.write("item_sightings", document.tenant, day, sightings.sort(_KEY))
    return sightings.filter(pl.col("named_on") < day - timedelta(days=patience))[_KEY]


def _sightings(document: TenantDocument, lake: Lake, files: Files, day: date) -> pl.DataFrame:
    """The newest file of each source names its items today, an older one named them on the day that it came."""
    tenant, specs = document.tenant, document.sources.items
    before = newest_day(lake, "item_sightings", tenant, day)
    seen = [lake.read("item_sightings", tenant, before).lazy()] if before else []
    newest = {file.identity.source: file for file in files.now}
    for file, batch in zip(files.now, batches(lake, tenant, specs, files.now), strict=True):
        seen.append(batch.rows.select(_KEY, named_on=pl.lit(_named_on(file, newest, day))))
    rows = pl.concat(seen) if seen else pl.LazyFrame(schema=_SIGHTINGS)
    return rows.group_by(_KEY).agg(pl.col("named_on").max()).collect()


def _named_on(file: LandedFile, newest: dict[int, LandedFile], day: date) -> date:
    return day if newest[file.identity.source] is file else min(file.landed_at.date(), day)
