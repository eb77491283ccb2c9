"""A tenant's algorithm: what it is tuned on, and the change of the document that comes of it, to be reviewed.

It is tuned on what the evaluated fit may see, so that the test days of the next release have seen no trial.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import polars as pl

from data_contracts.documents import Interactions, TenantDocument
from recsys_pipelines.backtest.errors import UnusableFile
from recsys_pipelines.backtest.preparing import Question
from recsys_pipelines.backtest.splitting import Plan
from recsys_pipelines.identity import read_known, resolved
from recsys_pipelines.interactions import interactions
from recsys_pipelines.lake import Lake
from recsys_pipelines.returns import interest
from recsys_pipelines.training import until, window


@dataclass(frozen=True)
class TenantWeighing:
    """Events count as the tenant's document says."""

    settings: Interactions

    def pairs(self, events: pl.DataFrame, now: datetime, catalog: pl.DataFrame) -> pl.DataFrame:
        """The interactions of the events."""
        return interactions(events, self.settings, now=now, catalog=catalog)


def plan(document: TenantDocument, *, keep_seen: bool) -> Plan:
    """Time folds, of events that count as truth for this tenant."""
    return Plan(kind="time", keep_seen=keep_seen, truth_types=document.interactions.positive_types)


def question(document: TenantDocument, lake: Lake, day: date) -> Question:
    """What the evaluated fit of that day may see. Raises ``UnusableFile`` where that is nothing."""
    catalog = lake.read("items", document.tenant, day)
    start, end = window(document, day).start, until(document, day, "evaluated")
    said = lake.window("events", document.tenant, start, end, where=interest(document))
    events = resolved(said, read_known(lake, document.tenant, day))
    known = events.filter(pl.col("user_id").is_not_null() & pl.col("item_id").is_in(catalog["item_id"].implode()))
    if known.is_empty():
        raise UnusableFile(f"tenant {document.tenant!r} has no events of known people and items before {end:%Y-%m-%d}")
    none = known.select("user_id", "item_id").clear()
    return Question(events=known, catalog=catalog, truth=none, barred=none, later=True)


def patch(artifact: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The change as a JSON merge patch (RFC 7386). Null takes a field away, so that the algorithm's default counts."""
    return {"algorithms": {artifact: dict(settings)}}


def patched(body: bytes, change: Mapping[str, Any]) -> bytes:
    """The document with the change, two spaces deep as `msgspec` formats it."""
    return msgspec.json.format(msgspec.json.encode(_merged(msgspec.json.decode(body), change)), indent=2) + b"\n"


def difference(before: bytes, after: bytes, name: str) -> str:
    """What changes, as a unified diff of the documents in the same form."""
    old = (msgspec.json.format(before, indent=2) + b"\n").decode().splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, after.decode().splitlines(keepends=True), name, f"{name} (tuned)"))


def _merged(target: Any, change: Any) -> Any:
    if not isinstance(change, Mapping):
        return change
    whole = dict(target) if isinstance(target, Mapping) else {}
    for name, value in change.items():
        if value is None:
            whole.pop(name, None)
        else:
            whole[name] = _merged(whole.get(name), value)
    return whole
