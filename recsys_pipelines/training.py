"""Training: which days a fit reads, what is fitted, and the tables that it leaves in the lake.

Every release has two fits with the same settings. The *evaluated* one does not see the last ``test_days`` of the
window, the *served* one sees all of it; both are published, so that the next candidate can be compared with what
this one really knew. Where a second stage is learned there is a third, *stacked* one, which ends ``test_days`` earlier
still: what happened between its end and that of the evaluated fit is what the second stage of the evaluated fit learns
from, as that of the served fit learns from the test days. Learned tables stand in the lake as
``models_{fit}/tenant=/date=/{artifact}.parquet``.
"""

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.manifest import Window
from recsys_algo.encode import Encoded
from recsys_pipelines.aggregates import Aggregates
from recsys_pipelines.algorithm import Algorithm, ByTrait, TrainingData, configured
from recsys_pipelines.embeddings.index import read_index
from recsys_pipelines.encoding import encode
from recsys_pipelines.identity import read_known
from recsys_pipelines.interactions import history, interactions, seen
from recsys_pipelines.lake import Daily, Lake
from recsys_pipelines.returns import interest

Fit = Literal["stacked", "evaluated", "served"]
LOG = logging.getLogger(__name__)
FITS: tuple[Fit, ...] = ("evaluated", "served")


def fits(document: TenantDocument) -> tuple[Fit, ...]:
    """The fits that this tenant needs, the one that knows least first."""
    learns = any(document.on(surface).second_stage for surface in document.surfaces)
    return ("stacked", *FITS) if learns else FITS


class Learned(NamedTuple):
    """One table that an algorithm learned, and for which fit."""

    artifact: str
    fit: Fit
    rows: int


def window(document: TenantDocument, day: date) -> Window:
    """The days that a release as of the end of ``day`` reads."""
    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    return Window(end - timedelta(days=document.interactions.window_days), end)


def until(document: TenantDocument, day: date, fit: Fit) -> datetime:
    """Up to when a fit may know anything: the end of the window, less what is held out of it."""
    test_days = {"served": 0, "evaluated": 1, "stacked": 2}[fit] * document.evaluation.test_days
    return window(document, day).end - timedelta(days=test_days)


def events_before(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> Daily:
    """The events of the window that the fit may see, but for returns, day by day; they are read when they are asked
    for."""
    start, end = window(document, day).start, until(document, day, fit)
    return lake.daily("events", document.tenant, start, end, where=interest(document))


def weigh(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> pl.DataFrame:
    """The interactions of one fit, also written to ``interactions_{fit}``."""
    catalog, now = lake.read("items", document.tenant, day), until(document, day, fit)
    events, known = events_before(document, lake, day, fit), read_known(lake, document.tenant, day)
    if document.training.mode == "incremental":
        days = Aggregates(lake, document.tenant, document.interactions, catalog, document.returns)
        made = list(days.fresh(events.days))
        LOG.info("%s: %d of %d days aggregated, the others were before", fit, len(made), len(events.days))
        pairs = days.pairs(events.days, now=now, known=known)
    else:
        pairs = interactions(events, document.interactions, now=now, catalog=catalog, known=known)
    lake.write(f"interactions_{fit}", document.tenant, day, pairs)
    return pairs


def training_data(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> TrainingData:
    """What every algorithm of a fit learns from."""
    return TrainingData(
        lake.read(f"interactions_{fit}", document.tenant, day),
        lake.read("items", document.tenant, day),
        events_before(document, lake, day, fit),
        now=until(document, day, fit),
        users=lake.read("users", document.tenant, day),
        identity=read_known(lake, document.tenant, day),
        embeddings=lambda: read_index(lake, document.tenant),
        blocked_pairs=document.embeddings.blocked_pairs,
    )


def chosen(document: TenantDocument, algorithm: str) -> dict[str, Algorithm]:
    """The tenant's artifacts that are made by this algorithm, with its settings."""
    return {name: settings for name, settings in configured(document).items() if settings.name == algorithm}


def traits(document: TenantDocument) -> tuple[str, ...]:
    """The traits by which any algorithm of the tenant makes lists, in the order in which they are named."""
    named = (each.per_trait for each in configured(document).values() if isinstance(each, ByTrait))
    return tuple(dict.fromkeys(chain.from_iterable(named)))


def train(document: TenantDocument, lake: Lake, day: date, algorithm: str) -> list[Learned]:
    """Fit every artifact of one algorithm, both ways, into the lake."""
    learned = []
    artifacts = chosen(document, algorithm)
    for fit in fits(document) if artifacts else ():
        data = training_data(document, lake, day, fit)
        for name, settings in artifacts.items():
            table = settings.fit(replace(data, previous=previous(document, lake, day, fit, artifact=name)))
            lake.write(f"models_{fit}", document.tenant, day, table, part=name)
            learned.append(Learned(name, fit, table.height))
    return learned


def previous(document: TenantDocument, lake: Lake, day: date, fit: Fit, *, artifact: str) -> pl.DataFrame | None:
    """What the artifact learned as of the newest earlier day, if training is incremental and there is one."""
    if document.training.mode == "full":
        return None
    parts = [each for each in lake.parts(f"models_{fit}", document.tenant) if each.part == artifact]
    earlier = [each.day for each in parts if each.day is not None and each.day < day]
    return lake.read(f"models_{fit}", document.tenant, max(earlier), part=artifact) if earlier else None


def encoded(document: TenantDocument, lake: Lake, day: date, fit: Fit, *, folder: Path) -> list[Encoded]:
    """Everything that one fit publishes, as arrays in ``folder``: the same tables give the same bytes."""
    pairs = lake.read(f"interactions_{fit}", document.tenant, day)
    catalog = lake.read("items", document.tenant, day)
    tables = {
        name: (settings.name, settings.shape, partial(lake.read, f"models_{fit}", document.tenant, day, part=name))
        for name, settings in configured(document).items()
    }
    return encode(
        tables,
        catalog,
        history(pairs, document.ranking.history_items),
        seen(events_before(document, lake, day, fit), catalog=catalog, known=read_known(lake, document.tenant, day)),
        folder,
        users=lake.read("users", document.tenant, day),
        traits=traits(document),
    )
