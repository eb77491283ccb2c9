"""`recsys backtest` as scripts use it, on MovieLens 100k as published and on small files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs.cli import main

SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATINGS = SHARED / "movielens-100k" / "u.data"
ROWS = [f"u{user},i{item},2026-01-{item + 1:02d}\n" for user in range(9) for item in range(9) if user != item]
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


USERS, ITEMS = 60, 40


def pairs(cells):
    """The cells as rows; ids are numbers with zeros before them, and every tenth of them is a text."""
    rows = [(f"{user:04d}", f"x{item}" if item % 10 == 0 else f"{item:03d}") for user, item in np.argwhere(cells)]
    return pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")


def metrics_of(scores, relevant, ranked, k):
    """Means over users with test items, from scores alone; of equal ones those that were chosen come last."""
    found = {"ndcg": [], "precision": [], "recall": [], "map": [], "hit_rate": []}
    for user in np.flatnonzero(relevant.any(axis=1)):
        items = np.flatnonzero(ranked[user])
        order = items[np.lexsort((relevant[user, items], -scores[user, items]))][:k]
        hit = np.zeros(k)
        hit[: len(order)] = relevant[user, order]
        wanted, places = relevant[user].sum(), np.arange(1, k + 1)
        found["ndcg"].append((hit / np.log2(places + 1)).sum() / (1 / np.log2(places + 1))[:wanted].sum())
        found["precision"].append(hit.sum() / k)
        found["recall"].append(hit.sum() / wanted)
        found["map"].append((hit * np.cumsum(hit) / places).sum() / wanted)
        found["hit_rate"].append(hit.max())
    return {f"{name}@{k}": np.mean(values) for name, values in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("sampled", [False, True], ids=["all items", "candidates"])
def test_every_metric_is_that_of_scores_made_without_us(tmp_path, sampled):
    """EASE in closed form and popularity as a sum, which ties often, on random files: the form that scripts use."""
    rng = np.random.default_rng(4)
    had = rng.random((USERS, ITEMS)) < rng.uniform(0.05, 0.4, ITEMS)
    chosen = ~had & (rng.random((USERS, ITEMS)) < 0.1)
    allowed = chosen | (~had & (rng.random((USERS, ITEMS)) < 0.4))
    allowed[:3] = False  # who has no candidates
    pairs(had).with_columns(weight=2.5).write_csv(tmp_path / "train.csv")
    pairs(chosen).write_parquet(tmp_path / "test.parquet")
    pairs(allowed).write_csv(tmp_path / "candidates.csv")
    files = ["--train", tmp_path / "train.csv", "--test", tmp_path / "test.parquet"]
    if sampled:  # then all candidates are ranked, however few are served
        files += ["--candidates", tmp_path / "candidates.csv", "--set", "popularity.limit=3"]
    asked = ["--algorithms", "ease, popularity", "--set", "ease.l2=7", "--k", "3,10", "--json", tmp_path / "out.json"]

    code = ran(*files, *asked)

    x = had.astype(float)
    inverse = np.linalg.inv(x.T @ x + 7 * np.eye(ITEMS))
    weights = -inverse / inverse.diagonal() * (1 - np.eye(ITEMS))
    ranked = allowed if sampled else ~had
    ease, popularity = json.loads((tmp_path / "out.json").read_text())["results"]
    assert code == 0
    for k in (3, 10):
        for result, scores in ((ease, x @ weights), (popularity, np.tile(x.sum(axis=0), (USERS, 1)))):
            expected = metrics_of(scores, chosen, ranked, k)
            assert {name: result["metrics"][name] for name in expected} == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_who_reads_only_the_output_sees_the_table_and_no_progress(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id,timestamp\n" + "".join(ROWS))

    command = [sys.executable, "-m", "jobs.cli", "backtest", "--interactions", tmp_path / "rows.csv"]
    done = subprocess.run([*command, "--algorithms", "popularity"], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("┏")
    assert "popularity" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "ok popularity" in done.stderr


@pytest.mark.slow
def test_who_interrupts_is_told_so_in_a_line(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id,timestamp\n" + "".join(ROWS))
    command = [sys.executable, "-m", "jobs.cli", "backtest", "--interactions", tmp_path / "rows.csv"]
    running = subprocess.Popen(
        [*command, "--json", tmp_path / "out.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    while "ok" not in running.stderr.readline():
        assert running.poll() is None
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to the algorithm's process, too
    out, err = running.communicate(timeout=60)

    assert (running.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not (tmp_path / "out.json").exists()


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
        pytest.param(
            ["--interactions", "rows.csv", "--set", "ease.l3=1"], "unknown field `l3`; ease takes l2", id="set"
        ),
        pytest.param(
            ["--interactions", "rows.csv", "--set", "ease.l2=x"], "ease: Expected `float`, got `str`", id="text"
        ),
        pytest.param(["--interactions", "rows.csv", "--set", "ease.l2=0"], "Expected `float` > 0.0", id="a limit"),
        pytest.param(
            ["--interactions", "rows.csv", "--set", "l2=4"], "must have the form algorithm.field=v", id="form"
        ),
        pytest.param(["--interactions", "empty.csv"], "empty.csv cannot be read as csv", id="an empty file"),
        pytest.param(["--interactions", "header.csv"], "header.csv has no rows", id="no rows"),
        pytest.param(
            ["--interactions", "rows.csv", "--json", "none/out.json"], "there is no folder", id="a folder that is not"
        ),
        pytest.param(["--interactions", "rows.csv", "--html", "."], "cannot be written: it is a folder", id="a folder"),
        pytest.param(
            ["--interactions", "rows.csv", "--weight-column", "stars"], "no column 'stars'", id="a column that is not"
        ),
        pytest.param(
            ["--train", "rows.csv", "--test", "rows.csv", "--candidates", "header.csv"], "has no rows", id="nobody"
        ),
        pytest.param(["--interactions", "rows.csv", "--type-weight", "buy=1"], "unknown field `buy`", id="a type"),
        pytest.param(
            ["--train", "rows.csv", "--test", "rows.csv", "--split", "time"], "needs --interactions", id="split"
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, arguments, message):
    (tmp_path / "rows.csv").write_text("user_id,item_id,timestamp\nann,a,2026-01-01\nann,b,2026-01-02\n")
    (tmp_path / "header.csv").write_text("user_id,item_id\n")
    (tmp_path / "empty.csv").write_text("")
    placed = [str(tmp_path / each) if each.endswith((".csv", ".json")) else each for each in arguments]

    code = ran(*placed)

    told = capsys.readouterr().err
    assert code == 1
    assert message in told
    assert told.count("\n") == 1
