from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.feedback_tables import EXPOSURES
from data_contracts.tables import EVENTS
from recsys_pipelines.contract import schema
from recsys_pipelines.feedback.joins import join_facts, join_share, position_shares
from recsys_pipelines.lake import Lake

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def exposures(*rows):
    """Rows of (request, item, rank)."""
    return frame(EXPOSURES, [{"request_id": r, "item_id": i, "rank": rank, "ts": NOON} for r, i, rank in rows])


def events(*rows):
    """Rows of (type, request, item)."""
    facts = [{"type": type, "request_id": r, "item_id": i, "ts": NOON} for type, r, i in rows]
    return frame(EVENTS, [{"event_id": str(n), **row} for n, row in enumerate(facts)])


def frame(table, rows):
    return pl.DataFrame([dict.fromkeys(table.names) | row for row in rows], schema=schema(table))


def test_outcomes_join_by_request_and_item():
    shown = exposures(("r1", "a", 1), ("r1", "b", 2), ("r2", "a", 1))
    done = events(
        ("click", "r1", "a"),
        ("purchase", "r1", "c"),  # the answer did not hold it
        ("add", "r9", "a"),  # no such answer
        ("click", None, "a"),
        ("view", "r9", "a"),  # no outcome
    )

    facts = join_facts(shown, done)

    assert (facts.outcomes, facts.with_request, facts.joined, facts.orphans) == (4, 3, 1, 2)
    assert (facts.requests, facts.items, facts.unranked, facts.repeated) == (2, 3, 0, 0)
    assert facts.join_share == pytest.approx(1 / 3)


def test_an_outcome_counts_once_however_often_its_exposure_was_logged():
    facts = join_facts(exposures(("r1", "a", 1), ("r1", "a", None)), events(("click", "r1", "a")))

    assert (facts.joined, facts.unranked, facts.repeated) == (1, 1, 1)


def test_without_outcomes_that_name_a_request_there_is_no_share():
    facts = join_facts(exposures(), events(("click", None, "a")))

    assert facts.join_share is None


def test_places_have_shares_of_all_items():
    shares = position_shares(exposures(("r1", "a", 1), ("r1", "b", 2), ("r2", "a", 1), ("r3", "a", 1)))

    assert shares.rows() == [(1, 3, 0.75), (2, 1, 0.25)]
    assert position_shares(exposures()).is_empty()


def test_the_share_of_a_day_reaches_back_over_the_window(tmp_path):
    lake, day = Lake(DirectoryBlobs(tmp_path)), date(2026, 2, 10)
    lake.write("events", "demo", day, events(("click", "old", "a"), ("click", "older", "a"), ("add", "r", "b")))
    lake.write("exposures", "demo", day, exposures(("r", "b", 1)))
    lake.write("exposures", "demo", day - timedelta(days=7), exposures(("old", "a", 1)))
    lake.write("exposures", "demo", day - timedelta(days=8), exposures(("older", "a", 1)))

    assert join_share(lake, "demo", day) == pytest.approx(2 / 3)
    assert join_share(lake, "demo", day - timedelta(days=1)) is None
    assert join_share(lake, "nobody", day) is None
