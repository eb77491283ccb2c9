"""The server's exposure log, landed line by line, as a table: one row per item shown, one partition per day.

A day is made again when one of its landed files is new or changed, and only then; a day whose files were only removed
(by retention) keeps its partition, which has a retention of its own. A line that is no exposure is kept with the
reason among the dead letters and stops nothing. Memory holds the rows of one day and the text of one file.
"""

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import NamedTuple

import msgspec
import polars as pl

from data_contracts.blobs import Blobs, Entry
from data_contracts.errors import BlobExists
from data_contracts.feedback_tables import EXPOSURES
from data_contracts.layout import segment
from data_contracts.records import EXPOSURE_SCHEMA, Exposure
from recsys_pipelines.contract import schema
from recsys_pipelines.lake import Lake

SOURCE = "exposures"
_KEPT_BYTES = 4096  # of a line that is no exposure
_DECODER = msgspec.json.Decoder(Exposure)
_SUBJECT = pl.Struct({"user": pl.String, "anonymous": pl.String, "session": pl.String})
_EXPERIMENT = pl.Struct({"id": pl.String, "variant": pl.String})
_ITEM = pl.Struct(
    {"item_id": pl.String, "rank": pl.Int64, "score": pl.Float64, "source": pl.String, "propensity": pl.Float64}
)
_LINE: dict[str, pl.DataType] = {
    **dict.fromkeys(("request_id", "surface", "endpoint", "segment", "algo_version", "config_version"), pl.String()),
    **dict.fromkeys(("manifest_generation", "fallback_level"), pl.Int64()),
    "subject": _SUBJECT,
    "experiment": _EXPERIMENT,
    "items": pl.List(_ITEM),
}
_MISSING = {"segment": "default", "config_version": "", "fallback_level": 0, "propensity": 1.0}  # as records.Exposure


class DeadLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is no exposure: why, where it stood, and its first bytes in base64."""

    reason: str
    file: str
    line: int
    bytes: int
    value: str


class MadeOf(msgspec.Struct, frozen=True, kw_only=True):
    """What a day was made from: landed files with their fingerprints; and what became of their lines."""

    files: dict[str, str]
    rows: int
    repeated: int
    rejected: int


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Every day of a tenant that has exposures."""

    days: dict[date, MadeOf] = {}


class Parsed(NamedTuple):
    """The rows of one file, and its lines that are none."""

    rows: pl.DataFrame
    dead: list[DeadLine]


@dataclass(frozen=True)
class Written:
    """Which days were made now, and what all days hold."""

    days: tuple[date, ...]
    rows: int
    repeated: int
    rejected: int


def write_exposures(
    landing: Blobs, lake: Lake, tenant: str, *, until: date, forgotten: Collection[str] = ()
) -> Written:
    """Bring the table ``exposures`` up to date with what servers landed, until that day.

    Rows of people who are ``forgotten`` (their pseudonyms) are left out of what is made now.
    """
    known = read_made(lake, tenant)
    found = {day: files for day, files in _by_day(landing, tenant).items() if day <= until}
    due = {day: files for day, files in found.items() if _has_new(files, known.get(day))}
    kept = ~pl.any_horizontal(pl.col("user", "anonymous", "session").is_in(sorted(forgotten)).fill_null(value=False))
    made = {day: _make(landing, lake, tenant, (day, files), kept=kept) for day, files in due.items()}
    days = dict(sorted((known | made).items()))
    if made:
        lake.write_json("exposures_made", tenant, None, Made(days=days))
    states = days.values()
    return Written(
        tuple(sorted(made)),
        sum(state.rows for state in states),
        sum(state.repeated for state in states),
        sum(state.rejected for state in states),
    )


def read_made(lake: Lake, tenant: str) -> dict[date, MadeOf]:
    """What every day of exposures was made from."""
    return (lake.read_json("exposures_made", tenant, None, Made) or Made()).days


