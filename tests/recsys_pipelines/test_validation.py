import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import TenantDocument, parse
from data_contracts.errors import InvalidDocument
from data_contracts.policies import Checks
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_pipelines.contract import check, schema, unreadable_columns
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import Ledger, read_ledger
from recsys_pipelines.quality.case import Case
from recsys_pipelines.quality.sample import sample
from recsys_pipelines.sources.source import Place
from recsys_pipelines.suites import batch_columns, filled_shares, row_rules, suite_json, with_rule_columns
from recsys_pipelines.validation import Disagreement, expect, validate
from recsys_pipelines.verdict import BlockedBatch, CheckResult, Verdict, read_verdict, require_passed

pytestmark = pytest.mark.filterwarnings(
    "ignore:module .sre_.* is deprecated:DeprecationWarning"  # by Great Expectations, when it is imported
)

NOW = datetime(2026, 2, 1, tzinfo=UTC)
DAY = date(2026, 1, 31)
HEADER = "event_id,ts,type,user_id,item_id,value"
TABLES = pytest.mark.parametrize("table", [ITEMS, USERS, EVENTS], ids=lambda table: table.name)


class Shop:
    """A tenant with a catalog of one item; ``events`` writes a file with so many good and bad rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(DirectoryBlobs(folder / "lake"))
        self.document = document()
        (folder / "events").mkdir(parents=True)
        (folder / "items.csv").write_text("item_id,title\na,Apple\n")

    def events(self, name: str, good: int, *bad: str) -> None:
        rows = [f"{name}-{n},2026-01-02T10:00:00Z,view,ann,a," for n in range(good)]
        self.write(name, "\n".join([HEADER, *rows, *bad]) + "\n")

    def write(self, name: str, body: str | bytes) -> None:
        (self.folder / "events" / name).write_bytes(body if isinstance(body, bytes) else body.encode())

    def sampled(self, most: int) -> pl.DataFrame:
        self.document = document(sample_rows=most)
        land(self.document, Place("shop", self.folder, {}), self.lake, now=NOW)
        return sample("events", Case.of(self.document, self.lake, DAY)).rows

    def validated(self, day: date = DAY) -> Verdict:
        land(self.document, Place("shop", self.folder, {}), self.lake, now=NOW)
        return validate(self.document, self.lake, day=day)


def document(**checks) -> TenantDocument:
    plain = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events"}]},
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
        "checks": checks,
    }
    return parse(json.dumps(plain).encode(), "test")


@pytest.fixture
def shop(tmp_path) -> Shop:
    return Shop(tmp_path)


def bad(number: int, **differs: str) -> str:
    row = {"event_id": f"bad{number}", "ts": "2026-01-02T10:00:00Z", "type": "view", "user_id": "ann", "item_id": "a"}
    return ",".join((row | {"value": ""} | differs).values())


def failed(verdict: Verdict) -> dict[str, CheckResult]:
    return {check.name: check for check in verdict.checks if not check.passed}


@TABLES
def test_a_suite_is_plain_json_with_one_expectation_per_rule(table):
    suite = suite_json(table, Checks())

    assert json.loads(json.dumps(suite)) == suite
    assert [each["meta"]["rule"] for each in suite["expectations"]] == [rule.key for rule in row_rules(table)]


@pytest.mark.slow
@TABLES
def test_great_expectations_reads_the_suite(table):
    import great_expectations as gx  # noqa: PLC0415 - takes seconds

    suite = gx.ExpectationSuite(**suite_json(table, Checks()))

    assert [each.meta["rule"] for each in suite.expectations] == [rule.key for rule in row_rules(table)]


def test_a_document_may_turn_a_rule_into_a_warning():
    suite = suite_json(EVENTS, Checks(severity={"events.type.one_of": "warn"}))

    warns = [each["meta"]["rule"] for each in suite["expectations"] if each["severity"] == "warning"]
    assert warns == ["events.type.one_of"]


def test_the_limit_is_a_share_of_all_rows_however_few_have_a_value():
    suite = suite_json(EVENTS, Checks(maximum_rejected_share=0.1), filled={"value": 0.5, "rank": 0.05, "surface": 0})

    mostly = {each["meta"]["rule"]: each["kwargs"]["mostly"] for each in suite["expectations"]}
    expected = {
        "events.value.minimum": 0.8,
        "events.value.type": 0.9,
        "events.rank.minimum": 0,
        "events.ts.not_null": 0.9,
    }
    assert {name: mostly[name] for name in expected} == expected


def every_rule_broken() -> pl.DataFrame:
    """100 good events, then for every rule about events two rows that break it, and an id that three rows share."""
    ahead = timedelta(minutes=6)
    differences = [
        {"event_id": None},
        {"event_id": "x" * 257},
        {"ts": None},
        {"ts": None, "ts__unreadable": "soon"},
        {"ts": NOW + ahead},
        {"type": None},
        {"type": "hover"},
        {"user_id": None},
        {"user_id": "a\x07"},
        {"anonymous_id": "\x1b"},
        {"session_id": "x" * 300},
        {"item_id": None},
        {"item_id": "\x7f"},
        {"value": -1.0},
        {"value__unreadable": "many"},
        {"request_id": "x" * 257},
        {"rank": 0},
        {"rank__unreadable": "first"},
        {"amount_minor": -1},
        {"amount_minor__unreadable": "a lot"},
        {"order_id": "x" * 257},
        {"received_at__unreadable": "soon"},
        {"consent": "perhaps"},
    ]
    good = {"ts": NOW, "type": "view", "user_id": "ann", "item_id": "a", "value": 1.0}
    rows = [{**good, "event_id": f"e{n}"} for n in range(100)]
    rows += [{**good, "event_id": f"d{n}{half}"} | each for n, each in enumerate(differences) for half in "ab"]
    rows[-len(differences) * 2 + 3]["event_id"] = "y" * 257  # so that the two are no copies
    rows += [{**good, "event_id": "twice"}] * 3
    columns = {**schema(EVENTS), "row": pl.Int64, **dict.fromkeys(unreadable_columns(EVENTS).values(), pl.String)}
    return pl.DataFrame([{**row, "row": number} for number, row in enumerate(rows, 1)], schema=columns)


@pytest.mark.slow
def test_great_expectations_counts_what_the_row_rules_count():
    mapped = every_rule_broken()
    checked = check(mapped, EVENTS, "any.csv", NOW)
    exact = dict(checked.broken.group_by("rule").len().iter_rows())
    counts = {rule.key: exact.get(rule.text, 0) for rule in row_rules(EVENTS)}

    judged = mapped.join(checked.repeated.select("row"), on="row", how="anti")
    batch = with_rule_columns(judged.lazy().with_columns(landed_at=pl.lit(NOW)), EVENTS)
    rows = batch.select(batch_columns(EVENTS)).collect()
    seen = expect(rows, suite_json(EVENTS, Checks(), filled=filled_shares(rows)))

    assert {key: found.unexpected for key, found in seen.items()} == counts
    assert {key for key, count in counts.items() if not count} == set()


@pytest.mark.slow
@pytest.mark.parametrize(("bad_rows", "passes"), [(10, True), (11, False)], ids=["a tenth", "more"])
def test_a_tenth_of_the_rows_may_break_a_rule_and_no_more(shop, bad_rows, passes):
    shop.events("e.csv", 100 - bad_rows, *(bad(n, type="hover") for n in range(bad_rows)))

    verdict = shop.validated()

    assert verdict.passed is passes
    assert set(failed(verdict)) == (set() if passes else {"events.type.one_of", "events.file.rejected_share"})


@pytest.mark.slow
def test_one_bad_value_among_few_does_not_stop_a_batch(shop):
    shop.events("e.csv", 98, bad(1, value="3"), bad(2, value="-1"))

    verdict = shop.validated()

    (seen,) = (check for check in verdict.checks if check.name == "events.value.minimum")
    assert verdict.passed
    assert (seen.observed, seen.examples) == (0.01, ("-1.0",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("differs", "rule", "said"),
    [
        pytest.param({"type": "hover"}, "events.type.one_of", "'hover'", id="an unknown type"),
        pytest.param({"ts": "2099-01-01T00:00:00Z"}, "events.ts.not_future", "'2099-01-01T", id="the future"),
        pytest.param({"ts": "yesterday"}, "events.ts.type", "'yesterday'", id="an unreadable time"),
        pytest.param({"user_id": ""}, "events.user_id.subject", "", id="nobody"),
        pytest.param({"item_id": ""}, "events.item_id.item", "", id="nothing"),
        pytest.param({"value": "many"}, "events.value.type", "'many'", id="an unreadable number"),
    ],
)
def test_a_blocked_batch_names_file_rows_rule_and_values(shop, differs, rule, said):
    shop.events("good.csv", 30)
    shop.events("bad.csv", 10, *(bad(n, **differs) for n in range(10)))
    shop.validated()

    with pytest.raises(BlockedBatch) as blocked:
        require_passed(shop.lake, "shop", DAY)

    (line,) = (line for line in str(blocked.value).splitlines() if rule in line)
    assert line.startswith("- events/bad.csv (20 rows): ")
    assert "10 of 50 rows break it (20.0%), at most 10.0% may" in line
    assert said in line
    assert "good.csv" not in line


@pytest.mark.slow
def test_a_bad_file_among_many_good_rows_is_blocked_all_the_same(shop):
    shop.events("good.csv", 200)
    shop.events("bad.csv", 5, *(bad(n, type="hover") for n in range(5)))

    verdict = shop.validated()

    assert set(failed(verdict)) == {"events.file.rejected_share"}
    assert {file.file: file.passed for file in verdict.files} == {
        "items.csv": True,
        "events/bad.csv": False,
        "events/good.csv": True,
    }


@pytest.mark.slow
def test_events_on_unknown_items_block_and_name_the_items(shop):
    shop.events("good.csv", 30)
    shop.events("bad.csv", 10, *(bad(n, item_id=f"gone{n % 2}") for n in range(15)))

    verdict = shop.validated()

    found = failed(verdict)["events.item_id.known"]
    assert (found.observed, found.limit, found.files, found.examples) == (
        15 / 55,
        0.2,
        ("events/bad.csv",),
        ("gone0", "gone1"),
    )


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        pytest.param(b"", "empty", "the file is empty", id="empty"),
        pytest.param(HEADER.encode(), "rows", "at least 1 rows", id="a header alone"),
        pytest.param(f"{HEADER}\ncaf\xe9,".encode("latin-1"), "encoding", "line 2", id="wrong encoding"),
        pytest.param(b"id,ts,type\n", "columns", "missing event_id; not expected id", id="schema drift"),
        pytest.param(f"{HEADER}\n1,2,3,4,5,6,7\n".encode(), "malformed", "7 fields instead of 6", id="a broken line"),
    ],
)
def test_a_file_that_cannot_be_used_blocks(shop, body, name, said):
    (shop.folder / "items.csv").unlink()  # so that no row is left for the slow suites
    shop.write("bad.csv", body)

    found = failed(shop.validated())

    assert found[f"events.file.{name}"].files == ("events/bad.csv",)
    assert said in found[f"events.file.{name}"].detail
    assert found["items.file.missing"].files == ("items.csv",)


def test_the_names_of_the_checks_do_not_depend_on_the_data(shop):
    before = [check.name for check in shop.validated().checks]
    (shop.folder / "items.csv").unlink()
    shop.write("bad.csv", b"")

    assert [check.name for check in shop.validated().checks] == before
    assert len(set(before)) == len(before)


@pytest.mark.slow
def test_copies_and_days_without_events_are_warnings(shop):
    rows = (f"late{n},2026-01-05T10:00:00Z,view,ann,a," for n in range(5))
    shop.events("e.csv", 20, *(bad(1) for _ in range(10)), *rows)

    verdict = shop.validated()

    assert verdict.passed
    assert {name: check.severity for name, check in failed(verdict).items()} == {
        "events.event_id.unique": "warn",
        "events.ts.gaps": "warn",
    }
    assert failed(verdict)["events.ts.gaps"].examples == ("2026-01-03", "2026-01-04")


@pytest.mark.slow
def test_a_document_may_let_a_bad_batch_pass(shop):
    shop.events("e.csv", 10, *(bad(n, type="hover") for n in range(10)))
    strict = shop.validated()
    shop.document = document(severity={"events.type.one_of": "warn", "events.file.rejected_share": "warn"})

    lenient = shop.validated()

    assert (strict.passed, lenient.passed) == (False, True)
    assert set(failed(lenient)) == {"events.type.one_of", "events.file.rejected_share"}


@pytest.mark.slow
def test_validating_again_gives_the_same_verdict_and_writes_nothing(shop):
    shop.events("e.csv", 20, bad(1, type="hover"))
    first = shop.validated()
    before = {path: path.stat().st_mtime_ns for path in (shop.folder / "lake").rglob("*.*")}

    second = shop.validated()

    assert second == first == read_verdict(shop.lake, "shop", DAY)
    assert {path: path.stat().st_mtime_ns for path in (shop.folder / "lake").rglob("*.*")} == before


@pytest.mark.slow
def test_a_blocked_file_stays_blocked_until_it_is_repaired(shop):
    shop.events("good.csv", 20)
    shop.events("bad.csv", 10, *(bad(n, type="hover") for n in range(10)))
    days = [DAY + timedelta(days=n) for n in range(3)]

    verdicts = [shop.validated(day).passed for day in days[:2]]
    settled = settle(shop.document, shop.lake, until=days[1])
    shop.events("bad.csv", 20)
    repaired = shop.validated(days[2])

    assert verdicts == [False, False]
    assert settled.events == 20
    assert repaired.passed
    assert settle(shop.document, shop.lake, until=days[2]).events == 40


@pytest.mark.slow
def test_the_day_after_only_new_files_are_read_again(shop):
    shop.events("one.csv", 20)
    shop.validated()
    shop.events("two.csv", 10)

    verdict = shop.validated(DAY + timedelta(days=1))

    (types,) = (check for check in verdict.checks if check.name == "events.type.one_of")
    assert "0 of 10 rows" in types.detail
    assert (len(verdict.files), verdict.accepted) == (3, 31)


def test_what_nobody_checked_may_not_be_used(shop):
    with pytest.raises(BlockedBatch, match="nobody has checked the data of tenant 'shop' for 2026-01-31"):
        require_passed(shop.lake, "shop", DAY)


@pytest.mark.slow
def test_a_good_batch_may_be_used(shop):
    shop.events("e.csv", 20)
    verdict = shop.validated()

    assert require_passed(shop.lake, "shop", DAY) == verdict
    assert verdict.message == f"tenant 'shop', 2026-01-31: {len(verdict.checks)} of {len(verdict.checks)} checks passed"
    assert (verdict.accepted, verdict.rejected) == (21, 0)


def test_a_severity_for_a_check_that_does_not_exist_is_an_error_that_names_those_that_do(shop):
    shop.document = document(severity={"events.type.oneof": "warn"})

    with pytest.raises(InvalidDocument) as refused:
        shop.validated()

    said = str(refused.value)
    assert "'events.type.oneof', which is no check (did you mean 'events.type.one_of'?)" in said
    assert "events.volume.type, items.archived.not_null" in said


@pytest.mark.slow
@pytest.mark.parametrize("counted", [0, 2], ids=["too few", "too many"])
def test_counts_that_great_expectations_does_not_come_to_are_an_error(shop, counted):
    shop.events("e.csv", 20, bad(1, type="hover"))
    land(shop.document, Place("shop", shop.folder, {}), shop.lake, now=NOW)
    files = [
        replace(file, rules={"events.type.one_of": counted}) if file.table == "events" else file
        for file in read_ledger(shop.lake, "shop").files
    ]
    shop.lake.write_json("ledger", "shop", None, Ledger(files=tuple(files)))

    with pytest.raises(Disagreement, match=rf"events.type.one_of: {counted} of 21 rows .* found 1 in 21 of them"):
        validate(shop.document, shop.lake, day=DAY)


@pytest.mark.slow
def test_a_sample_with_more_bad_rows_than_were_counted_in_all_is_an_error(shop):
    shop.events("e.csv", 20, *(bad(n, type="hover") for n in range(20)))
    shop.document = document(sample_rows=30)
    land(shop.document, Place("shop", shop.folder, {}), shop.lake, now=NOW)
    files = [replace(file, rules={}) for file in read_ledger(shop.lake, "shop").files]
    shop.lake.write_json("ledger", "shop", None, Ledger(files=tuple(files)))

    with pytest.raises(Disagreement, match=r"events.type.one_of: 0 of 40 rows .* in 30 of them"):
        validate(shop.document, shop.lake, day=DAY)


@pytest.mark.slow
def test_a_lake_with_other_rows_than_the_ledger_says_is_an_error(shop):
    shop.events("e.csv", 20)
    land(shop.document, Place("shop", shop.folder, {}), shop.lake, now=NOW)
    files = [replace(file, accepted=file.accepted + 1) for file in read_ledger(shop.lake, "shop").files]
    shop.lake.write_json("ledger", "shop", None, Ledger(files=tuple(files)))

    with pytest.raises(Disagreement, match="the lake holds 1 rows of items, and the ledger says 2"):
        validate(shop.document, shop.lake, day=DAY)


@pytest.mark.slow
def test_a_batch_that_is_too_large_is_read_as_a_sample_and_says_so(shop):
    shop.events("e.csv", 95, *(bad(n, type="hover") for n in range(5)))
    shop.document = document(sample_rows=40)

    verdict = shop.validated()

    (types,) = (check for check in verdict.checks if check.name == "events.type.one_of")
    assert types.observed == 0.05
    assert "5 of 100 rows break it (5.0%)" in types.detail
    assert "Great Expectations read a sample of 40 rows (40.0%) and found " in types.detail


@pytest.mark.slow
def test_a_sample_is_the_same_in_whatever_files_its_rows_come(shop, tmp_path):
    other = Shop(tmp_path / "other")
    rows = [bad(n) for n in range(60)]
    shop.write("one.csv", "\n".join([HEADER, *rows]) + "\n")
    other.write("one.csv", "\n".join([HEADER, *rows]) + "\n")
    other.write("two.csv", f"{HEADER}\n")
    picked = [each.sampled(25)["event_id"].sort().to_list() for each in (shop, other)]

    assert picked[0] == picked[1]
    assert len(picked[0]) == 25
