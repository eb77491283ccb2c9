"""A person in the lake: rows of Parquet tables, whatever table they are in, and values of JSON records.

A table's columns of people are known by name, so a table that is made tomorrow is searched as well. A part keeps its
place when its last row goes: it is empty then, and whatever names it still finds it.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from msgspec.structs import replace

from data_contracts.blobs import Blobs
from recsys_pipelines.contract import rules
from recsys_pipelines.lake import Lake, Stored
from recsys_pipelines.ledger import LANDED, LandedFile, Ledger
from recsys_pipelines.privacy.person import Person
from recsys_pipelines.settlement import Days

PEOPLE = re.compile(r"(subject_)?(user|anonymous|session|visitor|person|subject)(_id|_pseudonym|_key)?")
RECORDS = (
    "ledger",
    "rulings",
    "settled",
    "lease",
    "retained",
    "forgetting",
)  # records of the pipeline that name nobody
FORGOTTEN = "[forgotten]"


@dataclass(frozen=True)
class LakeTables:
    """Every Parquet part of the tenant."""

    blobs: Blobs
    person: Person
    store: str = "lake"
    method: str = "equality in the columns of people of every Parquet table (user_id, anonymous_id, session_id, ...)"
    touched: set[Stored] = field(default_factory=set)

    def keys(self) -> Iterator[str]:
        """Every part."""
        return (key for key in _of_tenant(self.blobs, self.person.tenant) if key.endswith(".parquet"))

    def count(self, key: str) -> int:
        """Rows that are the person's."""
        names = self._columns(key)
        if not names:
            return 0
        rows = pl.read_parquet(_source(self.blobs, key), columns=names, hive_partitioning=False)
        return int(rows.select(self._theirs(rows).sum()).item())

    def clean(self, key: str) -> None:
        """The part without those rows; refused rows take their reasons along."""
        rows = pl.read_parquet(_source(self.blobs, key), hive_partitioning=False)
        stored, lake = _stored(key), Lake(self.blobs)
        theirs = rows.filter(self._theirs(rows))
        if stored.table.startswith("refused_"):
            self._forget_reasons(lake, stored, theirs["row"])
        lake.write(stored.table, self.person.tenant, stored.day, rows.filter(~self._theirs(rows)), part=stored.part)
        self.touched.add(stored)

    def recount(self) -> None:
        """Bring the ledger and the record of settled days in line with the parts that were cleaned."""
        lake, tenant = Lake(self.blobs), self.person.tenant
        ids = {stored.part for stored in self.touched}
        ledger, tag = lake.read_tagged_json("ledger", tenant, None, Ledger)
        if ledger is not None:
            files = tuple(_recounted(lake, tenant, file) if file.id in ids else file for file in ledger.files)
            if files != ledger.files:
                lake.swap_json("ledger", tenant, None, replace(ledger, files=files), tag=tag)
        days = {stored.day for stored in self.touched if stored.table == "events"}
        settled = lake.read_json("settled", tenant, None, Days)
        if settled is not None and days:
            made = {
                day: replace(state, rows=lake.read("events", tenant, day).height) if day in days else state
                for day, state in settled.days.items()
            }
            lake.write_json("settled", tenant, None, Days(days=made))

    def _columns(self, key: str) -> list[str]:
        schema = pl.read_parquet_schema(_source(self.blobs, key))
        names = [name for name, kind in schema.items() if kind == pl.String and PEOPLE.fullmatch(name)]
        if _stored(key).table == "rejected":
            names.append("value")
        return [*names, "entity", "id"] if {"entity", "id"} <= schema.keys() else names

    def _theirs(self, rows: pl.DataFrame) -> pl.Expr:
        """True where any column of people holds one of their ids, never null."""
        found: list[pl.Expr] = [pl.lit(value=False)]
        for name in rows.columns:
            if rows.schema[name] == pl.String and (PEOPLE.fullmatch(name) or name in {"value", "id"}):
                ids = self.person.among(rows[name].unique())
                is_theirs = pl.col(name).is_in(ids)
                is_person = pl.col("entity") == "user" if name == "id" and "entity" in rows.columns else True
                if ids and (name != "id" or "entity" in rows.columns):
                    found.append((is_theirs & is_person).fill_null(value=False))
        return pl.any_horizontal(found)

    def _forget_reasons(self, lake: Lake, stored: Stored, numbers: pl.Series) -> None:
        reasons = Stored("rejected", None, stored.part)
        if reasons in set(lake.parts("rejected", self.person.tenant)):
            rows = lake.read("rejected", self.person.tenant, None, part=stored.part)
            kept = rows.filter(~pl.col("row").is_in(numbers.implode()))
            lake.write("rejected", self.person.tenant, None, kept, part=stored.part)


