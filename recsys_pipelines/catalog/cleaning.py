"""Cleaning: a catalog as its sources wrote it becomes one that ranking, pages and filters can rely on.

What is repaired is counted, item by item; what cannot be is dropped, as nothing is better than nonsense. Cleaning what
is clean changes nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from data_contracts.policies import CatalogPolicy
from recsys_pipelines.catalog.money import is_known
from recsys_pipelines.catalog.parents import families
from recsys_pipelines.catalog.tags import tidied, tidy
from recsys_pipelines.catalog.urls import page, picture


class Cleaned(NamedTuple):
    """Items (columns of ``tables.ITEMS``), how many were repaired in which way, and circles of parents."""

    items: pl.DataFrame
    repairs: dict[str, int]
    cycles: tuple[tuple[str, ...], ...]


def cleaned(items: pl.DataFrame, policy: CatalogPolicy, currency: str) -> Cleaned:
    """The items with tidy tags, known currencies, usable addresses and flat families; by id, as they came."""
    tagged, tag_repairs = _tagged(items, policy.tag_facets)
    priced, price_repairs = _priced(tagged, currency)
    addressed, address_repairs = _addressed(priced, policy)
    rooted, parent_repairs, cycles = _rooted(addressed)
    return Cleaned(rooted, tag_repairs | price_repairs | address_repairs | parent_repairs, cycles)


def _tagged(items: pl.DataFrame, facets: Mapping[str, str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Tags in one spelling, brand and category among them."""
    plain = {name: pl.col(name).str.replace_all(r"\s+", " ").str.strip_chars() for name in ("brand", "category")}
    spaced = items.with_columns(**plain)
    own = [tidy(pl.concat_str(pl.lit(f"{name}:"), pl.col(name)), facets) for name in plain]
    told, lost = tidied(items["tags"], facets)
    tags = pl.concat_list(told, *own).list.drop_nulls().list.unique().list.sort()
    tagged = spaced.with_columns(tags=tags)
    changed = (tagged["tags"] != items["tags"]).sum()
    return tagged, {"tags_dropped": lost, "tags_changed": int(changed)}


def _priced(items: pl.DataFrame, currency: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """Prices in a currency: the tenant's, where an item says none. A price in an unknown one is no price."""
    has_price = pl.col("price_minor").is_not_null()
    named = pl.coalesce("currency", pl.when(has_price).then(pl.lit(currency)))
    known = is_known(pl.col("currency"))
    whole = items.with_columns(currency=named)
    bad = whole.select((~known).fill_null(value=False).sum()).item()
    kept = [pl.when(known).then(pl.col(name)) for name in ("price_minor", "currency")]
    return whole.with_columns(kept), {"currency_unknown": bad}


def _addressed(items: pl.DataFrame, policy: CatalogPolicy) -> tuple[pl.DataFrame, dict[str, int]]:
    found = items.select(
        url_before="url",
        image_before="image_url",
        url=page(items["url"], base_url=policy.base_url, https_only=policy.https_only),
        image=picture(items["image_url"], base_url=policy.base_url, https_only=policy.https_only),
    )
    counts = [
        (pl.col(f"{name}_before").is_not_null() & pl.col(name).is_null()).sum().alias(f"{name}_bad")
        for name in ("url", "image")
    ]
    counts += [(pl.col(f"{name}_before") != pl.col(name)).sum().alias(f"{name}_repaired") for name in ("url", "image")]
    repairs = found.select(*counts, pl.col("image").is_null().sum().alias("image_missing")).row(0, named=True)
    image = found["image"] if policy.fallback_image is None else found["image"].fill_null(policy.fallback_image)
    return items.with_columns(url=found["url"], image_url=image), repairs


def _rooted(items: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int], tuple[tuple[str, ...], ...]]:
    """Every variant under the root of its family."""
    given = items.filter(pl.col("parent_id").is_not_null()).select("item_id", "parent_id")
    found = families(dict(given.iter_rows()))
    root = pl.col("item_id").replace_strict(found.root, default=None, return_dtype=pl.String)
    rooted = items.with_columns(parent_id=pl.when(root != pl.col("item_id")).then(root))
    alone = sum(len(circle) == 1 for circle in found.cycles)
    moved = (rooted["parent_id"] != items["parent_id"]).sum()
    repairs = {"parent_is_itself": alone, "parent_cycles": len(found.cycles) - alone, "parent_collapsed": int(moved)}
    return rooted, repairs, tuple(circle for circle in found.cycles if len(circle) > 1)
