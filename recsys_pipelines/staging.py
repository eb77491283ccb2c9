"""One source file after the other into the lake's staging area: read, mapped, checked, split by UTC day."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import polars as pl

from data_contracts.documents import TenantDocument
from data_contracts.pseudonym import Pseudonyms
from data_contracts.source_specs import SourceSpec
from recsys_pipelines import mapping
from recsys_pipelines.clock import clamped
from recsys_pipelines.contract import Checked, check, rules
from recsys_pipelines.lake import WRITERS, Lake, Stored
from recsys_pipelines.ledger import LANDED, Fault, Identity, LandedFile, TableName
from recsys_pipelines.privacy.scrubbing import scrub
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import BadPart, MissingPart, Part, Place, Pulled, Pulling, Source


@dataclass(frozen=True)
class Intake:
    """A tenant's sources and where their rows go; ``pseudonyms`` stand for people where the policy asks for it."""

    document: TenantDocument
    place: Place
    lake: Lake
    now: datetime
    pseudonyms: Pseudonyms | None = None

    def pull(self) -> list[Pulled]:
        """Copy what is new in sources that are outside to the landing area."""
        sources = [self._opened(spec) for table in LANDED for spec in self._specs(table)]
        return [source.pull(self.now) for source in sources if isinstance(source, Pulling)]

    def identities(self) -> Iterator[Identity]:
        """Every file that is there now, in the order in which it counts; also a source that has none."""
        for table in LANDED:
            for number, spec in enumerate(self._specs(table)):
                reading = hashlib.sha256(msgspec.json.encode((mapping.VERSION, spec, self.document.currency)))
                for part in self._parts(spec):
                    yield Identity(
                        table=table,
                        source=number,
                        file=part.name,
                        fingerprint=part.fingerprint,
                        mapping=reading.hexdigest()[:16],
                    )

    def landed(self, identity: Identity) -> LandedFile:
        """Read and stage one file; safe to repeat, since the same identity gives the same parts."""
        try:
            checked = self._checked(identity)
        except BadPart as error:
            fault = Fault(kind=error.kind, message=error.problem)
            return LandedFile(identity=identity, landed_at=self.now, fault=fault)
        file = _facts(identity, checked, self.now)
        self._stage(file, checked)
        return file

    def _specs(self, table: TableName) -> tuple[SourceSpec, ...]:
        specs: tuple[SourceSpec, ...] = getattr(self.document.sources, table)
        return specs

    def _parts(self, spec: SourceSpec) -> list[Part]:
        try:
            return list(self._opened(spec).parts())
        except MissingPart as error:
            return [Part(error.name, "")]

    def _opened(self, spec: SourceSpec) -> Source:
        return opened(spec, self.place)

    def _checked(self, identity: Identity) -> Checked:
        spec, table = self._specs(identity.table)[identity.source], LANDED[identity.table]
        part = Part(identity.file, identity.fingerprint)
        with self._opened(spec).rows(part, mapping.needs(spec, table)) as rows:
            frame = mapping.mapped(rows, table, spec, self.document.currency).collect()
        kept = scrub(frame, table, self.document.privacy, self.pseudonyms).rows
        timed = clamped(kept, self.document.clock, self.now) if identity.table == "events" else kept
        return check(timed, table, identity.file, self.now)

    def _stage(self, file: LandedFile, checked: Checked) -> None:
        by_day = _by_day(checked.accepted) if file.days else {}
        frames = {part: by_day[part.day] if part.day else checked.accepted for part in file.staged}
        frames |= dict.fromkeys(file.refused, pl.concat([checked.rejected, checked.repeated]))
        frames |= dict.fromkeys(file.reasons, checked.broken)
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(self._write, frames, frames.values()))  # the list, so that an error is raised here

    def _write(self, part: Stored, frame: pl.DataFrame) -> None:
        self.lake.write(part.table, self.document.tenant, part.day, frame, part=part.part)


def _by_day(events: pl.DataFrame) -> dict[date, pl.DataFrame]:
    days = events.with_columns(day=pl.col("ts").dt.date()).partition_by("day", as_dict=True, include_key=False)
    return {day: rows for (day,), rows in days.items()}


def _facts(identity: Identity, checked: Checked, now: datetime) -> LandedFile:
    accepted, broken = checked.accepted, checked.broken
    counted = dict(broken.group_by("rule").len().iter_rows())
    return LandedFile(
        identity=identity,
        landed_at=now,
        rows=accepted.height + checked.rejected.height + checked.repeated.height,
        accepted=accepted.height,
        rejected=checked.rejected.height,
        repeated=checked.repeated.height,
        days=_days(accepted) if identity.table == "events" else {},
        rules={rule.key: counted[rule.text] for rule in rules(LANDED[identity.table]) if rule.text in counted},
    )


def _days(events: pl.DataFrame) -> dict[date, int]:
    return dict(events.group_by(pl.col("ts").dt.date()).len().sort("ts").iter_rows())
