import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.ease import Ease
from recsys_pipelines.algorithms.popularity import Popularity
from recsys_pipelines.backtest.backtest import Ask, backtest
from recsys_pipelines.backtest.errors import FailedRun
from recsys_pipelines.backtest.preparing import Weighing
from recsys_pipelines.backtest.running import Terms, laid_out, run
from recsys_pipelines.backtest.splitting import Plan, Sides, given

pytestmark = pytest.mark.slow  # every algorithm runs in a process of its own


@pytest.fixture
def posed(world):
    """Who had every other item of ten, to be asked for the one that is missing."""
    truth = [(f"u{n}", f"i{n}", 20) for n in range(10)]
    return given(world.events(world.checkerboard(10, 10)), world.events(truth), Plan(kind="given"), Sides())


def test_a_personal_model_finds_the_missing_field_and_the_list_for_everybody_does_not(posed):
    told = []

    found = backtest(
        posed,
        {"als": Als(factors=4), "popularity": Popularity()},
        Ask(plan=Plan(kind="given"), k=(1,)),
        told=lambda label, result: told.append((label, result is not None)),
    )

    als, popularity = found.results
    assert als.metrics["ndcg@1"] == 1.0
    assert popularity.metrics["ndcg@1"] < 1.0
    assert told == [("als", False), ("als", True), ("popularity", False), ("popularity", True)]
    assert [(each.better, each.than) for each in found.comparisons] == [("als", "popularity")]
    assert found.protocol.users == 10
    assert set(found.definitions) == {name.partition("@")[0] for name in als.metrics}
    assert als.settings["factors"] == 4


def test_the_peak_is_that_of_the_algorithm_and_not_of_who_asked(posed, tmp_path):
    (place,) = laid_out(posed.questions, tmp_path)
    ballast = np.ones(100_000_000)  # 800 MB

    _, measured = run("popularity", Popularity(), place, Terms(), folder=tmp_path)

    assert ballast.sum() == 100_000_000
    assert 50 < measured.base_mb <= measured.peak_mb < 700


def test_weights_count_unless_they_are_left_aside(world, tmp_path):
    rows = pl.DataFrame({"user_id": ["ann", "bob", "cas"], "item_id": ["a", "a", "b"], "weight": [1, 1, 5]})
    posed = given(world.events(rows), world.events([("ann", "b", 0)]), Plan(kind="given", keep_seen=True), Sides())
    (place,) = laid_out(posed.questions, tmp_path)

    weighted, _ = run("popularity", Popularity(), place, Terms(), folder=tmp_path)
    binary, _ = run("popularity", Popularity(), place, Terms(weighing=Weighing(binary=True)), folder=tmp_path)

    assert weighted["item_id"].to_list() == ["b", "a"]
    assert binary["item_id"].to_list() == ["a", "b"]


def test_what_an_algorithm_warns_of_is_in_the_report(world):
    """Half the items of a thousand at one megabyte: ease leaves them to sparse_ease."""
    train = [(f"u{user}", f"i{item}", 0) for user in range(600) for item in (user, user + 1)]
    posed = given(world.events(train), world.events([("u1", "i5", 1)]), Plan(kind="given"), Sides())

    found = backtest(posed, {"ease": Ease(memory_budget_mb=1)}, Ask(plan=Plan(kind="given")))

    assert len(found.warnings) == 1
    assert "more than memory_budget_mb 1: sparse_ease is fitted instead" in found.warnings[0]


def test_a_run_that_fails_says_whose_and_why(posed, tmp_path):
    (place,) = laid_out(posed.questions, tmp_path)
    (place / "events.parquet").unlink()

    with pytest.raises(FailedRun, match=r"popularity could not be run: .*events"):
        run("popularity", Popularity(), place, Terms(), folder=tmp_path)


def test_neither_dagster_nor_mlflow_is_imported():
    code = """
import sys, jobs.commands.backtest, recsys_pipelines.backtest.backtest, recsys_pipelines.backtest.job
from recsys_pipelines.algorithm import discover
discover()
print([name for name in ("dagster", "mlflow", "great_expectations", "pandas", "optuna") if name in sys.modules])
"""

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
