"""What the items of a tenant are penalized for: the rates of bad outcomes that a release publishes.

The evaluated fit knows only what was known when its days ended, the served one what was known at the end of the window.
"""

from datetime import date
from pathlib import Path

import msgspec
import polars as pl

from data_contracts.documents import TenantDocument
from recsys_algo.encode import Encoded, encode_penalties, load_items
from recsys_pipelines.feedback.bad_outcomes import TABLE, bad_outcomes, rates
from recsys_pipelines.lake import Lake
from recsys_pipelines.training import FITS, Fit, until, window


def penalized(document: TenantDocument) -> tuple[str, ...]:
    """The kinds of bad outcomes that some surface penalizes, by name."""
    rankings = [document.on(surface) for surface in document.surfaces]
    weights = [msgspec.structs.asdict(ranking.penalties) for ranking in rankings if ranking.penalties]
    return tuple(sorted({kind for each in weights for kind, weight in each.items() if weight > 0}))


def write_outcomes(document: TenantDocument, lake: Lake, day: date) -> dict[Fit, pl.DataFrame]:
    """The bad outcomes that each fit may know, also written to ``bad_outcomes_{fit}``; none without penalties."""
    start, found = window(document, day).start, {}
    for fit in FITS if penalized(document) else ():
        found[fit] = bad_outcomes(document, lake, start, until(document, day, fit))
        lake.write(f"{TABLE}_{fit}", document.tenant, day, found[fit])
    return found


def penalties(document: TenantDocument, lake: Lake, day: date, fit: Fit, *, folder: Path) -> list[Encoded]:
    """The artifact of a fit whose catalog is in ``folder`` already; none where no surface asks for it.

    Raises ``MissingPartition`` if the asset ``penalties`` of that day was not made.
    """
    kinds = penalized(document)
    if not kinds:
        return []
    known = rates(lake.read(f"{TABLE}_{fit}", document.tenant, day), kinds).filter(pl.col("rate") > 0)
    by_kind = {kind: dict(known.filter(kind=kind).select("item_id", "rate").iter_rows()) for kind in kinds}
    return [encode_penalties(by_kind, load_items(folder), folder)]
