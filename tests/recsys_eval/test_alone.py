"""`pip install recsys-suite[eval]` is enough: commands run where nothing else of the environment can be found."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import polars as pl
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow
OURS = {"recsys_pipelines", "recsys_algo", "serving", "assets", "jobs"}
BLOCK = """
import json, sys
blocked = set(json.loads(sys.argv.pop(1)))
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from recsys_eval.cli import main
main(sys.argv[1:])
"""


def needed(name: str, extra: str = "", found: set[str] | None = None) -> set[str]:
    """The distribution and all that it requires, with the extra."""
    found = set() if found is None else found
    found.add(canonicalize_name(name))
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return found
    for requirement in map(Requirement, lines):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if wanted and (requirement.extras or canonicalize_name(requirement.name) not in found):
            for each in requirement.extras or {""}:
                needed(requirement.name, each, found)
    return found


@pytest.fixture(scope="module")
def blocked() -> str:
    """The top-level modules of this environment that the extra does not bring."""
    allowed = needed("recsys-suite", "eval")
    modules = packages_distributions()
    others = {
        name
        for name, owners in modules.items()
        if not {canonicalize_name(owner) for owner in owners} & allowed and name not in sys.stdlib_module_names
    }
    return json.dumps(sorted((others | OURS) - {"recsys_eval", "data_contracts"}))


def ran(blocked: str, *arguments: object) -> tuple[int, str, str]:
    command = [sys.executable, "-c", BLOCK, blocked, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_extra_leaves_out_what_it_should(blocked):
    assert {"dagster", "mlflow", "duckdb", "implicit", "litestar", *OURS} <= set(json.loads(blocked))
    assert not {"polars", "numpy", "scipy", "cyclopts", "httpx"} & set(json.loads(blocked))


def test_metrics_and_a_gate_with_its_report_run_alone(blocked, tmp_path):
    users = [f"u{n}" for n in range(60)]
    truth = pl.DataFrame({"user_id": users, "item_id": [f"i{n % 9}" for n in range(60)]})
    truth.write_parquet(tmp_path / "truth.parquet")
    truth.with_columns(rank=pl.lit(1)).head(50).write_ndjson(tmp_path / "recs.jsonl")
    files = ("--truth", tmp_path / "truth.parquet", "--train", tmp_path / "truth.parquet")
    same = ("--candidate", tmp_path / "recs.jsonl", "--incumbent", tmp_path / "recs.jsonl", *files)

    metrics = ran(blocked, "metrics", "--recs", tmp_path / "recs.jsonl", *files)
    report = ran(blocked, "report", *same, "--out", tmp_path / "report")

    assert (metrics[0], json.loads(metrics[1])["users"]) == (0, 60), metrics[2]
    assert (report[0], json.loads(report[1])["decision"]) == (0, "promoted"), report[2]
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000


def test_experiments_logs_and_interleaving_are_judged_alone(blocked, tmp_path):
    people = [f"u{n}" for n in range(400)]
    (tmp_path / "plan.json").write_text('{"experiment_id": "e", "control": "old", "shares": {"old": 0.5, "new": 0.5}}')
    pl.DataFrame({"subject_id": people, "variant": ["old", "new"] * 200}).write_csv(tmp_path / "arms.csv")
    pl.DataFrame({"subject_id": people, "purchases": [n % 5 == 0 for n in range(400)]}).cast(
        {"purchases": pl.Int64}
    ).write_csv(tmp_path / "users.csv")
    shown = pl.DataFrame({"request_id": people, "item_id": "x", "reward": 1.0, "propensity": 0.5, "target": 0.5})
    shown.with_columns(team=pl.lit("a")).write_csv(tmp_path / "log.csv")
    recorded = ("--plan", tmp_path / "plan.json", "--assignments", tmp_path / "arms.csv")

    decided = ran(blocked, "experiment", *recorded, "--users", tmp_path / "users.csv", "--html", tmp_path / "page.html")
    estimated = ran(blocked, "ope", "--log", tmp_path / "log.csv")
    preferred = ran(blocked, "interleave", "--shown", tmp_path / "log.csv")

    assert (decided[0], json.loads(decided[1])["decision"]) == (3, "hold"), decided[2]
    assert "<svg" in (tmp_path / "page.html").read_text()
    assert (estimated[0], json.loads(estimated[1])["estimates"][0]["value"]) == (0, 1.0), estimated[2]
    assert (preferred[0], json.loads(preferred[1])["preferred"]) == (0, "a"), preferred[2]
