"""Every check that no single row shows: clean data passes, data spoilt for that check fails, and severity decides."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from recsys_pipelines.verdict import BlockedBatch, CheckResult, Verdict, require_passed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:module .sre_.* is deprecated:DeprecationWarning"),  # Great Expectations
]

LAST = date(2026, 1, 30)


class Spoilt(NamedTuple):
    """A way to spoil the month, what fails then, and what it must say."""

    name: str
    spoil: Callable[[Any], object]
    says: tuple[str, ...]
    also: frozenset[str] = frozenset()
    checks: Mapping[str, Any] = MappingProxyType({})


def rows_of(month, day: date) -> list[dict[str, Any]]:
    from csv import DictReader  # noqa: PLC0415 - only here

    with (month.folder / "events" / f"{day}.csv").open(encoding="utf-8") as file:
        return list(DictReader(file))


def last_day(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Any], None]:
    return lambda month: month.write_day(LAST, change(rows_of(month, LAST)))


def send_twice(month) -> None:
    month.write_day(LAST, rows_of(month, LAST)[:40], more="-again")


def repeat_rows(rows):
    return [*rows, *rows]


def ahead(rows):
    return [row | {"ts": "2026-01-31T03:00:00Z"} if row["type"] == "click" else row for row in rows]


def at_night(rows):
    return [row | {"ts": f"{LAST}T03:{n % 60:02d}:00Z"} for n, row in enumerate(rows)]


def without(**column: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    ((name, value),) = column.items()
    return lambda rows: [row for row in rows if row[name] != value]


def quiet_hour(rows):
    return [row for row in rows if "T10:" not in row["ts"]]


def a_quarter(rows):
    return [row for n, row in enumerate(rows) if row["type"] != "view" or n % 4 == 0]


def unknown_request(rows):
    return [row | {"request_id": "nobody"} if row["type"] == "click" else row for row in rows]


def invented_order(rows):
    return [row | {"order_id": f"x{n}"} if row["type"] == "purchase" else row for n, row in enumerate(rows)]


def with_address(rows):
    return [row | {"meta": '{"note": "ann@example.com"}'} if n < 3 else row for n, row in enumerate(rows)]


def renamed(rows):
    names = {"meta": "metadata"}
    return [{"device": "phone"} | {names.get(name, name): value for name, value in row.items()} for row in rows]


CASES = [
    Spoilt(
        "events.event_id.unique",
        send_twice,
        ("40 of 3,880 rows (1.0%)", "0 in the same file and 40 on the same day", "events/2026-01-30-again.csv"),
        checks={"maximum_duplicate_share": 0.01},
    ),
    Spoilt(
        "events.event_id.unique",
        last_day(repeat_rows),
        ("128 of 3,968 rows (3.2%)", "128 in the same file and 0 on the same day", "'2026-01-30-0'"),
        checks={"maximum_duplicate_share": 0.02},
    ),
    Spoilt(
        "events.item_id.known",
        lambda month: month.write("items.csv", [{"item_id": "i0", "title": "Item"}]),
        ("are on items that the catalog does not have", "'i1', 'i2', 'i3'"),
    ),
    Spoilt(
        "events.user_id.known",
        lambda month: month.write("users.csv", [{"user_id": f"u{n}"} for n in range(8)]),
        ("720 of 3,840 events (18.8%) are of users", "'u8', 'u9'"),
        checks={"maximum_unknown_user_share": 0.1},
    ),
    Spoilt(
        "events.ts.clamped",
        last_day(ahead),
        ("4 of 3,840 events (0.1%) came from a clock that runs ahead", "events/2026-01-30.csv"),
        checks={"maximum_clamped_share": 0.001},
    ),
    Spoilt(
        "events.ts.gaps",
        lambda month: (month.folder / "events" / "2026-01-10.csv").unlink(),
        ("1 of 30 days", "'2026-01-10'"),
        also=frozenset({"orders.purchases.days"}),
        checks={"reconciliation_tolerance": 0.5},
    ),
    Spoilt("events.ts.hours", last_day(quiet_hour), ("1 hours of 28 days", "'2026-01-30 10:00'")),
    Spoilt(
        "events.volume.type",
        last_day(a_quarter),
        ("2026-01-30: view 30 events, usually 120 (8.2 deviations)", "at most 5 may be"),
    ),
    Spoilt(
        "events.volume.hour",
        last_day(at_night),
        ("2026-01-30: 100% of the events at 03:00 UTC, usually 0%",),
        also=frozenset({"events.ts.hours"}),
    ),
    Spoilt(
        "orders.purchases.days",
        last_day(without(type="purchase")),
        ("2026-01-30: minor units paid: 0 in the events, 2,000 in the books (100.0% apart)", "were delivered"),
        also=frozenset({"orders.purchases.ids"}),
    ),
    Spoilt(
        "orders.purchases.ids",
        last_day(invented_order),
        ("4 of 112 orders have no purchase event, 4 purchases name an order", "'missing o-2026-01-30-0'"),
    ),
    Spoilt(
        "events.request_id.joined",
        last_day(unknown_request),
        ("4 of 28 outcomes that name a response (14.3%)", "'nobody'"),
    ),
    Spoilt(
        "events.rank.positions",
        lambda month: [month.show(LAST - timedelta(days=n), [FLAT]) for n in range(20)],
        ("(100.0%) stand on rank 1, at most 95.0%",),
        also=frozenset({"events.request_id.joined"}),
    ),
    Spoilt(
        "events.file.drift",
        last_day(renamed),
        ("events/2026-01-30.csv: column meta is likely called metadata now", "column device (text) was added"),
    ),
    Spoilt("events.file.personal", last_day(with_address), ("3 values with personal data", "events/2026-01-30.csv")),
]
FLAT = {"request_id": "r", "item_id": "i0", "rank": 1}
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def failed(verdict: Verdict) -> dict[str, CheckResult]:
    return {check.name: check for check in verdict.checks if not check.passed}


def test_a_clean_month_passes_every_check(month):
    verdict = month.validated()

    assert failed(verdict) == {}
    assert [check.name for check in verdict.checks if check.observed > check.limit] == []


@EVERY_CASE
def test_what_was_spoilt_fails_says_what_is_wrong_and_stops_the_run_if_the_document_says_so(case, month):
    case.spoil(month)
    lenient = dict.fromkeys((*case.also, case.name), "warn")

    warned = month.validated(**case.checks, severity=lenient)
    goes_on = require_passed(month.lake, "shop", LAST)
    month.validated(**case.checks, severity=lenient | {case.name: "block"})

    assert goes_on == warned
    assert set(failed(warned)) == {case.name} | case.also
    (line,) = (line for line in warned.message.splitlines() if line.endswith(f"[{case.name}]"))
    assert [said for said in case.says if said not in line] == []
    with pytest.raises(BlockedBatch, match=case.name):
        require_passed(month.lake, "shop", LAST)


def test_a_source_is_compared_with_its_last_load_that_passed(month):
    last = rows_of(month, LAST)
    (month.folder / "events" / f"{LAST}.csv").unlink()
    month.validated(LAST - timedelta(days=1))
    month.write_day(LAST, renamed(last))

    stopped = [
        month.validated(day, severity={"events.file.drift": "block"}) for day in (LAST, LAST + timedelta(days=1))
    ]
    warned = month.validated(LAST + timedelta(days=1))
    (month.folder / "events" / "2026-01-31.csv").write_text((month.folder / "events" / f"{LAST}.csv").read_text())
    after = month.validated(LAST + timedelta(days=2))

    assert ["events.file.drift" in failed(each) for each in (*stopped, warned, after)] == [True, True, True, False]


def test_a_batch_that_was_blocked_as_a_whole_is_looked_at_again_the_next_day(month):
    last_day(quiet_hour)(month)
    strict = {"severity": {"events.ts.hours": "block"}}

    today, tomorrow = (month.validated(LAST + timedelta(days=n), **strict) for n in range(2))

    assert [{file.passed for file in each.files if file.table == "events"} for each in (today, tomorrow)] == [
        {False}
    ] * 2
    assert failed(tomorrow)["events.ts.hours"].examples[0] == "2026-01-30 10:00"
