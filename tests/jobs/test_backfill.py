"""Ranges of days from the command line: one run, the same result however often and in whatever pieces."""

import pytest

from recsys_pipelines.ledger import read_ledger

pytestmark = pytest.mark.slow


def tables(installation) -> dict[str, bytes]:
    """Events and catalog of the lake; models depend on the last day that was run, and are another matter."""
    names = ("lake/events", "lake/items", "lake/users")
    return {path: body for path, body in installation.files(*names).items() if path.endswith(".parquet")}


def released(installation) -> dict[str, bytes]:
    """The store but for what is announced: that a run took place is told each time."""
    return {path: body for path, body in installation.files("store").items() if "/outbox/" not in f"/{path}"}


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
