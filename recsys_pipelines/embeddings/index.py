"""The index: one vector per item of the catalog, made again only where the text changed.

It belongs to the tenant and to no day (``embeddings/tenant=/part.parquet``), for a text says the same on every day, and
150 MB a day for 100,000 items would say it again. What a learning encoder learned stands beside it
(``encoder_state``), and the record ``embedding_index`` says what made it and how well it is. While vectors are written
the record says that nobody has checked them; so a reader (``read_index``) sees a checked index or an error.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.feature_tables import EMBEDDINGS
from recsys_pipelines.contract import schema
from recsys_pipelines.embeddings.encoder import Encoding, TextEncoder, configured, encoded
from recsys_pipelines.embeddings.errors import UnhealthyIndex
from recsys_pipelines.embeddings.health import Health, health
from recsys_pipelines.embeddings.texts import content_hashes, item_texts
from recsys_pipelines.lake import Lake, MissingPartition

BLOCK = 4096  # texts that are encoded at a time


class IndexRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the index is: as of which day, made by which encoder with which settings, and how well.

    ``changed`` counts the texts that are new or other since a learning encoder was fitted; ``health`` is None while the
    vectors are being written.
    """

    day: date
    encoder: str
    settings: str
    changed: int = 0
    health: Health | None = None


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: ``encoded`` items got a vector, ``removed`` ones lost theirs."""

    record: IndexRecord
    embeddings: pl.DataFrame
    encoded: int
    removed: int
    fitted: bool


def refresh(document: TenantDocument, lake: Lake, day: date, *, folder: Path) -> Refreshed:
    """Bring the index to the catalog of ``day``; paths in the encoder's settings begin at ``folder``.

    Nothing is encoded, and no vector written, if no text changed. A day before that of a checked index leaves it alone.
    """
    tenant = document.tenant
    before = lake.read_json("embedding_index", tenant, None, IndexRecord)
    stored = _stored(lake, "embeddings", tenant, "part")
    if stored is None or before is None:
        stored = pl.DataFrame(schema=schema(EMBEDDINGS))
    elif before.day > day and before.health is not None:
        return Refreshed(before, stored, 0, 0, fitted=False)
    catalog = lake.read("items", tenant, day)
    texts = item_texts(catalog)
    encoder, settings, fitted = _encoder(document, lake, Sight(texts, stored, before), folder=folder)
    made = _made(encoder, _changed(texts, stored, encoder.id))
    removed = stored.join(texts, on="item_id", how="anti").height
    changed = 0 if fitted else (before.changed if before else 0) + made.height + removed
    record = IndexRecord(day=day, encoder=encoder.id, settings=settings, changed=changed)
    table = stored.join(texts, on="item_id", how="semi").join(made, on="item_id", how="anti")
    table = pl.concat([table, made]).sort("item_id")
    if made.height or removed or before is None:
        lake.write_json("embedding_index", tenant, None, record)
        lake.write("embeddings", tenant, None, table)
    record = msgspec.structs.replace(record, health=health(table, catalog, document.embeddings))
    lake.write_json("embedding_index", tenant, None, record)
    return Refreshed(record, table, made.height, removed, fitted)


def read_index(lake: Lake, tenant: str) -> pl.DataFrame:
    """The vectors (columns of ``feature_tables.EMBEDDINGS``), if they may be used. Raises ``UnhealthyIndex``."""
    found = examined(lake, tenant)
    if not found.passed:
        raise UnhealthyIndex(f"the embeddings of tenant {tenant!r} may not be used: {found.message}")
    return lake.read("embeddings", tenant, None)


def examined(lake: Lake, tenant: str) -> Health:
    """How well the index is. Raises ``UnhealthyIndex`` if nobody has looked since it was written."""
    record = lake.read_json("embedding_index", tenant, None, IndexRecord)
    if record is None or record.health is None:
        raise UnhealthyIndex(
            f"nobody has checked the embeddings of tenant {tenant!r}; materialize the asset embeddings"
        )
    return record.health


class Sight(NamedTuple):
    """The texts now (item_id, text), and the index and its record as they were."""

    texts: pl.DataFrame
    stored: pl.DataFrame
    before: IndexRecord | None


def _encoder(document: TenantDocument, lake: Lake, sight: Sight, *, folder: Path) -> tuple[TextEncoder, str, bool]:
    """The tenant's encoder, the digest of its settings, and whether it was fitted just now."""
    encoding = configured(document.embeddings, document.tenant)
    settings = _digest(encoding)
    same = sight.before is not None and sight.before.settings == settings
    learned = pl.DataFrame()
    if encoding.learns:
        found = _stored(lake, "encoder_state", document.tenant, encoding.name) if same else None
        if found is None or _is_worn(encoding.open(found, folder), sight, document.embeddings.rebuild_share):
            learned = encoding.fit(sight.texts["text"].to_list())
            lake.write("encoder_state", document.tenant, None, learned, part=encoding.name)
            return encoding.open(learned, folder), settings, True
        learned = found
    return encoding.open(learned, folder), settings, False


def _digest(encoding: Encoding) -> str:
    whole = [encoding.name, msgspec.to_builtins(encoding)]
    return hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()[:16]


def _is_worn(encoder: TextEncoder, sight: Sight, share: float) -> bool:
    """Whether more than that share of the texts is new, other or gone since the encoder was fitted."""
    changed = _changed(sight.texts, sight.stored, encoder.id).height
    gone = sight.stored.join(sight.texts, on="item_id", how="anti").height
    since = sight.before.changed if sight.before else 0
    return since + changed + gone > share * sight.texts.height


def _changed(texts: pl.DataFrame, stored: pl.DataFrame, encoder: str) -> pl.DataFrame:
    """The items whose vector is of another text or encoder, or not there (item_id, text, content_hash)."""
    hashed = texts.with_columns(content_hashes(texts["text"], encoder))
    return hashed.join(stored.select("item_id", "content_hash"), on=["item_id", "content_hash"], how="anti").sort(
        "item_id"
    )


def _made(encoder: TextEncoder, changed: pl.DataFrame) -> pl.DataFrame:
    """Rows of the index for these items; a block of texts at a time, so that only their vectors are held."""
    texts = changed["text"].to_list()
    vectors = pl.Series("vector", [], pl.List(pl.Float32))
    for start in range(0, len(texts), BLOCK):
        block = encoded(encoder, texts[start : start + BLOCK])
        vectors.append(pl.Series(block).cast(pl.List(pl.Float32)))
    return changed.with_columns(vectors, encoder=pl.lit(encoder.id)).select(EMBEDDINGS.names)


def _stored(lake: Lake, table: str, tenant: str, part: str) -> pl.DataFrame | None:
    try:
        return lake.read(table, tenant, None, part=part)
    except MissingPartition:
        return None
