"""Our own logs: exposures as the server writes them, one JSON record per answer and line, joined with their outcomes.

An outcome belongs to the place of the answer that it names by ``request_id`` and ``item_id``.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import polars as pl

from data_contracts.records import Exposure
from recsys_eval.columns import as_ids, as_numbers
from recsys_eval.errors import InvalidFrame, NothingToEvaluate, UnreadableFile

Reward = Literal["click", "add", "purchase", "value"]
TYPES = ("click", "add", "purchase")
PLACES = {
    "request_id": pl.String,
    "user_id": pl.String,
    "surface": pl.String,
    "item_id": pl.String,
    "rank": pl.Int64,
    "propensity": pl.Float64,
    "team": pl.String,
}


def read_exposures(paths: Sequence[Path]) -> Iterator[Exposure]:
    """The records of log files (.jsonl, also .gz), line by line. Raises ``UnreadableFile`` that names file and line.

    Stability: experimental
    """
    for path in paths:
        try:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield _decoded(line, f"{path}, line {number}")
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFile(f"{path} cannot be read: {error}") from error


def log_files(paths: Sequence[Path]) -> list[Path]:
    """The log files among the paths and in the folders among them, in order. Raises ``UnreadableFile`` without any."""
    found = [
        file
        for path in paths
        for file in (sorted(each for each in path.rglob("*.jsonl*") if each.is_file()) if path.is_dir() else [path])
    ]
    if not found:
        raise UnreadableFile(f"there is no .jsonl or .jsonl.gz file in {', '.join(map(str, paths))}")
    return found


def places(exposures: Iterator[Exposure], surface: str | None = None) -> pl.DataFrame:
    """One row per shown place: request_id, user_id, surface, item_id, rank, propensity, team (may be null).

    ``user_id`` is ``who`` saw it. Answers without items have no row. Raises ``NothingToEvaluate`` where nothing was
    shown.

    Stability: experimental
    """
    rows = [
        (each.request_id, who(each), each.surface, item.item_id, item.rank, item.propensity, item.team)
        for each in exposures
        if surface is None or each.surface == surface
        for item in each.items
    ]
    if not rows:
        raise NothingToEvaluate(f"the exposures hold nothing that was shown{f' on {surface}' if surface else ''}")
    return pl.DataFrame(rows, schema=PLACES, orient="row").unique(maintain_order=True)  # a line may come twice


def rewarded(shown: pl.DataFrame, outcomes: pl.DataFrame, reward: Reward) -> pl.DataFrame:
    """The places with a ``reward``: 1 where an outcome of that type named them, or the ``value`` of their purchases.

    ``outcomes`` (request_id, item_id, type; value). Those that name no place are left out: they are of another surface,
    or orphans.

    Stability: experimental
    """
    rows = as_ids(outcomes, "outcomes", ["request_id", "item_id", "type"])
    unknown = sorted(set(rows["type"]) - set(TYPES))
    if unknown:
        raise InvalidFrame(f"outcomes: the type {unknown[0]!r} is none of {', '.join(TYPES)}")
    if reward == "value":
        rows = as_numbers(rows, "outcomes", ["value"]).filter(pl.col("type") == "purchase")
        earned = rows.group_by("request_id", "item_id").agg(reward=pl.col("value").sum())
    else:
        earned = rows.filter(pl.col("type") == reward).select("request_id", "item_id").unique().with_columns(reward=1.0)
    joined = shown.join(earned, on=["request_id", "item_id"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("reward").fill_null(0.0))


def who(exposure: Exposure) -> str:
    """Whoever saw it: the pseudonym of the user, else of the anonymous id, else of the session, else the answer itself.

    Stability: experimental
    """
    subject = exposure.subject
    return subject.user or subject.anonymous or subject.session or exposure.request_id


def _decoded(line: bytes, place: str) -> Exposure:
    try:
        return msgspec.json.decode(line, type=Exposure)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{place} is no exposure: {error}") from error
