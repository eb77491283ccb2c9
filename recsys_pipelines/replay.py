"""Offline evaluation of the code that serves: the ranking core answers for past users, as the server would have.

The fixture holds what really happened in the test days; it depends on events and catalog only, so that candidate and
incumbent answer for exactly the same users and are measured against the same truth.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from data_contracts.documents import TenantDocument
from recsys_algo.bundle import Bundle
from recsys_algo.rank import recommend
from recsys_algo.situation import Answer, Query
from recsys_pipelines.identity import read_known, resolved
from recsys_pipelines.lake import Lake
from recsys_pipelines.returns import interest
from recsys_pipelines.training import Fit, until, window

COLUMNS = ("ts", "type", "user_id", "anonymous_id", "item_id")  # of events: all that a fixture is made of
RECS_SCHEMA = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64, "score": pl.Float64}


class Fixture(NamedTuple):
    """The frozen question: ``truth`` (user_id, item_id), ``train`` (user_id, item_id), ``catalog``, and the moment."""

    cut: datetime
    users: tuple[str, ...]
    truth: pl.DataFrame
    train: pl.DataFrame
    catalog: pl.DataFrame


def fixture(document: TenantDocument, lake: Lake, day: date, *, after: Fit = "evaluated") -> Fixture:
    """What users did with items of the catalog in the ``test_days`` that begin where the fit ``after`` ends.

    At most ``max_users`` of them, chosen by hash.
    """
    cut = until(document, day, after)
    end = cut + timedelta(days=document.evaluation.test_days)
    catalog = lake.read("items", document.tenant, day)
    start = window(document, day).start
    said = lake.window("events", document.tenant, start, end, columns=COLUMNS, where=interest(document))
    events = resolved(said, read_known(lake, document.tenant, day))
    known = events.filter(pl.col("user_id").is_not_null() & pl.col("item_id").is_in(catalog["item_id"].implode()))
    done = known.filter((pl.col("ts") >= cut) & pl.col("type").is_in(document.interactions.positive_types))
    users = sampled(done["user_id"].unique().to_list(), document.evaluation.max_users)
    truth = _pairs(done.filter(pl.col("user_id").is_in(users)))
    return Fixture(cut, users, truth, _pairs(known.filter(pl.col("ts") < cut)), catalog)


def sampled(users: Iterable[str], most: int) -> tuple[str, ...]:
    """At most ``most`` users, always the same ones, sorted by id."""
    by_hash = sorted(users, key=lambda user: (hashlib.sha256(user.encode()).digest(), user))
    return tuple(sorted(by_hash[:most]))


def answers(
    bundle: Bundle, users: Sequence[str], k: int, now: datetime, *, weights: Mapping[str, float] | None = None
) -> dict[str, Answer]:
    """The ranking core's answer for every user; ``weights`` replace the surface's to look at one source alone."""
    return {user: recommend(bundle, Query(k=k, now=now, user_id=user, weights=weights)) for user in users}


def recs(replies: Mapping[str, Answer], *, only_source: str | None = None) -> pl.DataFrame:
    """The answers as rows (user_id, item_id, rank, score); ``only_source`` leaves out what a fallback filled in."""
    rows = [
        (user, item.item_id, item.rank, item.score)
        for user, answer in replies.items()
        for item in answer.items
        if only_source is None or item.source == only_source
    ]
    return pl.DataFrame(rows, RECS_SCHEMA, orient="row")


def _pairs(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("user_id", "item_id").unique().sort("user_id", "item_id")
