"""A run that is killed, and a candidate that is worse: as processes of their own, as a scheduler starts them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RECSYS = [sys.executable, "-m", "jobs.cli"]
SHUFFLED = '''
import msgspec, polars as pl
from typing import ClassVar

class Shuffled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """ALS, but whose vector belongs to whom was shuffled."""

    name: ClassVar[str] = "shuffled"
    shape: ClassVar[str] = "vectors"

    def fit(self, data):
        from recsys_pipelines.algorithms.als import Als
        table = Als().fit(data)
        return table.with_columns(vector=pl.col("vector").shuffle(seed=data.seed).over("entity"))
'''


def environ(home, tenants, *paths):
    return os.environ | {
        "RECSYS_HOME": str(home),
        "RECSYS_TENANTS": str(tenants),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, paths)]),
    }


def run(home, tenants, *paths):
    """The finished process of one daily run."""
    return subprocess.run(
        [*RECSYS, "run", "daily", "--tenant", "demo"],
        env=environ(home, tenants, *paths),
        capture_output=True,
        text=True,
        check=False,
    )


def run_killed_after(line, home, tenants):
    """Start a daily run and SIGKILL it as soon as it says that this step is done."""
    process = subprocess.Popen(
        [*RECSYS, "run", "daily", "--tenant", "demo"], env=environ(home, tenants), stderr=subprocess.PIPE, text=True
    )
    for said in process.stderr:
        if line in said:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    return process.returncode


def state(home):
    """Every table of the lake and every blob of the store, by path, and what is served."""
    tables = {p.relative_to(home): p.read_bytes() for p in (home / "lake").rglob("*.parquet")}
    blobs = {p.relative_to(home): p.read_bytes() for p in (home / "store" / "blobs").rglob("*") if p.is_file()}
    pointers = {p.name: json.loads(p.read_bytes())["generation"] for p in (home / "store" / "current").rglob("*.json")}
    return tables, blobs, pointers


@pytest.fixture(scope="module")
def tenants(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tenants")
    shutil.copytree(ROOT / "examples" / "data" / "ecommerce_mini", folder / "demo")
    return folder


@pytest.fixture(scope="module")
def undisturbed(tenants, tmp_path_factory):
    """The home of a run that nobody killed."""
    home = tmp_path_factory.mktemp("undisturbed")
    done = run(home, tenants)
    assert done.returncode == 0, done.stderr
    return home


@pytest.mark.parametrize("step", ["ok staged", "ok evaluation_gate"])
def test_a_killed_run_that_is_started_again_ends_where_an_undisturbed_one_does(step, undisturbed, tenants, tmp_path):
    killed = run_killed_after(step, tmp_path, tenants)
    again = run(tmp_path, tenants)

    assert killed == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    assert state(tmp_path) == state(undisturbed)


def test_the_gate_stops_a_shuffled_algorithm_with_exit_code_2(undisturbed, tenants, tmp_path):
    home, plugin, worse = (tmp_path / name for name in ("home", "plugin", "worse"))
    shutil.copytree(undisturbed, home)
    (plugin / "shuffled-1.0.dist-info").mkdir(parents=True)
    (plugin / "shuffled.py").write_text(SHUFFLED)
    (plugin / "shuffled-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shuffled\nVersion: 1.0\n")
    (plugin / "shuffled-1.0.dist-info" / "entry_points.txt").write_text(
        "[recsys.algorithms]\nshuffled = shuffled:Shuffled\n"
    )
    shutil.copytree(tenants, worse)
    document = json.loads((worse / "demo" / "tenant.json").read_text())
    document["algorithms"]["als"] = {"algorithm": "shuffled"}
    (worse / "demo" / "tenant.json").write_text(json.dumps(document))

    done = run(home, worse, plugin)

    assert done.returncode == 2, done.stderr
    assert "stopped by the gate" in done.stdout
    assert state(home)[2] == state(undisturbed)[2]
