"""Every check there is: the name that a tenant document gives it, what it says, and what its failure does.

A check has one number, ``observed``, and passes if that is at most its ``limit``; there is no other way to pass.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple, get_args

from data_contracts.documents import TenantDocument
from data_contracts.errors import InvalidDocument
from data_contracts.policies import Checks, Severity
from recsys_pipelines.contract import Rule, rules
from recsys_pipelines.ledger import LANDED
from recsys_pipelines.sources.source import FaultKind

REPEATED = "events.event_id.unique"
KNOWN_ITEMS, KNOWN_USERS = "events.item_id.known", "events.user_id.known"
DAY_GAPS, HOUR_GAPS = "events.ts.gaps", "events.ts.hours"
CLAMPED = "events.ts.clamped"
VOLUME_BY_TYPE, VOLUME_BY_HOUR = "events.volume.type", "events.volume.hour"
JOINED, POSITIONS = "events.request_id.joined", "events.rank.positions"
BOOKED_BY_DAY, BOOKED_BY_ID = "orders.purchases.days", "orders.purchases.ids"

FAULTS: dict[FaultKind, str] = {
    "missing": "every file that the document names is there",
    "empty": "no file is empty",
    "encoding": "every file is text in the encoding that the document names",
    "malformed": "every file is what its format says",
    "columns": "every file has the columns that the mapping needs",
}


class Named(NamedTuple):
    """One check. ``limit`` is the field of ``checks`` that holds its limit; empty where nothing may be wrong at all."""

    name: str
    says: str
    severity: Severity
    limit: str = ""


_TOLERANCE = "reconciliation_tolerance"
_SPECIAL = (
    Named(
        REPEATED,
        "rows that repeat an event id of the same file, or of the same day in another file; they are dropped",
        "warn",
        "maximum_duplicate_share",
    ),
    Named(KNOWN_ITEMS, "events on items that the catalog does not have", "block", "maximum_unknown_item_share"),
    Named(KNOWN_USERS, "events of users that the users table does not have", "block", "maximum_unknown_user_share"),
    Named(DAY_GAPS, "days between the first and the last event that have none", "warn"),
    Named(HOUR_GAPS, "hours of a day without any event that usually have many", "warn"),
    Named(CLAMPED, "events whose clock ran ahead and was set right", "warn", "maximum_clamped_share"),
    Named(VOLUME_BY_TYPE, "a day's number of events of one type, against the days before", "warn", "volume"),
    Named(VOLUME_BY_HOUR, "how a day's events spread over its hours, against the days before", "warn", "volume"),
    Named(JOINED, "outcomes that name a response which no exposure has", "warn", "minimum_join_share"),
    Named(POSITIONS, "exposed items that stand on one and the same rank", "warn", "maximum_top_position_share"),
    Named(BOOKED_BY_DAY, "a day's purchases against its orders: how many, and how much", "warn", _TOLERANCE),
    Named(BOOKED_BY_ID, "orders without a purchase event, and purchases without an order", "warn", _TOLERANCE),
)


def of_file(table: str, check: str) -> str:
    """The name of a check on whole files."""
    return f"{table}.file.{check}"


def _of_files(table: str) -> Iterator[Named]:
    for kind in get_args(FaultKind):
        yield Named(of_file(table, kind), FAULTS[kind], "block")
    if table != "users":
        yield Named(of_file(table, "rows"), "every file has enough rows", "block", "minimum_rows")
    yield Named(of_file(table, "rejected_share"), "rejected rows, file by file", "block", "maximum_rejected_share")
    yield Named(of_file(table, "drift"), "columns that came, went, were renamed or changed their type", "warn")
    yield Named(of_file(table, "personal"), "personal data that was found and dealt with", "warn")


def _of_rule(rule: Rule) -> Named:
    return Named(rule.key, f"`{rule.text}`", "block", "maximum_rejected_share")


def _all() -> Iterator[Named]:
    for table in LANDED.values():
        yield from _of_files(table.name)
        yield from (_of_rule(rule) for rule in rules(table) if rule.check != "unique")
    yield from _SPECIAL


CHECKS: dict[str, Named] = {named.name: named for named in _all()}


def severity(name: str, checks: Checks) -> Severity:
    """What a failed check of that name does: what the document says, else what is usual for it."""
    return checks.severity.get(name, CHECKS[name].severity)


def require_known(document: TenantDocument) -> None:
    """Raise ``InvalidDocument`` if ``checks.severity`` names a check that does not exist; it lists those that do."""
    for name in document.checks.severity:
        if name not in CHECKS:
            near = get_close_matches(name, CHECKS, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InvalidDocument(
                f"tenant {document.tenant!r}: checks.severity names {name!r}, which is no check{hint}; "
                f"there are {', '.join(sorted(CHECKS))}"
            )
