"""Events on items that the catalog does not have, and of users that the users table does not have."""

import polars as pl

from recsys_pipelines.ledger import TableName
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.names import KNOWN_ITEMS, KNOWN_USERS
from recsys_pipelines.quality.results import Seen, result, share
from recsys_pipelines.verdict import EXAMPLES, CheckResult


def known_items(case: Case) -> CheckResult:
    """Every event that has an item counts; the catalog is what all files together say."""
    limit = case.checks.maximum_unknown_item_share
    counts = unknown(case, "item_id", "items")
    return result(KNOWN_ITEMS, case.checks, _seen(counts, case, limit, "on items that the catalog does not have"))


def known_users(case: Case) -> CheckResult:
    """Every event with a user id counts; a tenant without a users table has no unknown users."""
    limit, checks = case.checks.maximum_unknown_user_share, case.checks
    if not case.files_of("users"):
        return result(KNOWN_USERS, checks, Seen(0, limit, "the tenant has no users table to look users up in"))
    counts = unknown(case, "user_id", "users")
    return result(KNOWN_USERS, checks, _seen(counts, case, limit, "of users that the users table does not have"))


def unknown(case: Case, column: str, table: TableName) -> pl.DataFrame:
    """Per file of the batch (``id``): ``events`` with a value, how many have an ``unknown`` one, and ``examples``."""
    there = case.accepted(table).select(column).unique().collect().to_series()
    files = [file for file in case.batch if file.days]
    none = pl.LazyFrame(schema={column: pl.String, "id": pl.String})
    rows = [case.accepted("events", [file]).select(column, id=pl.lit(file.id)) for file in files]
    is_known = pl.col(column).is_in(there.implode())
    examples = pl.col(column).filter(~is_known).unique().sort().head(EXAMPLES)
    counts = pl.concat([none, *rows]).drop_nulls().group_by("id")
    return counts.agg(events=pl.len(), unknown=(~is_known).sum(), examples=examples).sort("id").collect()


def _seen(counts: pl.DataFrame, case: Case, limit: float, which: str) -> Seen:
    lost, total = int(counts["unknown"].sum()), int(counts["events"].sum())
    over = set(counts.filter(pl.col("unknown") > limit * pl.col("events"))["id"])
    return Seen(
        observed=share(lost, total),
        limit=limit,
        detail=f"{lost:,} of {total:,} events ({share(lost, total):.1%}) are {which}, at most {limit:.1%} may be",
        files=tuple(file.file for file in case.batch if file.id in over),
        examples=tuple(counts["examples"].explode().drop_nulls().unique().sort()),
    )
