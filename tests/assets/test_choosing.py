"""The choice between a second stage and the plain blend, on users of whom it is plain which of the two is right."""

from datetime import UTC, datetime

import msgspec
import polars as pl
import pytest

from assets.choosing import Entry, chosen
from assets.grading import grade, judged
from data_contracts.documents import parse
from recsys_algo.encode import encode_catalog, encode_second_stage, encode_table, load_items
from recsys_algo.ranker import NODES, ranker_arrays, weight_arrays
from recsys_pipelines.candidate import serving
from recsys_pipelines.replay import Fixture
from recsys_pipelines.workshop import Workshop

NOW = datetime(2026, 1, 22, tzinfo=UTC)
USERS = tuple(f"u{n:03d}" for n in range(80))
ITEMS = [f"i{n:02d}" for n in range(30)]  # the first is most popular, and the last ten are dear
GATE = {"suspicious_gain": 1000, "maximum_coverage_drop": 1, "maximum_popularity_rise": 1000, "maximum_slice_loss": 1}
DOCUMENT = {
    "schema": "recsys.tenant/1",
    "tenant": "acme",
    "sources": {"items": [{"path": "i.csv"}], "events": [{"path": "e.csv"}]},
    "algorithms": {"popularity": {}},
    "ranking": {"weights": {"popularity": 1}, "exclude_seen": None, "second_stage": {"model": "lambdamart"}},
    "surfaces": {"home": {}, "cart": {"second_stage": None}},
    "gate": GATE,
}


@pytest.fixture
def entry(tmp_path):
    """``entry(wanted, **gate)``: everybody wants those items; the second stage shows what is dear."""

    def made(wanted, users=USERS, second=True, **changes):
        prices = [1000 if n >= 20 else 100 for n in range(len(ITEMS))]
        catalog = encode_catalog({"item_id": ITEMS, "price_minor": prices}, tmp_path)
        scores = {"segment": [""] * 30, "item_id": ITEMS, "score": [float(30 - n) for n in range(30)]}
        table = encode_table("popularity", "popularity", "item_scores", scores, load_items(tmp_path), tmp_path)
        rows = [(0, 0, "price_minor", 500.0, True, 1, 2, None), (0, 1, *[None] * 5, 0.0), (0, 2, *[None] * 5, 1.0)]
        trees = ranker_arrays(["popularity"], dict(zip(NODES, zip(*rows, strict=True), strict=True)))
        ranker = encode_second_stage("home", trees, tmp_path)
        pairs = [(user, wanted[n % len(wanted)]) for n, user in enumerate(users)]
        truth = pl.DataFrame(pairs, {"user_id": pl.String, "item_id": pl.String}, orient="row")
        asked = Fixture(NOW, tuple(users), truth, truth, pl.DataFrame({"item_id": ITEMS}))
        document = parse(msgspec.json.encode(DOCUMENT | changes), "a test")
        return Entry(document, [catalog, table, *([ranker] if second else [])], asked)

    return made


@pytest.fixture
def shop(tmp_path):
    return Workshop({"RECSYS_HOME": str(tmp_path / "home")})


DEAR = ["i20", "i20", "i20", "i00"]  # three of four users want what is dear, one what is popular
MIXED = ["i20", "i00"]
CHOICES = [
    pytest.param(DEAR, True, "lambdamart is served", id="what is dear is wanted"),
    pytest.param(["i00", "i01"], False, "the gate says rejected of lambdamart", id="what is popular is wanted"),
    pytest.param(MIXED, False, "lambdamart is not certainly better", id="nobody can say"),
    pytest.param(["i20", "i21"], False, "ndcg@10 of the incumbent is 0", id="there is nothing to compare with"),
]


@pytest.mark.parametrize(("wanted", "served", "reason"), CHOICES)
def test_the_gate_chooses(entry, wanted, served, reason):
    found = chosen(entry(wanted), "home")

    assert (found.choice.chosen, found.bundle.ranker is not None) == (served, served)
    assert reason in found.choice.reason


def test_the_answers_are_those_of_what_was_chosen(entry):
    tops = {
        len(wanted): [item.item_id for item in chosen(entry(wanted), "home").replies["u000"].items[:2]]
        for wanted in (DEAR, MIXED)
    }

    assert tops == {4: ["i20", "i21"], 2: ["i00", "i01"]}


def test_a_tie_is_enough_where_the_document_says_so(entry):
    lenient = DOCUMENT["ranking"] | {"second_stage": {"model": "lambdamart", "chosen": "not_worse"}}

    found = chosen(entry(MIXED, ranking=lenient), "home")

    assert found.choice.chosen
    assert found.choice.verdict.difference == 0


def test_a_suspiciously_good_second_stage_is_not_served(entry):
    found = chosen(entry(DEAR, gate=GATE | {"suspicious_gain": 0.5}), "home")

    assert not found.choice.chosen
    assert "the gate says suspicious" in found.choice.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"second": False}, "too few users", id="nothing was learned"),
        pytest.param({"users": ()}, "nobody acted in the test days", id="nobody to ask"),
        pytest.param({"users": USERS[:20]}, "the gate says", id="too few to say"),
    ],
)
def test_where_nothing_can_be_said_the_plain_blend_goes_out(entry, changes, reason):
    found = chosen(entry(DEAR, **changes), "home")

    assert not found.choice.chosen
    assert reason in found.choice.reason
    assert found.bundle.ranker is None


def test_a_surface_without_a_second_stage_has_no_choice(entry):
    assert chosen(entry(["i20"]), "cart").choice is None


@pytest.mark.slow
@pytest.mark.parametrize(("wanted", "published"), [(DEAR, True), (["i00"], False)])
def test_the_judgement_says_what_is_published(shop, entry, wanted, published):
    asked = entry(wanted)

    judgement = judged(grade(shop, asked, "home"))

    choice = judgement.second_stage
    assert (choice.model, choice.chosen) == ("lambdamart", published)
    assert choice.learned["ndcg@10"] != choice.plain["ndcg@10"]
    assert judgement.metrics["ndcg@10"] == max(choice.learned["ndcg@10"], choice.plain["ndcg@10"])
    names = [artifact.name for artifact in serving(asked.encoded, judgement)]
    assert names == ["items", "popularity", *(["second_stage.home"] if published else [])]


@pytest.mark.slow
def test_second_stages_of_other_surfaces_are_never_published(shop, entry, tmp_path):
    asked = entry(DEAR)
    other = encode_second_stage("cart", weight_arrays({"popularity": 1.0}), tmp_path)

    for surface in ("home", "cart"):
        judgement = judged(grade(shop, asked._replace(encoded=[*asked.encoded, other]), surface))
        names = [artifact.name for artifact in serving([*asked.encoded, other], judgement)]

        assert names[2:] == (["second_stage.home"] if surface == "home" else [])
