"""What a report shows of a graded surface: whose lists changed, beside today's, and whether there is enough data."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from assets.grading import Graded
from assets.reporting import findings, samples
from data_contracts.documents import Ranking
from recsys_algo.bundle import Bundle, open_encoded
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_eval import Verdict, evaluate
from recsys_pipelines.incumbent import Incumbent
from recsys_pipelines.replay import Fixture, answers, recs
from recsys_pipelines.sufficiency import MEASURES, sufficiency

NOW = datetime(2026, 1, 22, tzinfo=UTC)
ITEMS = ["a", "b", "c"]
TRUTH = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["a", "c"]})
FIXTURE = Fixture(NOW, ("ann", "bob"), TRUTH, TRUTH.head(0), pl.DataFrame({"item_id": ITEMS}))


def ranking(folder: Path, *best: str) -> Bundle:
    """A surface on which everybody gets these items in this order."""
    catalog = encode_catalog({"item_id": ITEMS, "title": ["Tea", "Jam", "Cup"], "available": [True] * 3}, folder)
    scores = {"segment": [""] * 3, "item_id": list(best), "score": [3.0, 2.0, 1.0]}
    table = encode_table("popularity", "popularity", "item_scores", scores, load_items(folder), folder / "p")
    weights = Ranking(weights={"popularity": 1.0}, exclude_seen=None)
    return open_encoded("acme", "home", [catalog, table], weights, NOW)


def graded(new: Bundle, old: Bundle | None) -> Graded:
    replies = answers(new, FIXTURE.users, 3, NOW)
    sides = [None if each is None else recs(answers(each, FIXTURE.users, 3, NOW)) for each in (new, old)]
    now, before = (None if lists is None else evaluate(lists, TRUTH, 3) for lists in sides)
    verdict = Verdict(decision="ungated", reason="a test", metric="ndcg@3", users=2, candidate=0.0)
    return Graded("home", new, replies, now, {}, before, Incumbent(old, 1 if old else None, ""), verdict)


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Bundle, Bundle]:
    return ranking(tmp_path / "new", "a", "b", "c"), ranking(tmp_path / "old", "c", "b", "a")


def test_whose_list_changed_is_shown_beside_what_they_get_today(bundles):
    gained, lost = samples(graded(*bundles), FIXTURE)

    assert (gained.user_id, gained.why, lost.user_id, lost.why) == ("ann", "gained most", "bob", "lost most")
    assert (gained.items[0].item_id, gained.items[0].title, gained.items[0].hit) == ("a", "Tea", True)
    assert [item.item_id for item in gained.incumbent] == ["c", "b", "a"]


def test_without_an_incumbent_known_users_are_shown_alone(bundles):
    shown = list(samples(graded(bundles[0], None), FIXTURE))

    assert [(each.user_id, each.why, each.incumbent) for each in shown] == [("ann", "", None), ("bob", "", None)]


def test_what_there_is_too_little_of_comes_first_with_its_numbers_and_advice():
    numbers = dict.fromkeys(MEASURES, 0.0) | {"interactions": 5.0, "users": 1_000.0, "history_days": 90.0}

    found = list(findings(sufficiency(numbers)))

    said = {finding.subject: finding for finding in found}
    assert not said["interactions"].enough
    assert "5" in said["interactions"].detail
    assert MEASURES["interactions"].advice in said["interactions"].detail
    assert (said["users"].enough, said["users"].detail) == (True, "1,000")
    assert [finding.enough for finding in found] == sorted(finding.enough for finding in found)


def test_a_day_without_the_record_has_no_findings():
    assert list(findings(None)) == []
