"""One source file after the other into the lake's staging area: read, mapped, checked, split by UTC day."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec
import polars as pl
from msgspec.structs import replace

from data_contracts.documents import TenantDocument
from data_contracts.policies import Retention
from data_contracts.pseudonym import Pseudonyms
from data_contracts.source_specs import SourceSpec
from recsys_pipelines import mapping
from recsys_pipelines.clock import clamped, is_clamped
from recsys_pipelines.contract import Checked, check, rules
from recsys_pipelines.lake import WRITERS, Lake, Stored
from recsys_pipelines.ledger import LANDED, Fault, Identity, LandedFile, ReadUpTo, TableName
from recsys_pipelines.privacy.in_pulled import PulledFiles, everyone
from recsys_pipelines.privacy.kept import recent, retained
from recsys_pipelines.privacy.scrubbing import FORGOTTEN, scrub
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import BadPart, MissingPart, Part, Place, Pulled, Pulling, Source


class _Read(NamedTuple):
    """A file's rows in parts, and what was seen on the way."""

    checked: Checked
    columns: Mapping[str, str]
    findings: Mapping[str, int]


@dataclass(frozen=True)
class Intake:
    """A tenant's sources and where their rows go; ``pseudonyms`` stand for people where the policy asks for it."""

    document: TenantDocument
    place: Place
    lake: Lake
    now: datetime
    pseudonyms: Pseudonyms | None = None
    forgotten: frozenset[str] = frozenset()  # pseudonyms of people whose rows are left out

    def pull(self) -> Iterator[tuple[Pulled, ReadUpTo]]:
        """Copy what is new in sources that are outside to the landing area; what each brought, and how far it got."""
        for table in LANDED:
            for number, spec in enumerate(self._specs(table)):
                source = self._opened(spec)
                if isinstance(source, Pulling):
                    brought = source.pull(self.now)
                    yield (
                        brought,
                        ReadUpTo(
                            table=table,
                            source=number,
                            name=brought.source,
                            watermark=brought.watermark,
                            dead_letters=brought.dead_letters,
                        ),
                    )

    def identities(self) -> Iterator[Identity]:
        """Every file that is there now, in the order in which it counts; also a source that has none."""
        for table in LANDED:
            for number, spec in enumerate(self._specs(table)):
                reading = self._reading(table, spec)
                for part in self._parts(spec):
                    yield Identity(
                        table=table,
                        source=number,
                        file=part.name,
                        fingerprint=part.fingerprint,
                        mapping=reading,
                    )

    def landed(self, identity: Identity, landed_at: datetime) -> LandedFile:
        """Read and stage one file; safe to repeat, since the same identity and ``landed_at`` give the same parts.

        ``landed_at`` is when the file's content was landed first: clocks that run ahead are measured by it.
        """
        try:
            read = self._read(identity, landed_at)
        except BadPart as error:
            fault = Fault(kind=error.kind, message=error.problem)
            return LandedFile(identity=identity, landed_at=landed_at, fault=fault)
        file = _facts(identity, read, landed_at)
        self._stage(file, read.checked)
        return file

    def _specs(self, table: TableName) -> tuple[SourceSpec, ...]:
        specs: tuple[SourceSpec, ...] = getattr(self.document.sources, table)
        return specs

    def _reading(self, table: TableName, spec: SourceSpec) -> str:
        """A digest of all that the document says about how these rows are read, what is kept of them, and when."""
        document = self.document
        privacy = replace(document.privacy, retention=Retention())  # which is about when they go again
        policies = (privacy, document.clock) if table == "events" else (privacy,)
        said = msgspec.json.encode((mapping.VERSION, spec, document.currency, *policies), order="deterministic")
        return hashlib.sha256(said).hexdigest()[:16]

    def _parts(self, spec: SourceSpec) -> list[Part]:
        try:
            return list(self._opened(spec).parts())
        except MissingPart as error:
            return [Part(error.name, "")]

    def _opened(self, spec: SourceSpec) -> Source:
        return opened(spec, self.place)

    def _read(self, identity: Identity, landed_at: datetime) -> _Read:
        spec, table = self._specs(identity.table)[identity.source], LANDED[identity.table]
        source, part = self._opened(spec), Part(identity.file, identity.fingerprint)
        with source.rows(part, mapping.needs(spec, table)) as rows:
            frame = mapping.mapped(rows, table, spec, self.document.currency).collect()
        kept = scrub(frame, table, self.document.privacy, self.pseudonyms, forgotten=self.forgotten)
        if any(finding.endswith(FORGOTTEN) for finding in kept.findings) and isinstance(source, Pulling):
            self._take_out(part, spec, identity.table)
        clock, since = self.document.clock, retained(self.lake, self.document.tenant).events_from
        timed = clamped(recent(kept.rows, since), clock, landed_at) if identity.table == "events" else kept.rows
        ahead = timedelta(seconds=clock.tolerance_s)
        return _Read(check(timed, table, identity.file, landed_at, ahead=ahead), source.columns(part), kept.findings)

    def _take_out(self, part: Part, spec: SourceSpec, table: TableName) -> None:
        """Clean a landed file of people who are forgotten, and whom the source still has."""
        assert self.place.landing is not None  # it was landed there
        assert self.pseudonyms is not None  # whoever is forgotten has a pseudonym
        person = everyone(self.document.tenant, self.forgotten, self.pseudonyms)
        PulledFiles(self.place.landing, self.document, self.place, person).take_out(part, spec, table)

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


def _facts(identity: Identity, read: _Read, landed_at: datetime) -> LandedFile:
    accepted, rejected, repeated, broken = read.checked
    keys = {rule.text: rule.key for rule in rules(LANDED[identity.table])}
    counted = dict(broken.group_by("rule").len().iter_rows())
    file = LandedFile(
        identity=identity,
        landed_at=landed_at,
        rows=accepted.height + rejected.height + repeated.height,
        accepted=accepted.height,
        rejected=rejected.height,
        repeated=repeated.height,
        rules={keys[text] if text in keys else str(text): rows for text, rows in sorted(counted.items())},
        columns=dict(read.columns),
        findings=dict(sorted(read.findings.items())),
    )
    return _of_events(file, accepted) if identity.table == "events" else file


def _of_events(file: LandedFile, events: pl.DataFrame) -> LandedFile:
    clamped, newest = events.select(is_clamped().sum(), newest=pl.col("ts").max()).row(0)
    return replace(file, days=_days(events), clamped=clamped, newest=newest)


def _days(events: pl.DataFrame) -> dict[date, int]:
    return dict(events.group_by(pl.col("ts").dt.date()).len().sort("ts").iter_rows())
