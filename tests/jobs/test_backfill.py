"""Ranges of days from the command line: one run, the same result however often and in whatever pieces."""

import json
from datetime import date

import pytest

from data_contracts.documents import parse
from recsys_pipelines.algorithm import configured
from recsys_pipelines.ledger import read_ledger
from recsys_pipelines.training import train, training_data

pytestmark = pytest.mark.slow


def tables(installation) -> dict[str, bytes]:
    """Events and catalog of the lake; models depend on the last day that was run, and are another matter."""
    names = ("lake/events", "lake/items", "lake/users")
    return {path: body for path, body in installation.files(*names).items() if path.endswith(".parquet")}


def released(installation) -> dict[str, bytes]:
    """The store but for what is announced: that a run took place is told each time."""
    ours = ("store/outbox/", "store/.store/")  # announcements, and the locks behind compare-and-swap
    return {path: body for path, body in installation.files("store").items() if not path.startswith(ours)}


def backfill(installation, first: str, last: str) -> int:
    return installation.recsys("run", "daily", "--tenant", "clean", "--from", first, "--to", last)


def test_a_backfill_that_is_run_twice_changes_nothing(installation):
    installation.copy_of("dirty/clean")
    first_day, last_day = "2026-01-03", "2026-01-08"
    codes = [backfill(installation, first_day, last_day)]
    lake, store = tables(installation), released(installation)

    codes.append(backfill(installation, first_day, last_day))

    assert codes == [0, 0]
    assert tables(installation) == lake
    assert released(installation) == store


def test_a_backfill_makes_damaged_days_again_and_reads_no_file_again(installation):
    installation.published("dirty/clean")
    lake, ledger = tables(installation), read_ledger(installation.lake, "clean")
    days = installation.lake.days("events", "clean")
    for path in tables(installation):
        if path.startswith("lake/events"):
            (installation.home / path).write_bytes(b"damaged")

    code = backfill(installation, str(days[0]), str(days[-1]))

    assert code == 0
    assert tables(installation) == lake
    assert read_ledger(installation.lake, "clean") == ledger


def test_incremental_training_aggregates_new_days_only_and_starts_from_the_last_factors(installation):
    folder = installation.copy_of("ecommerce_mini")
    path = folder / "tenant.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"training": {"mode": "incremental"}}))
    ran = [installation.json("run", "daily", "--tenant", "demo", "--to", day) for day in ("2026-01-27", "2026-01-28")]
    lake, day = installation.lake, date(2026, 1, 28)
    made = {each: installation.files(f"lake/day_pairs/tenant=demo/date={each}") for each in lake.days("events", "demo")}
    warm = lake.read("models_served", "demo", day, part="als")

    document = parse(path.read_bytes(), "the test")
    train(document, lake, day, "als")

    assert [report["status"] for report in ran] == ["published", "published"], [report["error"] for report in ran]
    assert lake.read("models_served", "demo", day, part="als").equals(warm)  # from the day before, not from itself
    assert len(made) > 27
    cold = configured(document)["als"].fit(training_data(document, lake, day, "served"))
    assert not warm.equals(cold)
    assert warm.select("entity", "id").equals(cold.select("entity", "id"))
