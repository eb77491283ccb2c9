"""Every check on one case, in the order in which people read them: table by table, then what no single row shows."""

from collections.abc import Iterator

from recsys_pipelines.ledger import LANDED
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.clock import clamped_events
from recsys_pipelines.quality.duplicates import copies
from recsys_pipelines.quality.exposures import joined, positions, shown
from recsys_pipelines.quality.files import file_checks
from recsys_pipelines.quality.findings import personal
from recsys_pipelines.quality.gaps import day_gaps, hour_gaps
from recsys_pipelines.quality.known import known_items, known_users
from recsys_pipelines.quality.reconciliation import booked_by_day, booked_by_id, books
from recsys_pipelines.quality.row_rules import rule_checks
from recsys_pipelines.quality.schema_drift import drifted
from recsys_pipelines.quality.volume import event_counts, judged_days, volume_by_hour, volume_by_type
from recsys_pipelines.verdict import CheckResult


def results(case: Case) -> Iterator[CheckResult]:
    """What every check saw; which checks there are depends on the tenant's document alone."""
    for table in LANDED:
        if case.files_of(table):
            yield from file_checks(table, case)
            yield from rule_checks(table, case)
            yield drifted(table, case.batch, case.columns, case.checks)
            yield personal(table, case.batch, case.checks)
    yield copies(case)
    yield known_items(case)
    yield known_users(case)
    yield clamped_events(case.batch, case.checks)
    yield from _over_time(case)
    yield from _of_exposures(case)
    yield from _in_the_books(case)


def _over_time(case: Case) -> Iterator[CheckResult]:
    days = judged_days(case)
    counts = event_counts(case, days)
    yield day_gaps(case.files, case.checks)
    yield hour_gaps(counts, days, case.checks)
    yield volume_by_type(counts, days, case.checks)
    yield volume_by_hour(counts, days, case.checks)


def _of_exposures(case: Case) -> Iterator[CheckResult]:
    found = shown(case)
    yield joined(found, case.checks)
    yield positions(found, case.checks)


def _in_the_books(case: Case) -> Iterator[CheckResult]:
    found = books(case)
    yield booked_by_day(found, case.checks)
    yield booked_by_id(found, case.checks)