def parse(body: bytes, *, tenant: str, day: date, file: str) -> Parsed:
    """The lines of one landed file as rows of ``EXPOSURES``, in their order, and what is wrong with the others."""
    lines, times, dead = [], [], []
    for number, line in enumerate(body.splitlines(), 1):
        found = _checked(line, tenant, day)
        if isinstance(found, str):
            dead.append(_dead(found, file, number, line))
        else:
            lines.append(line)
            times.append(found.ts)
    if not lines:
        return Parsed(pl.DataFrame(schema=schema(EXPOSURES)), dead)
    answers = pl.read_ndjson(BytesIO(b"\n".join(lines)), schema=_LINE)
    timed = answers.with_columns(ts=pl.Series(times, dtype=pl.Datetime("us", "UTC")))
    return Parsed(_rows(timed), dead)


def _make(landing: Blobs, lake: Lake, tenant: str, due: tuple[date, Mapping[str, Entry]], *, kept: pl.Expr) -> MadeOf:
    day, files = due
    parsed = [
        parse(landing.read(entry.key), tenant=tenant, day=day, file=f"date={day}/{name}")
        for name, entry in files.items()
    ]
    for name, each in zip(files, parsed, strict=True):
        _bury(landing, tenant, f"{day}-{name}", each.dead)
    rows = pl.concat([each.rows for each in parsed]).filter(kept)
    once = rows.unique(["request_id", "item_id"], keep="first", maintain_order=True)
    lake.write("exposures", tenant, day, once.sort("ts", "request_id", "rank", "item_id"))
    return MadeOf(
        files={name: _fingerprint(entry) for name, entry in files.items()},
        rows=once.height,
        repeated=rows.height - once.height,
        rejected=sum(len(each.dead) for each in parsed),
    )


def _rows(answers: pl.DataFrame) -> pl.DataFrame:
    shown = answers.explode("items").filter(pl.col("items").is_not_null())
    flat = shown.unnest("items").with_columns(
        user=pl.col("subject").struct.field("user"),
        anonymous=pl.col("subject").struct.field("anonymous"),
        session=pl.col("subject").struct.field("session"),
        experiment_id=pl.col("experiment").struct.field("id"),
        variant=pl.col("experiment").struct.field("variant"),
        generation=pl.col("manifest_generation"),
    )
    return flat.with_columns(pl.col(name).fill_null(value) for name, value in _MISSING.items()).select(EXPOSURES.names)


def _checked(line: bytes, tenant: str, day: date) -> Exposure | str:
    """The exposure, or why the line is none of this tenant and day."""
    try:
        found = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"not an exposure: {error}"
    expected = {"schema": EXPOSURE_SCHEMA, "tenant": tenant, "day of ts": day}
    said = {"schema": found.schema, "tenant": found.tenant, "day of ts": found.ts.date()}
    wrong = [f"{name} is {said[name]}, and not {value}" for name, value in expected.items() if said[name] != value]
    return "; ".join(wrong) or found


def _dead(reason: str, file: str, number: int, line: bytes) -> DeadLine:
    value = base64.b64encode(line[:_KEPT_BYTES]).decode()
    return DeadLine(reason=reason, file=file, line=number, bytes=len(line), value=value)


def _bury(landing: Blobs, tenant: str, name: str, dead: Iterable[DeadLine]) -> None:
    body = b"".join(msgspec.json.encode(each) + b"\n" for each in dead)
    if body:
        with suppress(BlobExists):  # of the same file, read before
            landing.create(f"dead/tenant={tenant}/source={SOURCE}/{name}", body)


def _by_day(landing: Blobs, tenant: str) -> dict[date, dict[str, Entry]]:
    """Landed files by day and name, in order."""
    found: dict[date, dict[str, Entry]] = {}
    for day, name, entry in _landed(landing, f"exposures/tenant={segment(tenant, 'tenant')}/"):
        found.setdefault(day, {})[name] = entry
    return found


def _landed(landing: Blobs, prefix: str) -> Iterator[tuple[date, str, Entry]]:
    for entry in landing.entries(prefix):
        folder, _, name = entry.key.removeprefix(prefix).partition("/")
        if folder.startswith("date=") and name.endswith(".jsonl"):
            yield date.fromisoformat(folder.removeprefix("date=")), name, entry


def _has_new(files: Mapping[str, Entry], known: MadeOf | None) -> bool:
    return known is None or any(known.files.get(name) != _fingerprint(entry) for name, entry in files.items())


def _fingerprint(entry: Entry) -> str:
    """What tells a file from the same one after a person was taken out of it; reading it would cost as much as both."""
    return f"{entry.bytes}@{entry.modified.isoformat()}"
