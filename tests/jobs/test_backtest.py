"""`recsys backtest` as scripts use it, on MovieLens 100k as published and on small files."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.cli import main

SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATINGS = SHARED / "movielens-100k" / "u.data"
SAR = ["similarity=jaccard", "shrinkage=0", "min_support=1", "neighbors=null"]


@pytest.fixture(scope="module")
def movielens(tmp_path_factory):
    """Train and test as published: 75 % of each item's rows, chosen by numpy's legacy generator."""
    if not RATINGS.exists():
        pytest.skip(f"MovieLens 100k is not at {SHARED} (RECSYS_SHARED_DATA)")
    names = ["user_id", "item_id", "weight", "timestamp"]
    ratings = pl.read_csv(RATINGS, separator="\t", has_header=False, new_columns=names)
    ordered = ratings.with_columns(r=np.random.RandomState(42).rand(ratings.height)).sort("item_id", "r").drop("r")
    train = pl.int_range(pl.len()).over("item_id") < (pl.len().over("item_id") * 0.75).round(mode="half_to_even")
    folder = tmp_path_factory.mktemp("movielens")
    paths = {"train": folder / "train.csv", "test": folder / "test.parquet"}
    ordered.filter(train).write_csv(paths["train"])
    ordered.filter(~train).write_parquet(paths["test"])
    return ["--train", str(paths["train"]), "--test", str(paths["test"])]


def ran(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["backtest", *map(str, arguments)])
    return ended.value.code


@pytest.mark.slow
def test_sar_has_the_published_numbers_to_six_digits(movielens, tmp_path):
    out = tmp_path / "out.json"
    settings = [part for each in SAR for part in ("--set", f"cooccurrence.{each}")]

    code = ran(*movielens, "--algorithms", "cooccurrence", *settings, "--half-life-days", 30, "--k", 10, "--json", out)

    (result,) = json.loads(out.read_text())["results"]
    published = {"map@10": 0.114038, "ndcg@10": 0.393819, "precision@10": 0.340615, "recall@10": 0.185377}
    assert code == 0
    assert {name: round(result["metrics"][name], 6) for name in published} == published


@pytest.mark.slow
def test_ease_has_the_number_of_an_independent_check_through_the_form_that_scripts_use(movielens, tmp_path):
    out = tmp_path / "out.json"

    code = ran(*movielens, "--algorithms", "ease,popularity", "--set", "ease.l2=400", "--k", "10", "--json", out)

    ease, popularity = json.loads(out.read_text())["results"]
    assert code == 0
    assert round(ease["metrics"]["ndcg@10"], 4) == 0.4855
    assert {"algorithm", "metrics", "fit_s", "recommend_s", "peak_mb"} <= set(popularity)
    assert {"ndcg@10", "precision@10", "recall@10", "map@10", "hit_rate@10"} <= set(popularity["metrics"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "give --train TRAIN and --test TEST, or --interactions FILE", id="no files"),
        pytest.param(["--train", "none.csv", "--test", "none.csv"], "none.csv does not exist", id="a file that is not"),
        pytest.param(
            ["--interactions", "rows.csv", "--train", "rows.csv"], "give either --interactions, or", id="both"
        ),
        pytest.param(["--interactions", "rows.csv", "--k", "0"], "--k '0' must be whole numbers", id="k of 0"),
        pytest.param(["--interactions", "rows.csv", "--split", "given"], "--split given needs --train", id="given"),
        pytest.param(["--interactions", "rows.csv", "--algorithms", "alz"], "no algorithm 'alz'", id="an algorithm"),
        pytest.param(["--interactions", "rows.csv", "--type-weight", "buy=1"], "unknown field `buy`", id="a type"),
        pytest.param(
            ["--train", "rows.csv", "--test", "rows.csv", "--split", "time"], "needs --interactions", id="split"
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, arguments, message):
    (tmp_path / "rows.csv").write_text("user_id,item_id,timestamp\nann,a,2026-01-01\nann,b,2026-01-02\n")
    placed = [str(tmp_path / each) if each.endswith(".csv") else each for each in arguments]

    code = ran(*placed)

    told = capsys.readouterr().err
    assert code == 1
    assert message in told
    assert told.count("\n") == 1
