"""The files under examples/data are what their generators make, small, and read once."""

import runpy
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from data_contracts.documents import parse
from recsys_pipelines.synthetic_files import differences, main

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = ("ecommerce_mini", "video_mini", "dirty")


def writer(name: str):
    return runpy.run_path(str(EXAMPLES / "data" / name / "generate.py"))["write_files"]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_files_are_what_their_generator_makes(name):
    assert differences(writer(name), EXAMPLES / "data" / name) == []


def test_a_changed_file_and_a_missing_one_are_found(tmp_path):
    write = writer("video_mini")
    write(tmp_path)
    (tmp_path / "videos.csv").write_text("something else")
    (tmp_path / "rated.jsonl").unlink()

    assert differences(write, tmp_path) == ["rated.jsonl", "videos.csv"]


def test_a_parquet_file_with_other_rows_is_found(tmp_path):
    write = writer("ecommerce_mini")
    write(tmp_path)
    pl.read_parquet(tmp_path / "events.parquet").tail(-1).write_parquet(tmp_path / "events.parquet")

    assert differences(write, tmp_path) == ["events.parquet"]


def test_check_writes_nothing_and_fails_if_a_file_is_missing(tmp_path, capsys):
    code = main(writer("video_mini"), tmp_path, ["--check"])

    assert code == 1
    assert list(tmp_path.iterdir()) == []
    assert "videos.csv is not what generate.py makes" in capsys.readouterr().out


def test_an_unknown_argument_is_refused(tmp_path, capsys):
    assert main(writer("video_mini"), tmp_path, ["--chekc"]) == 2
    assert "'--chekc'" in capsys.readouterr().err


def test_a_generator_runs_as_a_script():
    script = EXAMPLES / "data" / "video_mini" / "generate.py"

    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0


def test_the_example_data_stays_under_three_megabytes():
    files = [path for path in (EXAMPLES / "data").rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert sum(path.stat().st_size for path in files) < 3_000_000


def test_the_parquet_copy_has_the_rows_of_the_csv():
    folder = EXAMPLES / "data" / "ecommerce_mini"
    typed = pl.read_parquet(folder / "events.parquet")
    texts = pl.read_csv(folder / "events.csv", infer_schema=False)

    assert texts.select("event_id", "type", "item_id").equals(typed.select("event_id", "type", "item_id"))
    assert texts["ts"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC").equals(typed["ts"])


def documents() -> list[Path]:
    return sorted(EXAMPLES.rglob("tenant.json"))


NAMES = {"ecommerce_mini": "demo", "video_mini": "video", "camel_case": "camel", "domain_events": "domain"}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.parent.name)
def test_every_tenant_document_is_valid_and_named_after_its_folder(path):
    group, name = path.parts[-3:-1]

    tenant = parse(path.read_bytes(), str(path)).tenant

    assert tenant in {NAMES.get(name, name), f"{group}_{name}"}


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.parent.name)
def test_every_source_names_one_file_so_that_no_copy_is_read_twice(path):
    sources = parse(path.read_bytes(), str(path)).sources
    paths = [source.path for source in (*sources.items, *sources.users, *sources.events)]

    assert [each for each in paths if "*" in each or each.endswith("/")] == []


def test_the_demo_shop_reads_the_csv_and_not_its_copy():
    path = EXAMPLES / "data" / "ecommerce_mini" / "tenant.json"

    assert [source.path for source in parse(path.read_bytes(), str(path)).sources.events] == ["events.csv"]


def test_no_real_data_is_in_the_project():
    foreign = (
        "u.data",
        "u.item",
        "u.user",
        "ratings.dat",
        "movies.dat",
        "online_retail.parquet",
        "transactions_sample.csv",
    )

    assert [path for name in foreign for path in EXAMPLES.rglob(name)] == []
