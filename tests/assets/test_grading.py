"""The gate's preflight, through the wiring that feeds it: the candidate really is asked twice, for every user."""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec
import polars as pl
import pytest

from assets.choosing import Entry
from assets.grading import grade
from data_contracts.documents import parse
from recsys_algo.encode import encode_catalog, encode_table, load_items
from recsys_pipelines.replay import Fixture, answers
from recsys_pipelines.workshop import Workshop

pytestmark = pytest.mark.slow
NOW = datetime(2026, 1, 22, tzinfo=UTC)
USERS = tuple(f"u{n:03d}" for n in range(80))
ITEMS = [f"i{n:02d}" for n in range(12)]
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "acme",
    "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
    "algorithms": {"popularity": {}},
    "ranking": {"weights": {"popularity": 1}, "exclude_seen": None},
    "surfaces": {"home": {}},
}


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    catalog = encode_catalog({"item_id": ITEMS, "available": [True] * len(ITEMS)}, tmp_path / "items")
    scores = {"segment": [""] * len(ITEMS), "item_id": ITEMS, "score": [float(n) for n in range(len(ITEMS))]}
    table = encode_table(
        "popularity", "popularity", "item_scores", scores, load_items(tmp_path / "items"), tmp_path / "p"
    )
    truth = pl.DataFrame({"user_id": USERS, "item_id": [ITEMS[n % len(ITEMS)] for n in range(len(USERS))]})
    fixture = Fixture(NOW, USERS, truth, truth, pl.DataFrame({"item_id": ITEMS}))
    return Entry(parse(msgspec.json.encode(DOCUMENT), "a test"), [catalog, table], fixture)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop({"RECSYS_HOME": str(tmp_path / "home")})


def check(graded, name):
    return next(check for check in graded.verdict.checks if check.name == name)


def test_the_first_generation_is_ungated_but_measured(shop, entry):
    graded = grade(shop, entry, "home")

    assert graded.verdict.decision == "ungated"
    assert graded.verdict.users == 80
    assert check(graded, "deterministic").passed


def test_a_candidate_that_answers_differently_for_the_last_user_is_not_deterministic(shop, entry):
    """A shortcut that asked only some users twice once passed as a second run."""
    rounds = count(1)

    def fickle(bundle, users, k, now):
        replies = answers(bundle, users, k, now)
        return replies if next(rounds) == 1 else {**replies, USERS[-1]: answers(bundle, ["x"], 1, now)["x"]}

    graded = grade(shop, entry, "home", ask=fickle)

    assert not check(graded, "deterministic").passed


def test_a_tenant_whose_users_did_nothing_is_ungated_with_that_reason(shop, entry):
    nobody = entry.fixture._replace(users=(), truth=entry.fixture.truth.clear())

    graded = grade(shop, entry._replace(fixture=nobody), "home")

    assert graded.verdict.decision == "ungated"
    assert "nobody acted" in graded.baseline.reason