@dataclass(frozen=True)
class LakeRecords:
    """Every JSON record of the tenant but those of ``RECORDS``: verdicts with their examples, links, decisions."""

    blobs: Blobs
    person: Person
    store: str = "lake records"
    method: str = "equality with any text or key of a JSON record"

    def keys(self) -> Iterator[str]:
        """Every record that may name somebody."""
        found = (key for key in _of_tenant(self.blobs, self.person.tenant) if key.endswith(".json"))
        return (key for key in found if key.partition("/")[0] not in RECORDS)

    def count(self, key: str) -> int:
        """Texts and keys that are one of their ids."""
        return sum(map(self.person.has, _texts(msgspec.json.decode(self.blobs.read(key)))))

    def clean(self, key: str) -> None:
        """The record without them."""
        found = self.blobs.read_tagged(key)
        assert found is not None  # no tag was given that it could still have
        kept = without(msgspec.json.decode(found.body), self.person)
        body = msgspec.json.format(msgspec.json.encode(kept, order="deterministic"), indent=1)
        self.blobs.replace(key, body, found.tag)


def without(value: Any, person: Person) -> Any:
    """A JSON value without a person: entries of lists and of mappings go, single texts are replaced."""
    if isinstance(value, list):
        return [without(each, person) for each in value if not _names(each, person)]
    if isinstance(value, dict):
        return {key: without(each, person) for key, each in value.items() if not person.has(key)}
    return FORGOTTEN if person.has(value) else value


def _names(value: Any, person: Person) -> bool:
    return person.has(value) or (isinstance(value, dict) and any(map(person.has, value.values())))


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield value


def _of_tenant(blobs: Blobs, tenant: str) -> Iterator[str]:
    part = f"/tenant={tenant}/"
    return (entry.key for entry in list(blobs.entries("")) if part in f"/{entry.key}")


def _source(blobs: Blobs, key: str) -> Path | io.BytesIO:
    """Where Polars reads a part: the file itself, or the bytes of a bucket's object."""
    return io.BytesIO(blobs.read(key)) if "://" in blobs.url else Path(blobs.url) / key


def _stored(key: str) -> Stored:
    table, _, *day, name = key.split("/")
    return Stored(
        table, date.fromisoformat(day[0].removeprefix("date=")) if day else None, name.removesuffix(".parquet")
    )


def _recounted(lake: Lake, tenant: str, file: LandedFile) -> LandedFile:
    """What the ledger says of a file, counted anew."""
    heights = {part: lake.scan_parts([part], tenant).select(pl.len()).collect().item() for part in file.staged}
    refused = sum(lake.scan_parts([part], tenant).select(pl.len()).collect().item() for part in file.refused)
    reasons = [lake.scan_parts([part], tenant).select("row", "rule").collect() for part in file.reasons]
    rejected = sum(rows["row"].n_unique() for rows in reasons)
    broken = Counter(text for rows in reasons for text in rows["rule"])
    accepted = sum(heights.values())
    days = {part.day: rows for part, rows in heights.items() if part.day and rows}
    return replace(
        file,
        days=days,
        rows=accepted + refused,
        accepted=accepted,
        rejected=rejected,
        repeated=refused - rejected,
        rules={rule.key: broken[rule.text] for rule in rules(LANDED[file.table]) if broken[rule.text]},
    )
