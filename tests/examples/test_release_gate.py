"""The gate that `.ci/run` runs: green on this checkout, red as soon as an algorithm is broken."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys_eval.cli import main

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
GATE = ROOT / "examples" / "release_gate"


@pytest.fixture(scope="module")
def example():
    """The script of the example, as a module, whose algorithms are fitted once for all tests."""
    spec = importlib.util.spec_from_file_location("recommend", GATE / "recommend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def green(example, tmp_path_factory):
    """The files that the script writes for this checkout, and what was fitted on the way."""
    out, tables = tmp_path_factory.mktemp("green"), {}
    example.write(out, lambda fitted: tables.update(fitted) or fitted)
    return out, tables


def verdict(out: Path, capsys) -> tuple[int, str, str]:
    arguments = [
        *("--candidate", out / "candidate.csv", "--incumbent", GATE / "incumbent.csv.gz", "--gate", GATE / "gate.json"),
        *("--truth", out / "truth.csv", "--train", out / "train.csv", "--catalog", out / "catalog.csv"),
    ]
    with pytest.raises(SystemExit) as stopped:
        main(["gate", *map(str, arguments)])
    said = json.loads(capsys.readouterr().out)
    return int(stopped.value.code or 0), said["decision"], said["reason"]


def turned_around(name, shape, table):
    """A sign is lost: users are told what they like least."""
    opposite = pl.col("vector").list.eval(-pl.element())
    return name, shape, table.with_columns(vector=pl.when(entity="user").then(opposite).otherwise(pl.col("vector")))


def mixed_up(name, shape, table):
    """What was learned is assigned to the wrong ids: everybody gets somebody else's."""
    return name, shape, table.with_columns(table["id"].gather(np.random.default_rng(0).permutation(table.height)))


def test_this_checkout_is_promoted(green, capsys):
    code, decision, reason = verdict(green[0], capsys)

    assert (code, decision) == (0, "promoted"), reason


@pytest.mark.parametrize("broken", [turned_around, mixed_up])
def test_a_broken_algorithm_is_red(broken, green, example, tmp_path, capsys):
    example.write(tmp_path, lambda fitted: {**fitted, "als": broken(*fitted["als"])})

    code, decision, reason = verdict(tmp_path, capsys)

    assert (code, decision) == (2, "rejected"), reason


def test_ci_runs_the_gate_and_the_gate_runs_these_files():
    makefile = (ROOT / "Makefile").read_text()
    target = re.search(r"^gate:.*?(?=\n\n)", makefile, re.MULTILINE | re.DOTALL).group()

    assert "make gate" in (ROOT / ".ci" / "run").read_text().splitlines()
    assert all(f"examples/release_gate/{name}" in target for name in ("recommend.py", "incumbent.csv.gz", "gate.json"))
