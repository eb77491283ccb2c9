"""What the pipeline tells the gate besides the metrics: slices, until when it learned, and how long an answer takes."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import msgspec
import polars as pl
import pytest

from assets.choosing import Entry
from assets.evidence import evidence, with_latency
from assets.grading import grade
from data_contracts.directory import DirectoryBlobs
from data_contracts.documents import parse
from recsys_algo.bundle import open_encoded
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_eval import Evidence, evaluate
from recsys_pipelines.lake import Lake
from recsys_pipelines.replay import Fixture, answers, recs
from recsys_pipelines.workshop import Workshop

DAY = date(2026, 1, 28)
CUT = datetime(2026, 1, 22, tzinfo=UTC)
USERS = tuple(f"u{n:02d}" for n in range(60))
ITEMS = ["a", "b"]
TRUTH = pl.DataFrame({"user_id": USERS, "item_id": ["a", "b"] * 30})
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "acme",
    "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
    "algorithms": {"popularity": {}},
    "ranking": {"weights": {"popularity": 1}, "exclude_seen": None},
    "surfaces": {"home": {}},
}


def entry(folder, *, gate=None) -> Entry:
    """Everybody gets a, then b."""
    catalog = encode_catalog({"item_id": ITEMS, "available": [True] * 2}, folder)
    scores = {"segment": [""] * 2, "item_id": ITEMS, "score": [2.0, 1.0]}
    table = encode_table("popularity", "popularity", "item_scores", scores, load_items(folder), folder / "p")
    fixture = Fixture(CUT, USERS, TRUTH, TRUTH.head(1), pl.DataFrame({"item_id": ITEMS, "category": ["tea", "cup"]}))
    document = parse(msgspec.json.encode(DOCUMENT | {"gate": gate or {}}), "a test")
    return Entry(document, [catalog, table], fixture)


@pytest.fixture
def lake(tmp_path) -> Lake:
    """Half of the users are vips; the newest event that was learned from is an hour before the cut."""
    lake = Lake(DirectoryBlobs(tmp_path / "lake"))
    lake.write("users", "acme", DAY, pl.DataFrame({"user_id": USERS, "segment": ["vip", None] * 30}))
    learn(lake, CUT - timedelta(hours=1))
    return lake


def learn(lake: Lake, newest: datetime) -> None:
    times = pl.DataFrame({"last_ts": [newest - timedelta(days=3), newest]})
    lake.write("interactions_evaluated", "acme", DAY, times)


def test_slices_are_of_the_past_the_items_and_the_segment(lake, tmp_path):
    asked = entry(tmp_path)

    known = evidence(asked.document, lake, DAY, asked.fixture)

    assert {each[:2]: each.truth.height for each in known.slices} == {
        ("category", "cup"): 30,
        ("category", "tea"): 30,
        ("item age", "known"): 30,
        ("item age", "new"): 30,
        ("segment", "vip"): 30,
        ("user history", "cold"): 59,
        ("user history", "warm"): 1,
    }
    assert (known.trained_until, known.cut) == (CUT - timedelta(hours=1), CUT)


def test_nobody_in_the_test_days_has_no_slices(lake, tmp_path):
    asked = entry(tmp_path)

    known = evidence(asked.document, lake, DAY, asked.fixture._replace(users=(), truth=TRUTH.clear()))

    assert known == Evidence(cut=CUT)


@pytest.mark.slow
@pytest.mark.parametrize(("late", "decision"), [(-1, "ungated"), (1, "suspicious")])
def test_a_candidate_that_learned_from_the_test_days_is_suspicious(late, decision, lake, tmp_path):
    learn(lake, CUT + timedelta(hours=late))
    asked = entry(tmp_path)
    known = evidence(asked.document, lake, DAY, asked.fixture)

    graded = grade(Workshop({"RECSYS_HOME": str(tmp_path / "home")}), asked._replace(evidence=known), "home")

    assert graded.verdict.decision == decision
    assert ("it has seen the answers" in graded.verdict.reason) == (decision == "suspicious")


@pytest.mark.parametrize(("limit", "p95"), [(None, None), (50.0, 7.0)])
def test_answers_are_timed_where_the_gate_has_a_limit(limit, p95, tmp_path):
    asked = entry(tmp_path, gate={"maximum_latency_ms": limit})
    bundle = open_encoded("acme", "home", asked.encoded, asked.document.on("home"), CUT)
    lists = evaluate(recs(answers(bundle, USERS, 10, CUT)), TRUTH, 10)
    ticks = count()

    timed = with_latency(lists, bundle, (asked.document, asked.fixture), clock=lambda: next(ticks) * 0.007)

    assert timed.summary.get("latency_p95_ms") == p95
